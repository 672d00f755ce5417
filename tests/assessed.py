"""Builders of assessed calls, with prices whose arithmetic can be checked by eye."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from otel_costattr.model import (
    Assessment,
    Dimension,
    LineItem,
    ModelCall,
    Owner,
    Price,
    Status,
    Unit,
    Usage,
)
from otel_costattr.testing import START_NS, chat_span

MTOK = 1_000_000
RATES: Mapping[str, Decimal] = {"input": Decimal("0.15"), "output": Decimal("0.60")}


def priced(counts: Mapping[Unit, int], rates: Mapping[str, Decimal] = RATES) -> Price:
    """Price counts at rates per million tokens."""
    lines = tuple(
        LineItem(
            unit=unit,
            quantity=quantity,
            rate_usd=rates[unit],
            per=MTOK,
            amount_usd=rates[unit] * quantity / MTOK,
            list_rate_usd=rates[unit],
        )
        for unit, quantity in counts.items()
    )
    total = sum((line.amount_usd for line in lines), Decimal(0))
    return Price(
        status="priced",
        lines=lines,
        total_usd=total,
        list_usd=total,
        provider="openai",
        model="gpt-4o-mini",
        entry="openai/gpt-4o-mini",
        book="book-1",
        rule="exact",
        valid_from_ns=START_NS - 1,
    )


def assessed(
    number: int = 1,
    *,
    counts: Mapping[Unit, int] | None = None,
    price: Price | None = None,
    owner: Mapping[Dimension, str] | None = None,
    start_ns: int = START_NS,
    status: Status = "priced",
    **call: object,
) -> Assessment:
    """Assess a chat call of gpt-4o-mini: 1,000 input and 200 output tokens, 0.00027 USD."""
    usage = Usage(counts=counts if counts is not None else {"input": 1000, "output": 200})
    base: dict[str, object] = {
        "emitter": "gen_ai",
        "operation": "chat",
        "provider": "openai",
        "request_model": "gpt-4o-mini",
        "response_model": "gpt-4o-mini-2024-07-18",
        "response_id": f"chatcmpl-{number:06d}",
        "usage": usage,
    }
    values: Mapping[Dimension, str] = {"tenant": "acme"} if owner is None else owner
    return Assessment(
        span=chat_span(number=number, start_ns=start_ns, end_ns=start_ns + 1_500_000_000),
        call=ModelCall(**(base | call)),  # type: ignore[arg-type]
        prices=(price or priced(usage.counts),),
        owner=Owner(values=values, sources=dict.fromkeys(values, "span")),
        status=status,
    )


def unpriced(number: int = 1, reason: str = "unknown_model", **fields: object) -> Assessment:
    """Assess a call that has no price, for a named reason."""
    price = Price(status="unpriced", reasons=(reason,), book="book-1")
    made = assessed(number, price=price, status="unpriced", **fields)  # type: ignore[arg-type]
    return replace(made, reasons=(reason,))


def duplicate(number: int, of: Assessment) -> Assessment:
    """Assess a span that describes the same call as another one."""
    winner = of.span
    return replace(
        assessed(number),
        prices=(),
        status="duplicate_of",
        duplicate_of=f"{winner.trace_id}:{winner.span_id}",
        dedupe_rule="response_id",
    )
