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
        words: What to know about it: `negative margin`, `no revenue posted`, `heavy`,
            `efficient`, `over the allowance`, `margin too high: calls without a price`.
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

    Args:
        rows: Rows of the answer, grouped by tenant and plan.
        plans: What the price of each plan includes.
        months: Months that the rows are about; allowances are for one.
    """
    known = [row for row in rows if row["dimensions"]["tenant"]]
    usual = _medians(known)
    return tuple(_customer(row, plans, usual, months) for row in known)


def _medians(rows: Sequence[Mapping[str, Any]]) -> dict[str, Decimal]:
    costs: dict[str, list[Decimal]] = {}
    for row in rows:
        if row["direct_cost"] is not None:
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
    middle = usual.get(plan)
    used = _used(row, cost, plans.get(plan), months)
    facts = {
        "negative margin": row["margin"] is not None and Decimal(row["margin"]) < 0,
        "no revenue posted": row["revenue"] is None,
        "heavy": bool(middle and cost is not None and cost >= HEAVY * middle),
        "efficient": bool(middle and cost is not None and cost <= EFFICIENT * middle),
        "over the allowance": used is not None and used > 100,
        "margin too high: calls without a price": row["unpriced_calls"] > 0,
    }
    words = tuple(word for word, holds in facts.items() if holds)
    return Customer(tenant=tenant, plan=plan, words=words, used_percent=used)


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
