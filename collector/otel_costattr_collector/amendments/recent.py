"""Telemetry that was booked a while ago, whole: what comes later is decided together with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from otel_costattr.calls import Verdict
from otel_costattr.calls.candidates import model_key
from otel_costattr.calls.known import BUCKET_NS
from otel_costattr.model import NOBODY, Assessment, ModelCall, Owner, Span

from ..ledger.lines import arrived_of, call_key_of

MOST_RELATED: Final = 400
"""Spans that are decided again with what comes later; of larger traces the youngest."""

MOST_BESIDE: Final = 64
"""Spans of one moment that are compared with one that comes; the youngest."""


@dataclass(slots=True, kw_only=True, eq=False)
class Told:
    """One span that was booked, and what was decided about it last.

    Attributes:
        key_tenant: The tenant that the sender's key proves, or `''`.
        span: The span.
        call: What it says.
        booked: The call of its first line, from which its names in the ledger are made.
        verdict: The last decision.
        owner: Who owns what it counts.
    """

    key_tenant: str
    span: Span
    call: ModelCall
    booked: ModelCall
    verdict: Verdict
    owner: Owner = NOBODY

    @property
    def arrived(self) -> str:
        """How the ledger names it: `trace_id:span_id`, or its source key."""
        return arrived_of(self._assessment())

    @property
    def call_key(self) -> str:
        """The key of the call that its first line counts."""
        return call_key_of(self._assessment())

    def _assessment(self) -> Assessment:
        return Assessment(
            span=self.span, call=self.booked, prices=(), owner=NOBODY, status="priced"
        )


class Recent:
    """The last spans that said something of a call, bounded, the oldest go first.

    Times are looked at only once a sender is seen to use several instrumentations, since one alone
    never tells of a call twice.

    Args:
        most: How many are kept.
    """

    def __init__(self, most: int) -> None:
        self._most: Final = most
        self._order: Final[deque[Told]] = deque()
        self._by_name: Final[dict[Hashable, list[Told]]] = {}
        self._scopes: Final[dict[str, set[str]]] = {}
        self._timed = False

    def __len__(self) -> int:
        return len(self._order)

    def add(self, told: Iterable[Told]) -> None:
        """Keep what was booked."""
        for one in told:
            scopes = self._scopes.setdefault(one.key_tenant, set())
            scopes.add(one.span.scope_name)
            if len(scopes) > 1 and not self._timed:
                self._look_at_times()
            self._order.append(one)
            self._index(one, _ties(one.key_tenant, one.span, one.call))
            if self._timed:
                self._index(one, _moments(one.key_tenant, one.span, one.call))
        while len(self._order) > self._most:
            self._forget(self._order.popleft())

    def related(self, key_tenant: str, pairs: Iterable[tuple[Span, ModelCall]]) -> list[Told]:
        """Find what may have to do with some spans, directly or through others, the oldest first.

        Args:
            key_tenant: The tenant that the sender's key proves, or `''`.
            pairs: What has come.
        """
        found: dict[int, Told] = {}
        look = list(pairs)
        while look and len(found) < MOST_RELATED:
            span, call = look.pop()
            for one in self._beside(key_tenant, span, call):
                if id(one) not in found:
                    found[id(one)] = one
                    look.append((one.span, one.call))
        return sorted(found.values(), key=lambda one: one.span.start_ns) if found else []

    def of_trace(self, key_tenant: str, trace_id: str) -> list[Told]:
        """List what was booked of a trace, the oldest first; nothing of a trace of one span."""
        told = self._by_name.get((key_tenant, trace_id), ())
        return list(islice(told, MOST_RELATED)) if len(told) > 1 else []

    def _beside(self, key_tenant: str, span: Span, call: ModelCall) -> Iterator[Told]:
        by_name = self._by_name
        for name in _ties(key_tenant, span, call):
            if name in by_name:
                yield from islice(reversed(by_name[name]), MOST_RELATED)
        scopes = self._scopes.get(key_tenant)
        if scopes is None or scopes <= {span.scope_name}:
            return
        if not self._timed:
            self._look_at_times()
        for name in _near(key_tenant, span, call):
            for one in islice(reversed(by_name.get(name, ())), MOST_BESIDE):
                if one.span.scope_name != span.scope_name:
                    yield one

    def _look_at_times(self) -> None:
        self._timed = True
        for one in self._order:
            self._index(one, _moments(one.key_tenant, one.span, one.call))

    def _index(self, one: Told, names: Iterable[Hashable]) -> None:
        for name in names:
            self._by_name.setdefault(name, []).append(one)

    def _forget(self, one: Told) -> None:
        names = list(_ties(one.key_tenant, one.span, one.call))
        if self._timed:
            names += _moments(one.key_tenant, one.span, one.call)
        for name in names:
            # The oldest span is the first one under each of its names.
            told = self._by_name[name]
            if len(told) > 1:
                del told[0]
            else:
                del self._by_name[name]


def _ties(key_tenant: str, span: Span, call: ModelCall) -> Iterator[Hashable]:
    if span.trace_id:
        yield key_tenant, span.trace_id
    if call.response_id:
        yield key_tenant, "response", call.response_id


def _moments(key_tenant: str, span: Span, call: ModelCall) -> Iterator[Hashable]:
    """Name begin and end in steps of two seconds, with the input tokens and with each model."""
    usage = call.usage
    total = None if usage is None else usage.input_total
    for step in _steps(span):
        if total is not None:
            yield key_tenant, "counts", total, step
        for model in _models(call):
            yield key_tenant, total is None, model, step


def _near(key_tenant: str, span: Span, call: ModelCall) -> Iterator[Hashable]:
    """Name what may be the same call: with as many input tokens, or one of both without counts."""
    steps = _steps(span)
    usage = call.usage
    for step in sorted({step + beside for step in steps for beside in (-1, 0, 1)}):
        if usage is not None:
            yield key_tenant, "counts", usage.input_total, step
        for model in _models(call):
            yield key_tenant, True, model, step
            if usage is None:
                yield key_tenant, False, model, step


def _steps(span: Span) -> tuple[int, ...]:
    begin, end = span.start_ns // BUCKET_NS, span.end_ns // BUCKET_NS
    return (begin,) if begin == end else (begin, end)


def _models(call: ModelCall) -> set[str]:
    return {model_key(model) for model in (call.response_model, call.request_model) if model}
