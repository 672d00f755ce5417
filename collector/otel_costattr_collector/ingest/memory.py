"""Calls that counted a while ago, so that late copies of them are recognised."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from typing_extensions import override

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
        self._known: Final[dict[str, Counted]] = {}
        self._order: Final[deque[tuple[int, dict[str, Counted]]]] = deque()
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
        return _OfTenant(self._known, key_tenant)

    def remember(self, verdicts: Sequence[Verdict], key_tenant: str) -> None:
        """Remember what was decided together, so that what comes later is compared with it."""
        added = {
            _named(key_tenant, key): call
            for key, call in remember(
                verdicts, links=self.links, known=self.known(key_tenant)
            ).items()
        }
        self._known.update(added)
        self._order.append((len(verdicts), added))
        self._count += len(verdicts)
        while self._count > self._max_calls and len(self._order) > 1:
            count, oldest = self._order.popleft()
            self._count -= count
            for name, call in oldest.items():
                if self._known.get(name) is call:
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
    def __contains__(self, key: object) -> bool:
        return f"{self._key_tenant}\0{key}" in self._known

    @override
    def __iter__(self) -> Iterator[str]:
        prefix = _named(self._key_tenant, "")
        return (key.removeprefix(prefix) for key in self._known if key.startswith(prefix))

    @override
    def __len__(self) -> int:
        return len(self._known)


def _named(key_tenant: str, key: str) -> str:
    return f"{key_tenant}\0{key}"
