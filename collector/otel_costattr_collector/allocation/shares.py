"""Dividing an amount so that the parts add up to it, to the last 1e-12 USD."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal
from fractions import Fraction
from typing import Final

_EXACT: Final = Context(prec=76)
_PLACES: Final = 12


def divide(amount_usd: Decimal, weights: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Divide an amount in proportion to weights, by largest remainder at 1e-12 USD.

    Each part is its exact share cut off at 1e-12; what is left over goes, 1e-12 each, to the
    parts that lost most, the first by name of equals. So the parts sum to the amount exactly, none
    is a whole 1e-12 off its share, and the negated amount gives the negated parts.

    Args:
        amount_usd: USD with at most 12 places.
        weights: Name to weight; one that is not above 0 gets nothing.

    Returns:
        The parts that are not 0, by name; nothing if no weight is above 0.
    """
    counted = {name: Fraction(weight) for name, weight in sorted(weights.items()) if weight > 0}
    whole = sum(counted.values(), Fraction(0))
    if not whole:
        return {}
    units = int(_EXACT.scaleb(abs(amount_usd), _PLACES))
    exact = {name: units * weight / whole for name, weight in counted.items()}
    parts = {name: int(share) for name, share in exact.items()}
    left = units - sum(parts.values())
    losers = sorted(exact, key=lambda name: (parts[name] - exact[name], name))
    for name in losers[:left]:
        parts[name] += 1
    return {
        name: _EXACT.scaleb(Decimal(part), -_PLACES).copy_sign(amount_usd)
        for name, part in parts.items()
        if part
    }
