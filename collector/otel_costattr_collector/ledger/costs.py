"""Ledger lines of what is no model call: costs, allocations and true-ups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import blake2b
from typing import Final, Literal

from otel_costattr.errors import BadInput
from otel_costattr.model import EMPTY, NOBODY, Assessment, ModelCall, Owner, Price, Span
from otel_costattr_collector.ledger.columns import Line, line_of
from otel_costattr_collector.ledger.draft import NO_COST, Cost, Draft
from otel_costattr_collector.ledger.money import MAX_USD, UNKNOWN, Amounts, pico

Entry = Literal["cost", "allocation", "true_up"]

_ID_BYTES: Final = 12
_ZERO: Final = Decimal("0E-12")
_NO_PRICE: Final = Price(status="unpriced")


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine:
    """A cost that is no model call, before it is laid out in columns.

    Attributes:
        entry: `cost`, `allocation` or `true_up`.
        identity: What it is: the same identity always gives the same line id.
        event_ns: When it happened, nanoseconds UTC.
        amount_usd: USD, negative where it is taken away; None where it has no price.
        list_usd: The same at published rates; None for the amount itself.
        owner: Who owns it.
        cost: What it was.
        status: `priced`, `estimated` or `unpriced`.
        reasons: Keys of `REASONS`, or words of the run that booked it.
        trace_id: Trace that it belongs to, or `''`.
        source_key: How it arrived, such as `cost:ID`, or `''`.
        provider: Who is paid, or `''`.
        model: The model that it is about, or `''`.
        price: Why a priced metric costs what it does.
        amends: Line that it moves or corrects, or `''`.
        cause: Why, or `''`.
        run_id: The run that booked it, or `''`.
        span: The span that told of it; None where none did.
        provenance: What else is known of where it came from.
    """

    entry: Entry
    identity: tuple[str, ...]
    event_ns: int
    amount_usd: Decimal | None
    list_usd: Decimal | None = None
    owner: Owner = NOBODY
    cost: Cost = NO_COST
    status: Literal["priced", "estimated", "unpriced"] = "priced"
    reasons: tuple[str, ...] = ()
    trace_id: str = ""
    source_key: str = ""
    provider: str = ""
    model: str = ""
    price: Price = _NO_PRICE
    amends: str = ""
    cause: str = ""
    run_id: str = ""
    span: Span | None = None
    provenance: Mapping[str, str] = field(default_factory=lambda: EMPTY)


def line_of_cost(cost: CostLine) -> Line:
    """Lay out a cost as a ledger line; the same input gives the same line.

    Args:
        cost: The cost.

    Raises:
        BadInput: The amount is no number or not below 1e12 USD.
    """
    span = cost.span or Span(
        trace_id=cost.trace_id, span_id="", start_ns=cost.event_ns, end_ns=cost.event_ns
    )
    call = ModelCall(provider=cost.provider, request_model=cost.model)
    assessment = Assessment(
        span=span,
        call=call,
        prices=(),
        owner=cost.owner,
        status=cost.status,
        reasons=cost.reasons,
        provenance=cost.provenance,
    )
    return line_of(
        Draft(
            assessment=assessment,
            span=span,
            call=call,
            price=cost.price,
            amounts=_amounts(cost),
            line_id=cost_line_id(cost.entry, *cost.identity),
            call_key="",
            source_key=cost.source_key,
            status=cost.status,
            reasons=cost.reasons,
            response_model="",
            calls=0,
            usage_calls=0,
            counts={},
            reported_usd=None,
            entry=cost.entry,
            amends=cost.amends,
            cause=cost.cause,
            cost=cost.cost,
            run_id=cost.run_id,
        )
    )


def cost_line_id(entry: str, *identity: str) -> str:
    """Identify a line that is no call by what it is: 24 hex digits."""
    text = "\0".join(("cost line", entry, *identity)).encode("utf-8", "replace")
    return blake2b(text, digest_size=_ID_BYTES).hexdigest()


def _amounts(cost: CostLine) -> Amounts:
    if cost.amount_usd is None:
        return UNKNOWN
    amount = _bounded(cost.amount_usd)
    listed = amount if cost.list_usd is None else _bounded(cost.list_usd)
    nothing = (_ZERO,) * 6
    return Amounts._make([*nothing, amount, amount, listed])


def _bounded(amount_usd: Decimal) -> Decimal:
    rounded = pico(amount_usd)
    if rounded is None:
        raise BadInput(f"{amount_usd} USD: an amount is a number below {MAX_USD}")
    return rounded
