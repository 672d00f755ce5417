"""Manners of a guest in somebody else's process: never raise, count our own failures, stay small."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

__all__ = ["Captures", "Guard", "Statistics", "Tally", "override", "reset_after_fork"]

if TYPE_CHECKING:
    from typing_extensions import override
else:  # the standard library has it from Python 3.12 on

    def override(method: object) -> object:
        """Mark a method that overrides one of somebody else's class."""
        return method


_logger: Final = logging.getLogger("otel_costattr")
_logger.addHandler(logging.NullHandler())

NO_COUNTS: Final[Mapping[str, int]] = MappingProxyType({})
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What a processor or exporter has done in this process since it was made, or since a fork.

    Attributes:
        assessed: Status of an assessment, such as `priced` or `unpriced`, to the number of spans.
        refused: Reason, such as `too_long`, to the number of owner values that were dropped on
            their way in; the values are nowhere.
        baggage_ignored: Baggage members under keys that are not on the list, counted once a span.
        failures: Place in our own code to the number of errors caught there; the span went on
            without our attributes each time.
        evicted: Spans whose captured owner was given up because too many spans were open.
        open_spans: Spans that have a captured owner and have not ended.
    """

    assessed: Mapping[str, int] = field(default_factory=lambda: NO_COUNTS)
    refused: Mapping[str, int] = field(default_factory=lambda: NO_COUNTS)
    baggage_ignored: int = 0
    failures: Mapping[str, int] = field(default_factory=lambda: NO_COUNTS)
    evicted: int = 0
    open_spans: int = 0


class Tally:
    """Counters that threads may share and that start again after a fork."""

    def __init__(self) -> None:
        self.reset()
        reset_after_fork(self)

    def reset(self) -> None:
        """Start again from nothing, with a lock that nobody holds."""
        self._lock = threading.Lock()
        self._assessed: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._ignored = 0

    def assessed(self, status: str) -> None:
        """Count one assessed span."""
        with self._lock:
            self._assessed[status] += 1

    def claims(self, refused: Mapping[str, str], ignored: int) -> None:
        """Count what was dropped of the claims of one span."""
        with self._lock:
            self._refused.update(refused.values())
            self._ignored += ignored

    def failed(self, where: str, error: BaseException) -> None:
        """Count an error of ours; the first at each place is logged, with its trace."""
        with self._lock:
            self._failures[where] += 1
            first = self._failures[where] == 1
        if first:
            _logger.warning(
                "%s failed and the span went on without our attributes; further failures there "
                "are only counted.",
                where,
                exc_info=error,
            )

    def statistics(self, captures: Captures[V] | None = None) -> Statistics:
        """Return the counts so far."""
        with self._lock:
            return Statistics(
                assessed=MappingProxyType(dict(self._assessed)),
                refused=MappingProxyType(dict(self._refused)),
                baggage_ignored=self._ignored,
                failures=MappingProxyType(dict(self._failures)),
                evicted=captures.evicted if captures is not None else 0,
                open_spans=len(captures) if captures is not None else 0,
            )


class Guard:
    """Keeps the host from every error of our own code inside the `with` block.

    Only our code belongs inside: what the host gave us (an inner processor, an exporter) is called
    outside, so that its errors stay its own. What ends a program (`KeyboardInterrupt`,
    `SystemExit`) passes.
    """

    __slots__ = ("_tally", "_where")

    def __init__(self, tally: Tally, where: str) -> None:
        self._tally = tally
        self._where = where

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        self._tally.failed(self._where, error)
        return True


class Captures(Generic[V]):
    """What is remembered of spans that have started and not ended: bounded, the oldest goes first.

    Attributes:
        limit: The most spans that are remembered.
        evicted: How many were given up.
        kept: What is remembered, the oldest first.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.reset()
        reset_after_fork(self)

    def reset(self) -> None:
        """Forget everything."""
        self.evicted = 0
        self.kept: OrderedDict[object, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self.kept)

    def get(self, key: object) -> V | None:
        """Return what is remembered, or None."""
        return self.kept.get(key)

    def put(self, key: object, value: V) -> None:
        """Remember `value`; give the oldest up where there are too many."""
        self.kept[key] = value
        if len(self.kept) > self.limit:
            self.kept.popitem(last=False)
            self.evicted += 1

    def take(self, key: object) -> V | None:
        """Return and forget what is remembered, or None."""
        return self.kept.pop(key, None)


class Resettable(Protocol):
    """What holds state of this process that a forked child must not inherit."""

    def reset(self) -> None:
        """Start again from nothing, with locks that nobody holds."""


_after_fork: Final[weakref.WeakSet[Resettable]] = weakref.WeakSet()


def reset_after_fork(thing: Resettable) -> None:
    """Have `thing` reset in every child process, for as long as it lives."""
    _after_fork.add(thing)


def _reset_all() -> None:
    for thing in _after_fork:
        thing.reset()


if hasattr(os, "register_at_fork"):  # pragma: no branch - every system with fork has it
    os.register_at_fork(after_in_child=_reset_all)
