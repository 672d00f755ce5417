"""Which months are closed, and the date of what is booked: never one of theirs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from otel_costattr.errors import StoreError

from ..ledger import Line
from ..ledger.dates import EVENT, dated
from ..months import Month, month_of
from ..store import Store
from .records import Record, in_force, records

REFRESH_S: Final = 15.0
"""How soon a collector learns what another one of the same server closed."""

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    read_s: float
    since_ns: int | None
    closings: Mapping[str, Record]
    spans: tuple[tuple[int, int, str], ...]
    """Start, end and name of each closed month, in order."""


class ClosedMonths:
    """Knows the closed months; for any number of threads.

    Args:
        store: Where they are kept.
        count: Told how many lines got a later date.
        clock: Seconds, never going back.
    """

    def __init__(
        self,
        store: Store,
        *,
        count: Callable[[int], object] = int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store: Final = store
        self._count: Final = count
        self._clock: Final = clock
        self._known: _Known | None = None
        self.lock: Final = threading.Lock()
        """Held from the look at the calendar until what was dated by it is recorded, by whoever
        does not hold the lock of amendments; and while a month is closed."""

    def names(self) -> frozenset[str]:
        """Return the closed months, such as `2026-10`.

        Raises:
            StoreError: The store does not answer, and nothing is known yet.
        """
        return frozenset(self._current().closings)

    def since_ns(self) -> int | None:
        """Return when a month was closed for the first time; None if none ever was.

        No line that is dated later than it happened has an earlier date.

        Raises:
            StoreError: The store does not answer, and nothing is known yet.
        """
        return self._current().since_ns

    def dated(self, lines: Sequence[Line], now_ns: int) -> Sequence[Line]:
        """Date lines of closed months now instead; when they happened stays noted in them.

        Args:
            lines: What is about to be booked.
            now_ns: The time, nanoseconds UTC; after the closed months if it is in one of them.

        Raises:
            StoreError: The store does not answer, and nothing is known yet.
        """
        spans = self._current().spans
        if not spans:
            return lines
        at_ns = _after(spans, now_ns)
        made = [_moved(line, spans, at_ns) for line in lines]
        moved = sum(new is not old for new, old in zip(made, lines, strict=True))
        if moved:
            self._count(moved)
        return made if moved else lines

    def read(self) -> Mapping[str, Record]:
        """Ask the store again, and return the closing of each closed month.

        Raises:
            StoreError: The store refused or did not answer.
        """
        self._known = known = self._read()
        return known.closings

    def expect(self, month: Month) -> None:
        """Take a month for closed until the store is read again.

        Raises:
            StoreError: The store does not answer, and nothing is known yet.
        """
        known = self._current()
        spans = sorted({*known.spans, (month.start_ns, month.end_ns, month.name)})
        self._known = _Known(
            read_s=known.read_s,
            since_ns=known.since_ns,
            closings=known.closings,
            spans=tuple(spans),
        )

    def _current(self) -> _Known:
        known = self._known
        if known is None:
            known = self._known = self._read()
        elif self._clock() - known.read_s > REFRESH_S:
            try:
                known = self._known = self._read()
            except StoreError as error:
                _log.warning("closed months are those that were known before: %s", error)
        return known

    def _read(self) -> _Known:
        found = records(self._store)
        closings = in_force(found)
        zone = self._store.layout.time_zone
        months = (month_of(name, zone) for name in closings)
        return _Known(
            read_s=self._clock(),
            since_ns=min((one.recorded_ns for one in found), default=None),
            closings=closings,
            spans=tuple(sorted((one.start_ns, one.end_ns, one.name) for one in months)),
        )


def _moved(line: Line, spans: Sequence[tuple[int, int, str]], at_ns: int) -> Line:
    event_ns: Any = line[EVENT]
    if event_ns >= spans[-1][1]:
        return line
    for start_ns, end_ns, name in spans:
        if start_ns <= event_ns < end_ns:
            return dated(line, at_ns, closed=name)
    return line


def _after(spans: Sequence[tuple[int, int, str]], now_ns: int) -> int:
    """Return the time, or the first moment after it that is in no closed month."""
    for start_ns, end_ns, _ in spans:
        if start_ns <= now_ns < end_ns:
            now_ns = end_ns
    return now_ns
