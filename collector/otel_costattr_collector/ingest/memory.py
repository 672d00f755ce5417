"""Calls that counted a while ago, so that late copies of them are recognised."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from otel_costattr.calls import Known, KnownCalls, Verdict, remember
from otel_costattr.calls.known import NOTHING_KNOWN, Added
from otel_costattr.model import Span

_SPAN_DIGITS: Final = 16


class Parents:
    """Who is whose parent, the last of them: hashes and numbers take a fifth of the names' memory.

    Args:
        most: Spans whose parent is remembered; the oldest go first.
    """

    __slots__ = ("_most", "_order", "_parents")

    def __init__(self, most: int) -> None:
        self._most: Final = most
        self._parents: Final[dict[int, int]] = {}
        self._order: Final[deque[int]] = deque()

    def __len__(self) -> int:
        return len(self._parents)

    def __contains__(self, ref: object) -> bool:
        return hash(ref) in self._parents

    def get(self, ref: str, /) -> str | None:
        """Return the parent of a span as `trace_id:span_id`, or None."""
        parent = self._parents.get(hash(ref))
        return None if parent is None else f"{ref[:-_SPAN_DIGITS]}{parent:016x}"

    def add(self, spans: Iterable[Span]) -> None:
        """Remember whose parent is whose."""
        parents, order = self._parents, self._order
        for span in spans:
            parent = span.parent_span_id
            if parent and span.signal == "span" and len(span.span_id) == _SPAN_DIGITS:
                key = hash(f"{span.trace_id}:{span.span_id}")
                if key not in parents:
                    order.append(key)
                parents[key] = int(parent, 16)
        while len(order) > self._most:
            del parents[order.popleft()]


class Memory:
    """The last calls that counted and who was whose parent, bounded, one view a sender.

    Args:
        max_calls: Calls that are remembered; the oldest go first.
        max_links: Spans whose parent is remembered.
    """

    def __init__(self, *, max_calls: int, max_links: int) -> None:
        self._max_calls: Final = max_calls
        self._known: Final[dict[str, KnownCalls]] = {}
        self._order: Final[deque[tuple[int, str, Added]]] = deque()
        self._count = 0
        self.links: Final = Parents(max_links)

    def __len__(self) -> int:
        return self._count

    def link(self, spans: Iterable[Span]) -> None:
        """Remember whose parent is whose."""
        self.links.add(spans)

    def known(self, key_tenant: str, spans: Iterable[Span] = ()) -> Known:
        """Return what is remembered of one sender's calls, under their `keys_of`.

        Args:
            key_tenant: The tenant that the sender's key proves, or `''`.
            spans: What is to be compared with them.
        """
        known = self._known.get(key_tenant)
        if known is None:
            return NOTHING_KNOWN
        for span in spans:
            known.hear_of(span.scope_name)
        return known

    def remember(self, verdicts: Sequence[Verdict], key_tenant: str) -> None:
        """Remember what was decided together, so that what comes later is compared with it."""
        known = self._known.get(key_tenant)
        if known is None:
            known = self._known[key_tenant] = KnownCalls()
        for verdict in verdicts:
            known.hear_of(verdict.span.scope_name)
        added = known.add(remember(verdicts, links=self.links, known=known))
        self._order.append((len(verdicts), key_tenant, added))
        self._count += len(verdicts)
        while self._count > self._max_calls and len(self._order) > 1:
            self._forget(*self._order.popleft())

    def _forget(self, count: int, key_tenant: str, oldest: Added) -> None:
        self._count -= count
        known = self._known.get(key_tenant)
        if known is not None:
            known.forget(oldest)
            if not known:
                del self._known[key_tenant]
