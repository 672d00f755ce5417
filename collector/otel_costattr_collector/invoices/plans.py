"""Plans: what customers are charged, in a TOML file; every amount a decimal."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from otel_costattr.errors import BadInput
from otel_costattr_collector.analytics.quality import RULES
from otel_costattr_collector.spend import Measure

Unit = Literal["calls", "tokens", "input_tokens", "output_tokens", "cost"]
Usd = Annotated[Decimal, Field(ge=0, lt=Decimal(10) ** 12)]
Text = Annotated[str, Field(min_length=1, max_length=256)]
GATES: Final = ("unknown_model", "unpriced", "tenant", "rollups")


class Tier(BaseModel):
    """A stretch of a quantity and its price."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    up_to: Annotated[Decimal, Field(gt=0)] | None = None
    usd: Usd


class Charge(BaseModel):
    """One line of an invoice, or one for each value of `by`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Text
    kind: Literal["fee", "margin", "tiered", "allowance"]
    where: list[str] = []
    by: list[str] = []
    usd: Usd | None = None
    margin: Annotated[Decimal, Field(gt=-1, lt=1000)] | None = None
    unit: Unit = "calls"
    per: Annotated[Decimal, Field(gt=0)] = Decimal(1)
    included: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    tiers: list[Tier] = []

    @model_validator(mode="after")
    def _complete(self) -> Charge:
        needed = {
            "fee": self.usd is not None,
            "margin": self.margin is not None,
            "tiered": bool(self.tiers),
            "allowance": self.usd is not None,
        }
        if not needed[self.kind]:
            word = {"margin": "margin", "tiered": "tiers"}.get(self.kind, "usd")
            raise ValueError(f"charge {self.name!r} of kind {self.kind} needs {word}")
        if self.by and self.kind != "margin":
            raise ValueError(f"charge {self.name!r}: `by` goes with kind margin only")
        ends = [tier.up_to for tier in self.tiers]
        limits = [end for end in ends[:-1] if end is not None]
        if len(limits) != max(len(ends) - 1, 0) or limits != sorted(set(limits)):
            raise ValueError(f"charge {self.name!r}: up_to has to rise, only the last has none")
        if ends and ends[-1] is not None:
            raise ValueError(f"charge {self.name!r}: the last tier has no up_to")
        return self


class Plan(BaseModel):
    """What a customer on it is charged."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    charge: Annotated[list[Charge], Field(min_length=1)]


class Plans(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str = ""
    round: Annotated[Decimal, Field(gt=0, le=1)] = Decimal("0.01")
    cost: Measure = "direct"
    gates: list[str] = list(GATES)
    default: str = ""
    customer: Literal["tenant", "tenant_root"] = "tenant"
    customers: dict[str, str] = {}
    plans: dict[str, Plan]

    @model_validator(mode="after")
    def _known(self) -> Plans:
        gates = {rule.name for rule in RULES}
        for gate in self.gates:
            if gate not in gates:
                raise ValueError(f"{gate!r} is no gate; there are {', '.join(sorted(gates))}")
        for plan in (*self.customers.values(), self.default):
            if plan and plan not in self.plans:
                raise ValueError(f"there is no plan {plan!r}")
        return self


def read_plans(text: str) -> Plans:
    """Read a TOML file of plans.

    Raises:
        BadInput: It is no TOML, or says something that is not understood.
    """
    try:
        words: Mapping[str, Any] = tomllib.loads(text, parse_float=Decimal)
        return Plans.model_validate(words)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"plans: cannot be read as TOML: {error}") from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()
        )
        raise BadInput(f"plans: {problems}") from error


def plan_of(plans: Plans, customer: str, used: tuple[str, ...]) -> str:
    """Find the plan of a customer: by name, else the one that its calls name, else the default.

    Args:
        plans: The file.
        customer: The tenant.
        used: Plans that the customer's calls name.

    Raises:
        BadInput: None is known, or its calls name several.
    """
    if customer in plans.customers:
        return plans.customers[customer]
    named = [plan for plan in used if plan in plans.plans]
    if len(named) > 1:
        raise BadInput(
            f"calls of {customer!r} name the plans {', '.join(named)}: say which in [customers]"
        )
    plan = named[0] if named else plans.default
    if not plan:
        raise BadInput(f"{customer!r} has no plan: name it in [customers], or a default")
    return plan
