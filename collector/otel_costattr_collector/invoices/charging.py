"""From usage and charges to the lines of an invoice; pure, exact until a line is rounded once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from otel_costattr_collector.plain import decimal_text

from .plans import Charge, Tier

_EXACT: Final = Context(prec=60)
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What a customer used, for one combination of dimensions.

    Attributes:
        detail: The values, in the order of the charge's `by`.
        quantities: Unit of a plan to how much.
    """

    detail: tuple[str, ...]
    quantities: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """A line of an invoice.

    Attributes:
        name: Of the charge.
        detail: What it is about, or `''`.
        quantity: How much was used, in the unit.
        unit: What is counted; `''` for a fee.
        formula: The arithmetic, in words.
        exact_usd: USD before rounding.
        amount_usd: USD, rounded half-even.
    """

    name: str
    detail: str
    quantity: Decimal
    unit: str
    formula: str
    exact_usd: Decimal
    amount_usd: Decimal


def charged(charge: Charge, used: Sequence[Used], rounding: Decimal) -> tuple[Charged, ...]:
    """Charge for what was used: one line, or one for each value of the charge's `by`.

    Args:
        charge: What is charged.
        used: What was used; one row where there is no `by`.
        rounding: The unit that amounts are rounded to, USD.
    """
    rows: Iterable[Used] = used
    if charge.kind == "fee" or not used:
        rows = [] if charge.by else [Used(detail=(), quantities={})]
    return tuple(_line(charge, row, rounding) for row in rows)


def _line(charge: Charge, used: Used, rounding: Decimal) -> Charged:
    unit = {"fee": "", "margin": "cost"}.get(charge.kind, charge.unit)
    quantity = used.quantities.get(unit, _ZERO)
    exact, formula = _priced(charge, quantity)
    return Charged(
        name=charge.name,
        detail=", ".join(value or "(none)" for value in used.detail),
        quantity=quantity,
        unit=unit,
        formula=formula,
        exact_usd=exact,
        amount_usd=exact.quantize(rounding, ROUND_HALF_EVEN, _EXACT),
    )


def _priced(charge: Charge, quantity: Decimal) -> tuple[Decimal, str]:
    usd, margin = charge.usd or _ZERO, charge.margin or _ZERO
    if charge.kind == "fee":
        return usd, f"{decimal_text(usd)}"
    if charge.kind == "margin":
        factor = 1 + margin
        return (
            _EXACT.multiply(quantity, factor),
            f"{decimal_text(quantity)} x {decimal_text(factor)}",
        )
    if charge.kind == "tiered":
        return _tiered(charge.tiers, _EXACT.divide(quantity, charge.per))
    over = max(quantity - charge.included, _ZERO)
    beyond = f"max({decimal_text(quantity)} - {decimal_text(charge.included)}, 0)"
    formula = f"{beyond} / {decimal_text(charge.per)} x {decimal_text(usd)}"
    return _EXACT.multiply(_EXACT.divide(over, charge.per), usd), formula


def _tiered(tiers: Sequence[Tier], quantity: Decimal) -> tuple[Decimal, str]:
    exact, terms, start = _ZERO, [], _ZERO
    for tier in tiers:
        end = quantity if tier.up_to is None else min(quantity, tier.up_to)
        part = end - start
        if part <= 0:
            break
        exact += _EXACT.multiply(part, tier.usd)
        terms.append(f"{decimal_text(part)} x {decimal_text(tier.usd)}")
        start = end
    return exact, " + ".join(terms) or "0"
