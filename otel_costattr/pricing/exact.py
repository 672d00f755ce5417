"""Exact arithmetic on money that no setting of the host process can change."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Final

EXACT: Final = Context(
    prec=120,
    rounding=ROUND_HALF_EVEN,
    traps=[InvalidOperation, DivisionByZero, Overflow],
)
"""Digits enough for every product and sum of counts and rates; the thread's context is not used."""

HOURLY_STEP: Final = Decimal("1e-18")
"""A rate per hour is divided by 3,600; its amounts are kept to 18 decimals, half-even."""


def amount_usd(quantity: int, rate_usd: Decimal, per: int) -> Decimal:
    """Return `quantity * rate_usd / per` in USD, exact; to 1e-18 for rates per 3,600 seconds."""
    product = EXACT.multiply(Decimal(quantity), rate_usd)
    shift = SHIFTS.get(per)
    if shift is not None:
        return product.scaleb(shift, EXACT)
    return EXACT.divide(product, Decimal(per)).quantize(HOURLY_STEP, context=EXACT)


SHIFTS: Final = {1: 0, 1_000: -3, 1_000_000: -6}
"""How many decimal places a division by so many moves the point."""


def plain(value: Decimal) -> str:
    """Return a decimal without exponent and without zeros at its end: `0.00024`, `12`, `0`."""
    return format(value.normalize(EXACT), "f") if value else "0"
