"""Which spans were taken already: senders resend what they doubt has arrived."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Final

from otel_costattr.model import EVENT_KEY, Span

_FREE: Final = 0
_MASK: Final = (1 << 64) - 1
_MIN_SLOTS: Final = 1 << 10


def key_of(span: Span, key_tenant: str = "") -> int:
    """Return 64 bits that name a span of a sender; the same within one process only.

    A span is named by its ids, a posted event by its key. What has no id of its own, such as a
    log record, is named by all that it says.
    """
    if span.signal == "span":
        name: tuple[object, ...] = (key_tenant, span.trace_id, span.span_id)
    elif span.signal == "event":
        name = (span.attributes.get(EVENT_KEY),)
    else:
        told = tuple(sorted((name, repr(value)) for name, value in span.attributes.items()))
        name = (key_tenant, span.trace_id, span.span_id, span.signal, span.start_ns, told)
    return hash(name) & _MASK or 1


class Seen:
    """The keys of the last spans, at least `limit / 2` and at most `limit` of them.

    Two generations of open-addressed tables of 64 bit numbers: about 16 bytes a key. When the
    young one is full, the old one goes.

    Args:
        limit: How many keys are remembered at most.
    """

    def __init__(self, limit: int) -> None:
        self._per_table: Final = max(1, limit // 2)
        slots = _MIN_SLOTS
        while slots < 2 * self._per_table:
            slots *= 2
        self._slots: Final = slots
        self._young = _table(slots)
        self._old = _table(1)
        self._count = 0

    def __contains__(self, key: int) -> bool:
        return _has(self._young, key) or _has(self._old, key)

    def add(self, keys: Iterable[int]) -> None:
        """Remember keys, none of which is 0."""
        for key in keys:
            if self._count >= self._per_table:
                self._old, self._young = self._young, _table(self._slots)
                self._count = 0
            self._count += _put(self._young, key)


def _table(slots: int) -> array[int]:
    return array("Q", bytes(8 * slots))


def _has(table: array[int], key: int) -> bool:
    mask = len(table) - 1
    place = key & mask
    while table[place] != _FREE:
        if table[place] == key:
            return True
        place = (place + 1) & mask
    return False


def _put(table: array[int], key: int) -> int:
    mask = len(table) - 1
    place = key & mask
    while table[place] != _FREE:
        if table[place] == key:
            return 0
        place = (place + 1) & mask
    table[place] = key
    return 1
