"""What a margin table says about customers: who costs more than they pay, who is heavy, who is not.

Pure functions over the rows of the answer.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from otel_costattr.errors import BadSettings

HEAVY: Final = Decimal(2)
"""Times the median cost of the customers on the same plan."""

EFFICIENT: Final = Decimal("0.5")
LEAST_CUSTOMERS: Final = 3
"""Customers that a plan must have for its median to say something."""

_COSTS: Final = ("direct_cost", "loaded_cost")

Positive = Annotated[Decimal, Field(gt=0)]


class Plan(BaseModel):
    """What the price of a plan includes for one customer and month; unset is unlimited."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    allowance_usd: Positive | None = Field(default=None, description="Cost, USD.")
    allowance_calls: Annotated[int, Field(gt=0)] | None = Field(
        default=None, description="Model calls."
    )


class _Plans(BaseModel):
    model_config = ConfigDict(extra="forbid")

    plans: dict[str, Plan]


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """One customer on one plan.

    Attributes:
        tenant: Who.
        plan: On which plan; `''` if nobody says.
        words: What to know about it: `negative margin`, `negative margin when fully loaded`,
            `no revenue posted`, `heavy`, `efficient`, `over the allowance`,
            `margin too high: calls without a price`.
        used_percent: Of the allowance, the larger of cost and calls; None without one.
    """

    tenant: str
    plan: str
    words: tuple[str, ...]
    used_percent: Decimal | None


def read_plans(path: Path) -> dict[str, Plan]:
    """Read a TOML file of `[plans.NAME]`.

    Raises:
        BadSettings: It cannot be read, or says something that nobody knows.
    """
    try:
        words = tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
        return _Plans.model_validate(words).plans
    except ValidationError as error:
        one = error.errors()[0]
        where = ".".join(map(str, one["loc"]))
        raise BadSettings(f"{path}: {where}: {one['msg']}") from error
    except (OSError, ValueError) as error:
        raise BadSettings(f"{path}: {error}") from error


def review(
    rows: Iterable[Mapping[str, Any]], plans: Mapping[str, Plan], *, months: int = 1
) -> tuple[Customer, ...]:
    """Say what is worth knowing about each customer, in the order of the rows.

    What of a customer names no plan, such as its part of a shared cost, counts in the plan that it
    is on, if that is one.

    Args:
        rows: Rows of the answer, grouped by tenant and plan.
        plans: What the price of each plan includes.
        months: Months that the rows are about; allowances are for one.
    """
    known = _by_customer(row for row in rows if row["dimensions"]["tenant"])
    usual = _medians(known)
    return tuple(_customer(row, plans, usual, months) for row in known)


def _by_customer(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    found = list(rows)
    named: dict[str, list[int]] = {}
    for place, row in enumerate(found):
        if row["dimensions"]["plan"]:
            named.setdefault(row["dimensions"]["tenant"], []).append(place)
    left = []
    for place, row in enumerate(found):
        places = named.get(row["dimensions"]["tenant"], [])
        if row["dimensions"]["plan"] or len(places) != 1:
            left.append(place)
        else:
            found[places[0]] = _together(found[places[0]], row)
    return [found[place] for place in left]


def _together(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    made = {name: _sum(one[name], other[name]) for name in ("revenue", *_COSTS)}
    for name in _COSTS:
        if one[name] is None and not made[name]:
            made[name] = None  # nothing of it has a price: a part of 0 makes no cost of that
    for margin, cost in zip(("margin", "loaded_margin"), _COSTS, strict=True):
        paid, spent = made["revenue"], made[cost]
        made[margin] = None if paid is None or spent is None else paid - spent
    counts = {name: one[name] + other[name] for name in ("calls", "unpriced_calls")}
    return {**one, **made, **counts}


def _sum(one: object, other: object) -> Decimal | None:
    known = [Decimal(str(amount)) for amount in (one, other) if amount is not None]
    return sum(known[1:], known[0]) if known else None


def _medians(rows: Sequence[Mapping[str, Any]]) -> dict[str, Decimal]:
    costs: dict[str, list[Decimal]] = {}
    for row in rows:
        if row["direct_cost"] is not None and row["calls"] > 0:
            costs.setdefault(row["dimensions"]["plan"], []).append(Decimal(row["direct_cost"]))
    return {plan: median(found) for plan, found in costs.items() if len(found) >= LEAST_CUSTOMERS}


def _customer(
    row: Mapping[str, Any],
    plans: Mapping[str, Plan],
    usual: Mapping[str, Decimal],
    months: int,
) -> Customer:
    tenant, plan = row["dimensions"]["tenant"], row["dimensions"]["plan"]
    cost = None if row["direct_cost"] is None else Decimal(row["direct_cost"])
    middle = usual.get(plan) if row["calls"] > 0 else None
    margin, loaded = (_negative(row[name]) for name in ("margin", "loaded_margin"))
    used = _used(row, cost, plans.get(plan), months)
    facts = {
        "negative margin": margin,
        "negative margin when fully loaded": loaded and not margin,
        "no revenue posted": row["revenue"] is None,
        "heavy": bool(middle and cost is not None and cost >= HEAVY * middle),
        "efficient": bool(middle and cost is not None and cost <= EFFICIENT * middle),
        "over the allowance": used is not None and used > 100,
        "margin too high: calls without a price": row["unpriced_calls"] > 0,
    }
    words = tuple(word for word, holds in facts.items() if holds)
    return Customer(tenant=tenant, plan=plan, words=words, used_percent=used)


def _negative(amount: object) -> bool:
    return amount is not None and Decimal(str(amount)) < 0


def _used(
    row: Mapping[str, Any], cost: Decimal | None, plan: Plan | None, months: int
) -> Decimal | None:
    if plan is None:
        return None
    shares = []
    if plan.allowance_usd is not None and cost is not None:
        shares.append(cost * 100 / (plan.allowance_usd * months))
    if plan.allowance_calls is not None:
        shares.append(Decimal(row["calls"] * 100) / (plan.allowance_calls * months))
    return max(shares, default=None)
