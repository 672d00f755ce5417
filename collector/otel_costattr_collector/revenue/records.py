"""What is posted about revenue and currencies."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from otel_costattr.errors import BadInput

MAX_RECORDS: Final = 1_000
_CURRENCY: Final = r"^[A-Z]{3}$"
_LONGEST_DAYS: Final = 3_660
_FIRST: Final = date(1970, 1, 2)
_LAST: Final = date(2149, 6, 5)


def _storable(day: date) -> date:
    if not _FIRST <= day <= _LAST:
        raise ValueError(f"{day} lies outside {_FIRST} to {_LAST}")
    return day


Name = Annotated[str, Field(max_length=256)]
Day = Annotated[date, AfterValidator(_storable)]
Amount = Annotated[Decimal, Field(max_digits=24, decimal_places=12, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Days that something is paid for.

    Attributes:
        first: The first one.
        last: The last one, included.
    """

    first: date
    last: date


def period_of(words: str) -> Period:
    """Read `2026-10`, `2026-10-01` or `2026-10-01/2026-10-31`, the last day included.

    Raises:
        BadInput: It is none of these, or ends before it starts.
    """
    try:
        if re.fullmatch(r"\d{4}-\d{2}", words):
            year, month = map(int, words.split("-"))
            last = date(year, month, monthrange(year, month)[1])
            return _checked(last.replace(day=1), last)
        first, _, end = words.partition("/")
        start = date.fromisoformat(first)
        return _checked(start, date.fromisoformat(end) if end else start)
    except ValueError as error:
        raise BadInput(
            f"period {words!r}: use 2026-10, or 2026-10-01/2026-10-31 with the last day included"
        ) from error


def _checked(first: date, last: date) -> Period:
    _storable(first), _storable(last)
    if not 0 <= (last - first).days < _LONGEST_DAYS:
        raise ValueError("it ends before it starts, or lasts longer than ten years")
    return Period(first=first, last=last)


class Revenue(BaseModel):
    """What one customer pays for one period."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=256)] = Field(
        description="Posting the same id with the same content again changes nothing."
    )
    customer: Annotated[str, Field(min_length=1, max_length=256)] = Field(
        description="The tenant who pays."
    )
    period: Annotated[str, Field(max_length=32)] = Field(
        description="Days that are paid for: 2026-10, or 2026-10-01/2026-10-31 with both ends."
    )
    amount: Amount = Field(description="What is paid, in the currency; negative takes back.")
    currency: Annotated[str, Field(pattern=_CURRENCY)] = Field(
        default="USD", description="ISO 4217 code. Other ones than USD need a rate for the day."
    )
    plan: Name = Field(default="", description="The plan that is paid for.")
    feature: Name = Field(default="", description="The feature that is paid for.")
    rate_day: Day | None = Field(
        default=None, description="Day whose rate counts; the first day of the period if unset."
    )
    description: Annotated[str, Field(max_length=1024)] = ""


class Revenues(BaseModel):
    """Several of them."""

    model_config = ConfigDict(extra="forbid")

    revenue: Annotated[list[Revenue], Field(min_length=1, max_length=MAX_RECORDS)]


class CurrencyRate(BaseModel):
    """What one unit of a currency is worth on some days."""

    model_config = ConfigDict(extra="forbid")

    currency: Annotated[str, Field(pattern=_CURRENCY)] = Field(description="ISO 4217 code.")
    first_day: Day = Field(description="First day that the rate holds for.")
    last_day: Day | None = Field(default=None, description="Last one; the first if unset.")
    usd: Annotated[Amount, Field(gt=0)] = Field(description="USD for one unit of the currency.")
    source: Annotated[str, Field(min_length=1, max_length=256)] = Field(
        description="Who says so, such as the bank that publishes it."
    )

    @property
    def id(self) -> str:
        """Currency and first day."""
        return f"{self.currency}:{self.first_day}"

    @property
    def last(self) -> date:
        """The last day that it holds for."""
        return self.last_day or self.first_day


class CurrencyRates(BaseModel):
    """Several of them."""

    model_config = ConfigDict(extra="forbid")

    rates: Annotated[list[CurrencyRate], Field(min_length=1, max_length=MAX_RECORDS)]
