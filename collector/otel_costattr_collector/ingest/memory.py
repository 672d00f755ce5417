"""Calls that counted a while ago, so that late copies of them are recognised."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from typing_extensions import override

from otel_costattr.calls import Counted, Verdict, counted, keys_of
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
        self._known: Final[dict[str, Counted]] = {}
        self._order: Final[deque[tuple[Counted, tuple[str, ...]]]] = deque()
        self.links: Final[OrderedDict[str, str]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._order)

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
        return _OfTenant(self._known, key_tenant)

    def remember(self, verdicts: Iterable[Verdict], key_tenant: str) -> None:
        """Remember the calls that count, under the keys of their duplicates too."""
        decided = list(verdicts)
        calls: dict[str, Counted] = {}
        for verdict in decided:
            if verdict.kind == "counts":
                found = counted(verdict.span, verdict.call, scopes=verdict.scopes)
                calls[found.ref] = found
        for verdict in decided:
            ref = verdict.duplicate_of or f"{verdict.span.trace_id}:{verdict.span.span_id}"
            call = calls.get(ref)
            if call is not None:
                self._put(call, keys_of(verdict.span, verdict.call), key_tenant)

    def _put(self, call: Counted, keys: Iterable[str], key_tenant: str) -> None:
        own = tuple(_named(key_tenant, key) for key in keys)
        self._known.update(dict.fromkeys(own, call))
        self._order.append((call, own))
        while len(self._order) > self._max_calls:
            old, names = self._order.popleft()
            for name in names:
                if self._known.get(name) is old:
                    del self._known[name]


class _OfTenant(Mapping[str, Counted]):
    __slots__ = ("_key_tenant", "_known")

    def __init__(self, known: Mapping[str, Counted], key_tenant: str) -> None:
        self._known = known
        self._key_tenant = key_tenant

    @override
    def __getitem__(self, key: str) -> Counted:
        return self._known[_named(self._key_tenant, key)]

    @override
    def __iter__(self) -> Iterator[str]:
        prefix = _named(self._key_tenant, "")
        return (key.removeprefix(prefix) for key in self._known if key.startswith(prefix))

    @override
    def __len__(self) -> int:
        return len(self._known)


def _named(key_tenant: str, key: str) -> str:
    return f"{key_tenant}\0{key}"
