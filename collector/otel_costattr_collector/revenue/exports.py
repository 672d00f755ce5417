"""Exports of billing systems as revenue: which column is what stands in a TOML file."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from otel_costattr.errors import BadInput, BadSettings
from otel_costattr_collector.plain import decimal_text
from otel_costattr_collector.revenue.records import CurrencyRates, Revenue

_DECIMALS: Final[Mapping[str, int]] = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "JPY",
            "KMF",
            "KRW",
            "MGA",
            "PYG",
            "RWF",
            "UGX",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "JOD", "KWD", "OMR", "TND"], 3),
}
"""Decimals of the smallest unit of a currency; 2 for all others."""

_DAY: Final = len("2026-10-01")


class Columns(BaseModel):
    """The heading of each column; `''` where there is none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = "id"
    customer: str = "customer"
    amount: str = "amount"
    currency: str = "currency"
    plan: str = "plan"
    feature: str = "feature"
    description: str = "description"
    period: str = "period"
    first_day: str = ""
    last_day: str = ""
    month_of: str = ""
    rate_day: str = "rate_day"


class Mapped(BaseModel):
    """How an export is read.

    Attributes:
        columns: Which column is what.
        amounts: `major` for 49.00, `minor` for 4900.
        last_day: Whether the last day is `included`, or the day after it is meant.
        only: Column to the values of the rows that count.
        customers: Name in the export to tenant; others stay as they are.
        plans: Name in the export to plan; others stay as they are.
        id_prefix: Put before each id, so that two exports cannot meet.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: Columns = Columns()
    amounts: Literal["major", "minor"] = "major"
    last_day: Literal["included", "excluded"] = "included"
    only: dict[str, list[str]] = {}
    customers: dict[str, str] = {}
    plans: dict[str, str] = {}
    id_prefix: Annotated[str, Field(max_length=64)] = ""


def read_map(path: Path) -> Mapped:
    """Read the TOML file that says which column is what.

    Raises:
        BadSettings: It cannot be read, or says something that nobody knows.
    """
    try:
        return Mapped.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, ValidationError, ValueError) as error:
        raise BadSettings(f"{path}: {_first(error)}") from error


def read_rates(path: Path) -> CurrencyRates:
    """Read a TOML file of `[[rates]]`.

    Raises:
        BadSettings: It cannot be read, or one makes no sense.
    """
    try:
        words = tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
        return CurrencyRates.model_validate(words)
    except (OSError, ValidationError, ValueError) as error:
        raise BadSettings(f"{path}: {_first(error)}") from error


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        one = error.errors()[0]
        return f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
    return str(error)


def read_export(text: str, mapped: Mapped = Mapped()) -> tuple[Revenue, ...]:  # noqa: B008 - it is frozen
    """Read a CSV export.

    Args:
        text: The file.
        mapped: Which column is what.

    Raises:
        BadInput: A column is missing, or a row makes no sense; says which line.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    headings = tuple(reader.fieldnames or ())
    _check(headings, mapped)
    return tuple(_revenue(row, line, mapped) for line, row in _rows(reader, mapped))


def _rows(reader: csv.DictReader[str], mapped: Mapped) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        for row in reader:
            if all(row[name] in values for name, values in mapped.only.items()):
                yield reader.line_num, row
    except csv.Error as error:
        raise BadInput(f"line {reader.line_num}: {error}") from error


def _check(headings: Sequence[str], mapped: Mapped) -> None:
    columns = mapped.columns
    days = (columns.first_day,) if columns.first_day else (columns.month_of or columns.period,)
    needed = [columns.id, columns.customer, columns.amount, *days, *mapped.only]
    missing = [name for name in needed if name not in headings]
    if missing:
        raise BadInput(
            f"the export has no column {', '.join(map(repr, missing))}: "
            f"it has {', '.join(headings) or 'none'}; --map says which column is what"
        )


def _revenue(row: Mapping[str, Any], line: int, mapped: Mapped) -> Revenue:
    columns = mapped.columns

    def cell(name: str) -> str:
        return str(row.get(name) or "").strip()

    try:
        currency = (cell(columns.currency) or "USD").upper()
        customer, plan = cell(columns.customer), cell(columns.plan)
        rate_day = cell(columns.rate_day)
        return Revenue.model_validate(
            {
                "id": f"{mapped.id_prefix}{cell(columns.id)}",
                "customer": mapped.customers.get(customer, customer),
                "period": _period(cell, mapped),
                "amount": _amount(cell(columns.amount), currency, mapped),
                "currency": currency,
                "plan": mapped.plans.get(plan, plan),
                "feature": cell(columns.feature),
                "rate_day": date.fromisoformat(rate_day[:_DAY]) if rate_day else None,
                "description": cell(columns.description),
            }
        )
    except (ValidationError, ValueError, InvalidOperation) as error:
        raise BadInput(f"line {line}: {_first(error)}") from error


def _period(cell: Any, mapped: Mapped) -> str:
    columns = mapped.columns
    if columns.month_of:
        return date.fromisoformat(cell(columns.month_of)[:_DAY]).isoformat()[:7]
    if not columns.first_day:
        return str(cell(columns.period))
    first = date.fromisoformat(cell(columns.first_day)[:_DAY])
    words = cell(columns.last_day)[:_DAY]
    last = date.fromisoformat(words) if words else first
    if mapped.last_day == "excluded" and last > first:
        last -= timedelta(days=1)
    return f"{first}/{last}"


def _amount(words: str, currency: str, mapped: Mapped) -> str:
    amount = Decimal(words.replace(",", ""))
    if mapped.amounts == "minor":
        amount = amount.scaleb(-_DECIMALS.get(currency, 2))
    return decimal_text(amount)
