"""Calls that counted a while ago, so that late copies of them are recognised."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from otel_costattr.calls import Counted, Verdict, remember
from otel_costattr.model import Span


class Memory:
    """The last calls that counted and who was whose parent, bounded, one view a sender.

    Args:
        max_calls: Calls that are remembered; the oldest go first.
        max_links: Spans whose parent is remembered.
    """

    def __init__(self, *, max_calls: int, max_links: int) -> None:
        self._max_calls: Final = max_calls
        self._max_links: Final = max_links
        self._known: Final[dict[str, dict[str, Counted]]] = {}
        self._order: Final[deque[tuple[int, str, dict[str, Counted]]]] = deque()
        self._count = 0
        self.links: Final[OrderedDict[str, str]] = OrderedDict()

    def __len__(self) -> int:
        return self._count

    def link(self, spans: Iterable[Span]) -> None:
        """Remember whose parent is whose."""
        links = self.links
        for span in spans:
            if span.parent_span_id and span.span_id and span.signal == "span":
                trace = span.trace_id
                links[f"{trace}:{span.span_id}"] = f"{trace}:{span.parent_span_id}"
        while len(links) > self._max_links:
            links.popitem(last=False)

    def known(self, key_tenant: str) -> Mapping[str, Counted]:
        """Return what is remembered of one sender's calls, under their `keys_of`."""
        return self._known.get(key_tenant, _NOTHING)

    def remember(self, verdicts: Sequence[Verdict], key_tenant: str) -> None:
        """Remember what was decided together, so that what comes later is compared with it."""
        known = self._known.setdefault(key_tenant, {})
        added = remember(verdicts, links=self.links, known=known)
        known.update(added)
        self._order.append((len(verdicts), key_tenant, added))
        self._count += len(verdicts)
        while self._count > self._max_calls and len(self._order) > 1:
            self._forget(*self._order.popleft())

    def _forget(self, count: int, key_tenant: str, oldest: Mapping[str, Counted]) -> None:
        self._count -= count
        known = self._known.get(key_tenant, {})
        for name, call in oldest.items():
            if known.get(name) is call:
                del known[name]
        if not known:
            self._known.pop(key_tenant, None)


_NOTHING: Final[Mapping[str, Counted]] = MappingProxyType({})
