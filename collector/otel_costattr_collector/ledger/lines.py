"""Ledger lines of an assessed span: one for each model of the response, one of them a call."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from hashlib import blake2b
from typing import Final

from otel_costattr.calls.candidates import MIN_ID, family
from otel_costattr.model import EVENT_KEY, Assessment, ModelCall, Price, Span, Usage
from otel_costattr_collector.ledger.columns import Line, line_of
from otel_costattr_collector.ledger.draft import Draft
from otel_costattr_collector.ledger.money import UNKNOWN, Amounts, amounts_of, pico

_ID_BYTES: Final = 12
_NO_PRICE: Final = Price(status="unpriced")


def span_key_of(span: Span) -> str:
    """Name a span as the ledger does: `trace_id:span_id`, or `event:ID` outside traces."""
    return span.ref


def lines_of_all(assessments: Sequence[Assessment]) -> tuple[Line, ...]:
    """Lay out spans that were assessed together, so that copies share the key of their call.

    Args:
        assessments: Verdicts on a set of spans.

    Returns:
        The lines of all of them, in order.
    """
    own = [_own_call_key(one) if one.prices else "" for one in assessments]
    keys = {
        span_key_of(one.span): key for one, key in zip(assessments, own, strict=True) if one.prices
    }
    return tuple(
        [
            line
            for one, key in zip(assessments, own, strict=True)
            for line in lines_of(one, call_key=keys.get(one.duplicate_of, key))
        ]
    )


def lines_of(
    assessment: Assessment, *, source_key: str = "", call_key: str = ""
) -> tuple[Line, ...]:
    """Lay out one assessed span as ledger lines; the same input gives the same lines.

    A duplicate, or a wrapper's sum that is not counted, gives one line without calls, counts and
    amounts. A price that cannot be stored (1e12 USD and more) becomes `unpriced(bad_usage)`.

    Args:
        assessment: The verdict on the span.
        source_key: How something that is no span arrived, such as `event:ID`; empty for a span,
            and for a log without an id of its own, which is then known by its content.
        call_key: Identity of the call if recognition knows a better one.

    Returns:
        One line a model of the response, in `LINE_COLUMNS` order.
    """
    span = assessment.span
    source = source_key or _content_key(assessment)
    arrived = source or span_key_of(span)
    if not assessment.prices:
        key = call_key or _digest("span", assessment.duplicate_of or arrived)
        return (line_of(_uncounted(assessment, arrived, key, source)),)
    key = call_key or _own_call_key(assessment, arrived)
    return tuple(
        [
            line_of(_counted(assessment, place, arrived, key, source))
            for place in range(len(assessment.prices))
        ]
    )


def call_key_of(assessment: Assessment) -> str:
    """Identify the call that a span counts: 24 hex digits."""
    return _own_call_key(assessment)


def arrived_of(assessment: Assessment) -> str:
    """Name what arrived as the ledger does: `trace_id:span_id`, or what a log says."""
    return _content_key(assessment) or span_key_of(assessment.span)


def _own_call_key(assessment: Assessment, arrived: str = "") -> str:
    call = assessment.call
    identity = call.response_id
    if len(identity) >= MIN_ID and not identity.isdigit():
        return _digest("response", family(call.response_model or call.request_model), identity)
    return _digest("span", arrived or _content_key(assessment) or span_key_of(assessment.span))


def _content_key(assessment: Assessment) -> str:
    span = assessment.span
    if span.signal == "span" and span.span_id:
        return ""
    if span.signal == "event":
        return str(span.attributes.get(EVENT_KEY, "event:"))
    call, usage = assessment.call, assessment.call.usage
    counts = sorted(usage.counts.items()) if usage is not None else None
    content = (span_key_of(span), span.name, str(span.start_ns), call.response_id, str(counts))
    return f"{span.signal}:{_digest('content', *content)}"


def line_id_of(arrived: str, place: int) -> str:
    """Identify a line by what arrived and its place in the response."""
    return _digest("line", arrived, str(place))


def _digest(*parts: str) -> str:
    text = "\0".join(parts).encode("utf-8", "replace")
    return blake2b(text, digest_size=_ID_BYTES).hexdigest()


def _uncounted(assessment: Assessment, arrived: str, key: str, source_key: str) -> Draft:
    call = assessment.call
    return Draft(
        assessment=assessment,
        span=assessment.span,
        call=call,
        price=_NO_PRICE,
        amounts=UNKNOWN,
        line_id=line_id_of(arrived, 0),
        call_key=key,
        source_key=source_key,
        status=assessment.status,
        reasons=assessment.reasons,
        response_model=call.response_model,
        calls=0,
        usage_calls=0,
        counts={},
        reported_usd=None,
    )


def _counted(assessment: Assessment, place: int, arrived: str, key: str, source_key: str) -> Draft:
    call, price = assessment.call, assessment.prices[place]
    model, usage = _served(call, place)
    amounts, status, reasons = _verdict(assessment, price)
    main = place == 0
    counts = int(main and call.role == "call")
    return Draft(
        assessment,
        assessment.span,
        call,
        price,
        amounts,
        line_id_of(arrived, place),
        key,
        source_key,
        status,
        reasons,
        model,
        counts,
        0 if usage is None else counts,
        {} if usage is None else usage.counts,
        _reported(call) if main else None,
    )


def _served(call: ModelCall, place: int) -> tuple[str, Usage | None]:
    if place == 0:
        return call.response_model, call.usage
    other = call.other_models[place - 1]
    return other.model, other.usage


def _verdict(assessment: Assessment, price: Price) -> tuple[Amounts, str, tuple[str, ...]]:
    amounts = amounts_of(price)
    reasons = _reasons(assessment, price)
    if amounts is None:
        return UNKNOWN, "unpriced", tuple(dict.fromkeys(("bad_usage", *reasons)))
    if price.committed:
        return amounts, "committed", reasons
    if assessment.status == "aggregate" and price.total_usd is not None:
        return amounts, "aggregate", reasons
    return amounts, price.status, reasons


def _reasons(assessment: Assessment, price: Price) -> tuple[str, ...]:
    alone = len(assessment.prices) == 1
    if not alone or not assessment.reasons or assessment.reasons == price.reasons:
        return price.reasons
    return tuple(dict.fromkeys((*price.reasons, *assessment.reasons)))


def _reported(call: ModelCall) -> Decimal | None:
    return None if call.reported_cost_usd is None else pico(call.reported_cost_usd)
