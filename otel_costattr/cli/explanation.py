"""An assessment in words: what the span is, who owns it, and the price with its arithmetic."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from otel_costattr.model import Assessment, ModelCall
from otel_costattr.pricing import PriceBook
from otel_costattr.pricing.explain import explain_price
from otel_costattr.reasons import REASONS


def explain_assessment(assessment: Assessment, *, book: PriceBook) -> str:
    """Return why a span's call costs what it costs and who owns it, as lines of text.

    Args:
        assessment: From `assess` or `assess_all`.
        book: The book that priced it.
    """
    return "\n".join(_lines(assessment, book))


def _lines(assessment: Assessment, book: PriceBook) -> Iterator[str]:
    span = assessment.span
    yield f"span {span.trace_id}:{span.span_id} {span.name!r} of {span.scope_name or 'no scope'}"
    yield f"status: {assessment.status}"
    if assessment.duplicate_of:
        yield f"counted by {assessment.duplicate_of}, recognised by {assessment.dedupe_rule}"
    for dimension, value in sorted(assessment.owner.values.items()):
        yield f"{dimension}: {value} (from {assessment.owner.sources.get(dimension, 'nowhere')})"
    for name, value in sorted(assessment.owner.tags.items()):
        yield f"tags.{name}: {value}"
    for call, price in zip(_calls(assessment.call), assessment.prices, strict=False):
        yield explain_price(
            call,
            price,
            at_ns=span.start_ns,
            book=book,
            sources={**assessment.provenance, **_sources(call)},
        )
    if not assessment.prices:
        yield from (f"{reason}: {REASONS.get(reason, '')}" for reason in assessment.reasons)
    if assessment.call.reported_cost_usd is not None:
        call = assessment.call
        yield f"reported by the emitter: {call.reported_cost_usd} USD in {call.reported_by}"


def _calls(call: ModelCall) -> Iterator[ModelCall]:
    yield call
    for other in call.other_models:
        yield dataclasses.replace(
            call, response_model=other.model, request_model="", usage=other.usage, other_models=()
        )


def _sources(call: ModelCall) -> dict[str, str]:
    return {} if call.usage is None else {str(unit): s for unit, s in call.usage.sources.items()}
