"""Late telemetry of calls that counted longer ago: only their keys and their lines are left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeAlias

from otel_costattr.assess import conclude
from otel_costattr.attribution import OwnerRules
from otel_costattr.calls import Verdict
from otel_costattr.calls.candidates import candidate
from otel_costattr.calls.merge import merged
from otel_costattr.model import (
    DIMENSIONS,
    INPUT_TOKEN_UNITS,
    OUTPUT_TOKEN_UNITS,
    Assessment,
    ModelCall,
    Span,
    Unit,
    Usage,
)
from otel_costattr.pricing import PriceBook

from ..ledger import Line, as_mapping, lines_of
from ..ledger.columns import LINE_COLUMNS
from ..ledger.dates import happened_ns
from .recompute import call_of, usage_of
from .wishes import Wish, ref_of

_PLACES: Final = {column.name: place for place, column in enumerate(LINE_COLUMNS)}
_SIDES: Final[tuple[tuple[Unit, tuple[Unit, ...]], ...]] = (
    ("input", INPUT_TOKEN_UNITS),
    ("output", OUTPUT_TOKEN_UNITS),
)
_SOURCE: Final = "derived: sum of the wrapper - calls below it"

Folding: TypeAlias = Callable[[Sequence[Assessment]], Sequence[Assessment]]
"""Bounds the values of dimensions; gives the same again for what it was given before."""


def unfolded(assessments: Sequence[Assessment]) -> Sequence[Assessment]:
    """Leave the values of dimensions without a bound."""
    return assessments


def wishes_of(
    verdicts: Iterable[Verdict],
    *,
    book: PriceBook,
    rules: OwnerRules,
    key_tenant: str,
    fold: Folding = unfolded,
) -> Iterator[Wish]:
    """Yield what the ledger should say of calls that late telemetry amends or reverses.

    Args:
        verdicts: On what has come.
        book: Prices.
        rules: How owners are found.
        key_tenant: The tenant that the sender's key proves, or `''`.
        fold: Bounds the values of dimensions.
    """
    for verdict in verdicts:
        ref, at_ns = ref_of(verdict.span), verdict.span.start_ns
        priced = partial(_priced, book=book, rules=rules, key_tenant=key_tenant, fold=fold)
        if verdict.amends:
            yield Wish(
                arrived=verdict.duplicate_of,
                at_ns=at_ns,
                cause=f"late_copy:{ref}",
                make=partial(_bettered, verdict=verdict, priced=priced),
            )
        if verdict.reverses:
            yield Wish(
                arrived=verdict.reverses,
                at_ns=at_ns,
                cause=f"late_child:{ref}",
                make=partial(_lessened, child=verdict.call, priced=priced),
            )


def _priced(
    span: Span,
    call: ModelCall,
    *,
    book: PriceBook,
    rules: OwnerRules,
    key_tenant: str,
    fold: Folding,
) -> Sequence[Line]:
    verdict = Verdict(span=span, call=call, kind="counts")
    (assessment,) = fold(conclude([verdict], book=book, rules=rules, key_tenant=key_tenant))
    return lines_of(assessment)


def _bettered(heads: Sequence[Line], *, verdict: Verdict, priced: Any) -> Sequence[Line]:
    """Say what a late copy knows, completed by what the counted one said."""
    head = _main(heads)
    values = as_mapping(head)
    stub = _stub(values, verdict.span)
    late = candidate(verdict.span, verdict.call)
    call = merged(late, [late, candidate(stub, call_of(values))])
    return [_owned_like(line, head) for line in priced(verdict.span, call)]


def _lessened(heads: Sequence[Line], *, child: ModelCall, priced: Any) -> Sequence[Line]:
    """Take a child's tokens out of a wrapper's sum; what is left is its residual."""
    head = _main(heads)
    values = as_mapping(head)
    usage = usage_of(values)
    counts: dict[Unit, int] = {}
    for side, units in _SIDES:
        mine = sum(usage.counts.get(unit, 0) for unit in units) if usage else 0
        theirs = sum(child.usage.counts.get(unit, 0) for unit in units) if child.usage else 0
        left = max(0, mine - theirs)
        if left > (1 if side == "output" else 0):
            counts[side] = left
    call = replace(call_of(values), role="aggregate", other_models=())
    if not counts:
        return [_uncounted(head)]
    left_over = replace(
        call,
        usage=Usage(counts=counts, sources=dict.fromkeys(counts, _SOURCE)),
        reasons=("wrapper_residual", *(r for r in call.reasons if not r.startswith("wrapper_"))),
    )
    span = _stub(values, Span(trace_id="", span_id=""))
    return [_owned_like(line, head, alone=True) for line in priced(span, left_over)]


def _main(heads: Sequence[Line]) -> Line:
    return max(heads, key=lambda line: (line[_PLACES["calls"]], line[_PLACES["line_id"]]))


def _stub(values: Any, like: Span) -> Span:
    start_ns = happened_ns(values)
    return replace(
        like,
        trace_id=values["trace_id"],
        span_id=values["span_id"],
        parent_span_id=values["parent_span_id"],
        scope_name=values["scope_name"],
        scope_version=values["scope_version"],
        start_ns=start_ns,
        end_ns=start_ns + (values["duration_ns"] or 0),
    )


def _owned_like(line: Line, head: Line, *, alone: bool = False) -> Line:
    """Take owners from the head; where it knows none, the line's own unless `alone`."""
    old, made = as_mapping(head), list(line)
    tags: Any = old["tags"]
    sources: Any = old["owner_source"]
    for name in (*DIMENSIONS, "service_name", "emitter", "operation"):
        if old[name] or alone:
            made[_PLACES[name]] = old[name]
    for name, given in (("tags", tags), ("owner_source", sources)):
        own: Any = {} if alone else made[_PLACES[name]]
        made[_PLACES[name]] = {**own, **given}
    return tuple(made)


def _uncounted(head: Line) -> Line:
    """Say that a wrapper's sum does not count: no quantity but its line."""
    made: list[object] = list(head)
    for place, column in enumerate(LINE_COLUMNS):
        if column.quantity and column.name not in {"lines", "duration_ns"}:
            made[place] = None if column.type.startswith("Nullable") else 0
    for name, value in (("status", "aggregate"), ("price_entry", ""), ("rates", {})):
        made[_PLACES[name]] = value
    return tuple(made)
