"""Spans that wait for others that may tell of the same call."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from otel_costattr.model import ModelCall, Span

from ..journal import SpansRecord

SLACK_NS: Final = 20_000_000


@dataclass(slots=True, kw_only=True, eq=False)
class Pending:
    """One span that no block took yet.

    Attributes:
        number: Of its `SpansRecord`.
        place: Inside that record.
        segment: Of the journal, where the record stands.
        received_ns: When it came, nanoseconds UTC.
        key_tenant: The tenant that the sender's key proves, or `''`.
        span: The span.
        call: What it says of a call; None if it only says who is whose parent.
        taken: Whether it has left.
        resent: Whether it is a copy of one that was taken before; it only has to leave.
    """

    number: int
    place: int
    segment: int
    received_ns: int
    key_tenant: str
    span: Span
    call: ModelCall | None = None
    taken: bool = False
    resent: bool = False


def pending_of(record: SpansRecord, segment: int) -> list[Pending]:
    """Return every span of a record as pending.

    Args:
        record: What the journal holds.
        segment: Where it holds it.
    """
    return [
        Pending(
            number=record.number,
            place=place,
            segment=segment,
            received_ns=record.received_ns,
            key_tenant=record.key_tenant,
            span=span,
        )
        for place, span in enumerate(record.spans)
    ]


class Settling:
    """Pending spans in order of receipt, and who may belong together among them.

    Args:
        settle_ns: How long a call waits.
        wrapper_settle_ns: How long a wrapper's sum waits.
        read: Reads what a span says.
    """

    def __init__(
        self, *, settle_ns: int, wrapper_settle_ns: int, read: Callable[[Span], ModelCall | None]
    ) -> None:
        self._windows: Final = {"call": settle_ns, "aggregate": wrapper_settle_ns}
        self._read: Final = read
        self._queues: Final[dict[str, deque[Pending]]] = {"call": deque(), "aggregate": deque()}
        self._by_trace: Final[defaultdict[str, list[Pending]]] = defaultdict(list)
        self._by_response: Final[defaultdict[str, list[Pending]]] = defaultdict(list)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def oldest_ns(self) -> int | None:
        """When the oldest span that waits was received; None if none waits. From any thread."""
        heads = [pending.received_ns for queue in self._queues.values() for pending in _head(queue)]
        return min(heads, default=None)

    def add(self, arrived: Iterable[Pending]) -> None:
        """Read what came and let it wait."""
        for item in arrived:
            item.call = None if item.resent else self._read(item.span)
            role = item.call.role if item.call else "call"
            self._queues[role].append(item)
            self._by_trace[_trace_of(item)].append(item)
            if item.call and item.call.response_id:
                self._by_response[item.call.response_id].append(item)
            self._count += 1

    def take(self, now_ns: int | None, *, limit: int) -> list[Pending]:
        """Take what has waited long enough, and younger spans that may be the same calls.

        Args:
            now_ns: The time, nanoseconds UTC; None takes what has not waited, too.
            limit: About how many at once.
        """
        taken: list[Pending] = []
        for role, queue in self._queues.items():
            before = None if now_ns is None else now_ns - self._windows[role]
            while queue and len(taken) < limit and _is_due(queue[0], before):
                item = queue.popleft()
                if not item.taken:
                    taken.extend(self._together(item))
        self._forget(taken)
        return taken

    def _together(self, first: Pending) -> Iterator[Pending]:
        """Yield a span and all that may be its call, directly or through others."""
        first.taken = True
        stack = [first]
        while stack:
            item = stack.pop()
            yield item
            for other in self._near(item):
                if not other.taken:
                    other.taken = True
                    stack.append(other)

    def _near(self, item: Pending) -> Iterator[Pending]:
        if item.call is None:
            return
        if item.call.response_id:
            yield from self._by_response[item.call.response_id]
        beneath = item.call.role == "aggregate"
        for other in self._by_trace[_trace_of(item)]:
            if other.call and other.call.role == "call" and (beneath or _overlap(item, other)):
                yield other

    def _forget(self, taken: list[Pending]) -> None:
        self._count -= len(taken)
        for trace_id in {_trace_of(item) for item in taken}:
            _drop_taken(self._by_trace, trace_id)
        for response_id in {item.call.response_id for item in taken if item.call}:
            if response_id:
                _drop_taken(self._by_response, response_id)


def _trace_of(item: Pending) -> str:
    """Name the trace; events outside traces have nothing to do with each other."""
    return item.span.trace_id or item.span.ref


def _head(queue: deque[Pending]) -> list[Pending]:
    try:
        return [queue[0]]
    except IndexError:
        return []


def _is_due(item: Pending, before_ns: int | None) -> bool:
    return item.taken or before_ns is None or item.received_ns <= before_ns


def _drop_taken(index: defaultdict[str, list[Pending]], key: str) -> None:
    left = [item for item in index.pop(key, ()) if not item.taken]
    if left:
        index[key] = left


def _overlap(one: Pending, other: Pending) -> bool:
    mine, theirs = one.span, other.span
    return mine.start_ns <= theirs.end_ns + SLACK_NS and theirs.start_ns <= mine.end_ns + SLACK_NS
