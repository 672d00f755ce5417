"""The only place where money is rounded: half-even at 1e-12 USD, once a component of a line."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Final, Literal, NamedTuple, get_args

from otel_costattr.model import (
    INPUT_TOKEN_UNITS,
    OUTPUT_TOKEN_UNITS,
    USE_UNITS,
    Price,
    Unit,
)

MAX_USD: Final = Decimal(10) ** 12
"""Amounts stay below this, so that a sum of 10**14 lines still fits `Decimal(38, 12)`."""

_PICO: Final = Decimal("1E-12")
_ZERO: Final = Decimal("0E-12")
_EXACT: Final = Context(prec=60)
_add: Final = _EXACT.add
_BOUNDED: Final = Context(prec=24, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])
_quantize: Final = _BOUNDED.quantize
"""24 digits are 12 before the point and 12 after it: what does not fit is out of bounds."""

AmountGroup = Literal["input", "cache_read", "cache_write", "output", "reasoning", "uses", "other"]
GROUPS: Final[tuple[AmountGroup, ...]] = get_args(AmountGroup)


class Amounts(NamedTuple):
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


def _group_of(unit: Unit) -> AmountGroup:
    if unit in USE_UNITS:
        return "uses"
    if unit.startswith("cache_read"):
        return "cache_read"
    if unit.startswith("cache_write"):
        return "cache_write"
    if unit == "reasoning":
        return "reasoning"
    return "input" if unit in INPUT_TOKEN_UNITS else "output"


PLACE_OF: Final[Mapping[Unit, int]] = {
    unit: GROUPS.index(_group_of(unit))
    for unit in (*INPUT_TOKEN_UNITS, *OUTPUT_TOKEN_UNITS, *USE_UNITS)
}
"""Leaf unit to the place in `GROUPS` of the amount that it is part of."""


def amounts_of(price: Price) -> Amounts | None:
    """Round the components of a price.

    Returns:
        The amounts, unknown ones for an unpriced call; None if one is outside of the bounds.
    """
    if price.total_usd is None:
        return UNKNOWN
    parts = [_ZERO] * len(GROUPS)
    for line in price.lines:
        place = PLACE_OF[line.unit]
        known = parts[place]
        amount = line.amount_usd
        parts[place] = amount if known is _ZERO else _add(known, amount)
    total = _ZERO
    for place, exact in enumerate(parts):
        if exact is not _ZERO:
            rounded = pico(exact)
            if rounded is None:
                return None
            parts[place] = rounded
            total = _add(total, rounded)
    if abs(total) >= MAX_USD:
        return None
    listed = None if price.list_usd is None else pico(price.list_usd)
    return Amounts._make([*parts, total, listed])


def pico(amount: Decimal) -> Decimal | None:
    """Round USD half-even at 1e-12; None if it is no number or not below `MAX_USD`."""
    try:
        rounded = _quantize(amount, _PICO)
    except InvalidOperation:
        return None
    return None if rounded.is_nan() else rounded
