"""One line before it is laid out in columns: who, what, how many and how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final, NamedTuple

from otel_costattr.model import (
    INPUT_TOKEN_UNITS,
    OUTPUT_TOKEN_UNITS,
    USE_UNITS,
    Assessment,
    ModelCall,
    Price,
    Span,
    Unit,
    Usage,
)

MAX_USD: Final = Decimal(10) ** 12
"""Amounts stay below this, so that a sum of 10**14 lines still fits `Decimal(38, 12)`."""

_PICO: Final = Decimal("1E-12")
_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_ZERO: Final = Decimal("0E-12")

AmountGroup = str
GROUPS: Final[tuple[AmountGroup, ...]] = (
    "input",
    "cache_read",
    "cache_write",
    "output",
    "reasoning",
    "uses",
    "other",
)


def _group_of(unit: Unit) -> AmountGroup:
    if unit.startswith(("cache_read", "cache_write")):
        return "cache_read" if unit.startswith("cache_read") else "cache_write"
    return "reasoning" if unit == "reasoning" else "output"


GROUP_OF: Final[Mapping[Unit, AmountGroup]] = {
    **{
        unit: "input" if unit.startswith("input") else _group_of(unit) for unit in INPUT_TOKEN_UNITS
    },
    **{unit: _group_of(unit) for unit in OUTPUT_TOKEN_UNITS},
    **dict.fromkeys(USE_UNITS, "uses"),
}
"""Leaf unit to the amount that it is part of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """The money of one line, USD, each part rounded half-even at 1e-12; None is unknown.

    Attributes:
        input: Input tokens, not cached.
        cache_read: Tokens read from a cache.
        cache_write: Tokens written to a cache.
        output: Output tokens without reasoning.
        reasoning: Reasoning tokens.
        uses: What is paid by use.
        other: What is no model call.
        total: Sum of the seven.
        list: The total at published rates.
    """

    input: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    output: Decimal | None = None
    reasoning: Decimal | None = None
    uses: Decimal | None = None
    other: Decimal | None = None
    total: Decimal | None = None
    list: Decimal | None = None


UNKNOWN: Final = Amounts()


class Draft(NamedTuple):
    """Everything that the columns of one line are taken from.

    Attributes:
        assessment: The verdict on the span.
        span: Its span.
        call: Its call.
        usage: What this line's model used; None if unknown or counted elsewhere.
        price: The price of this line; an empty one where there is none.
        amounts: The money.
        line_id: 24 hex digits.
        call_key: 24 hex digits.
        source_key: How something that is no span arrived, or `''`.
        status: The status of this line.
        reasons: The reasons of this line.
        response_model: The model of this line as the response spells it.
        calls: 1 on the line that counts the call.
        usage_calls: 1 if it does and its counts are known.
        counts: Leaf unit to count.
        reported_usd: What the emitter claims; on the first line only.
    """

    assessment: Assessment
    span: Span
    call: ModelCall
    usage: Usage | None
    price: Price
    amounts: Amounts
    line_id: str
    call_key: str
    source_key: str
    status: str
    reasons: tuple[str, ...]
    response_model: str
    calls: int
    usage_calls: int
    counts: Mapping[Unit, int]
    reported_usd: Decimal | None


def amounts_of(price: Price) -> Amounts | None:
    """Round the parts of a price, the only place where money is rounded.

    Returns:
        The amounts, unknown ones for an unpriced call; None if one is outside of the bounds.
    """
    if price.total_usd is None:
        return UNKNOWN
    exact: dict[AmountGroup, Decimal] = {}
    for line in price.lines:
        group = GROUP_OF[line.unit]
        exact[group] = _EXACT.add(exact.get(group, _ZERO), line.amount_usd)
    rounded = dict.fromkeys(GROUPS, _ZERO)
    total = _ZERO
    for group, amount in exact.items():
        part = pico(amount)
        if part is None:
            return None
        rounded[group] = part
        total = _EXACT.add(total, part)
    if abs(total) >= MAX_USD:
        return None
    listed = None if price.list_usd is None else pico(price.list_usd)
    return Amounts(**rounded, total=total, list=listed)


def pico(amount: Decimal) -> Decimal | None:
    """Round USD half-even at 1e-12; None if it is no number or not below `MAX_USD`."""
    if not amount.is_finite() or abs(amount) >= MAX_USD:
        return None
    return _EXACT.quantize(amount, _PICO)
