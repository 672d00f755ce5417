"""What a budget says, and the file of budgets."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from otel_costattr.errors import BadInput, BadSettings
from otel_costattr_collector import queries, spend

MAX_BUDGETS: Final = 1_000

Period = Literal["day", "week", "month"]


def _is_own(name: str) -> str:
    if name.startswith("end:"):
        raise ValueError("ids that begin with end: are ours")
    return name


Id = Annotated[
    str, Field(min_length=1, max_length=256, pattern=r"^[^@\s]+$"), AfterValidator(_is_own)
]
Value = Annotated[str, Field(max_length=1024)]


class Threshold(BaseModel):
    """What happens from some part of the amount on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    percent: Annotated[Decimal, Field(gt=0, le=1000, max_digits=9, decimal_places=4)] = Field(
        description="Of the amount."
    )
    action: Literal["warn", "degrade", "block"] = Field(
        default="warn", description="What guards in applications answer; each is told by webhook."
    )
    model: Annotated[str, Field(max_length=256)] = Field(
        default="", description="The cheaper model, with degrade."
    )

    @model_validator(mode="after")
    def _has_its_model(self) -> Self:
        if (self.action == "degrade") != bool(self.model):
            raise ValueError("a model goes with degrade, and only with it")
        return self


class Budget(BaseModel):
    """What may be spent in each period."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Id = Field(description="A budget never changes: give a new one another id.")
    filters: dict[str, list[Value]] = Field(
        default={}, description="Dimension to the values that count; none for everything."
    )
    period: Period = "month"
    time_zone: Annotated[str, Field(max_length=64)] = "UTC"
    amount_usd: Annotated[
        Decimal, Field(gt=0, lt=10**12, max_digits=24, decimal_places=12, allow_inf_nan=False)
    ]
    thresholds: Annotated[tuple[Threshold, ...], Field(max_length=16)] = (
        Threshold(percent=Decimal(50)),
        Threshold(percent=Decimal(80)),
        Threshold(percent=Decimal(100)),
    )
    first_day: date | None = Field(default=None, description="First day; since ever if unset.")
    last_day: date | None = Field(default=None, description="Last day; open if unset.")
    replaces: list[Id] = Field(default=[], description="Budgets that end with this one.")
    description: Annotated[str, Field(max_length=1024)] = ""

    def checked(self) -> Self:
        """Return itself.

        Raises:
            BadInput: A dimension or the time zone is unknown, or a filter has no value.
        """
        spend.time_zone(self.time_zone)
        for name, values in self.filters.items():
            if queries.dimension(name) != name or not values:
                raise BadInput(
                    f"budget {self.id!r}: filter {name!r}: use a dimension by its own name,"
                    " with the values that count"
                )
        return self

    def block_at(self) -> Decimal | None:
        """Return from how much on calls are blocked, USD; None if never."""
        found = [one.percent for one in self.thresholds if one.action == "block"]
        return self.amount_usd * min(found) / 100 if found else None


class Budgets(BaseModel):
    """Several budgets."""

    model_config = ConfigDict(extra="forbid")

    budgets: Annotated[list[Budget], Field(min_length=1, max_length=MAX_BUDGETS)]


class Ended(BaseModel):
    """Budgets that are not in force any more."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_BUDGETS)]


def read_budgets(path: Path) -> Budgets:
    """Read a TOML file of `[[budgets]]`.

    Raises:
        BadSettings: It cannot be read, or one makes no sense.
    """
    try:
        words = tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
        return Budgets.model_validate(words)
    except ValidationError as error:
        one = error.errors()[0]
        raise BadSettings(f"{path}: {'.'.join(map(str, one['loc']))}: {one['msg']}") from error
    except (OSError, ValueError) as error:
        raise BadSettings(f"{path}: {error}") from error
