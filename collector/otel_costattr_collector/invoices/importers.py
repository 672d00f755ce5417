"""Files of providers as lines of a bill: one small reader for each format."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from otel_costattr.errors import BadInput

from .bills import BillLine, Kind

Row = Mapping[str, str]
_CENT: Final = Decimal("0.01")
_KINDS: Final[Mapping[str, Kind]] = {
    "tax": "tax",
    "credit": "discount",
    "discount": "discount",
    "refund": "discount",
    "edpdiscount": "discount",
    "privateratediscount": "discount",
    "bundleddiscount": "discount",
    "savingsplannegation": "discount",
}


def read_bill(text: str, form: str, *, source: str = "bill") -> tuple[BillLine, ...]:
    """Read a provider's file.

    Args:
        text: The file.
        form: A key of `FORMS`, or `auto` to recognise it.
        source: Its name, for messages.

    Raises:
        BadInput: It is not in that format, not in USD, or empty; the message says where.
    """
    try:
        lines = tuple(FORMS[_recognised(text) if form == "auto" else form](text))
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation) as error:
        raise BadInput(f"{source}: cannot be read as {form}: {error!r}") from error
    except BadInput as error:
        raise BadInput(f"{source}: {error}") from error
    if not lines:
        raise BadInput(f"{source}: there is no line in it")
    return lines


def _recognised(text: str) -> str:
    if text.lstrip().startswith(("{", "[")):
        return "openai" if '"start_time"' in text else "anthropic"
    head = set((csv.DictReader(text.splitlines()).fieldnames) or ())
    marks = {
        "focus": "ChargePeriodStart",
        "cur": "lineItem/UsageStartDate",
        "cur2": "line_item_usage_start_date",
        "azure": "MeterCategory",
        "csv": "amount_usd",
    }
    for form, mark in marks.items():
        if mark in head:
            return form.rstrip("2")
    raise BadInput(f"no known format: name one of {', '.join(FORMS)} by --format")


def _pages(text: str) -> Iterator[Mapping[str, Any]]:
    """Yield the buckets of one page, or of a list of pages."""
    found = json.loads(text, parse_float=Decimal)
    for page in found if isinstance(found, list) else [found]:
        if page.get("has_more") and not isinstance(found, list):
            raise BadInput("has_more is true: fetch every page and put them in one JSON list")
        yield from page["data"]


def _openai(text: str) -> Iterator[BillLine]:
    for bucket in _pages(text):
        day = datetime.fromtimestamp(int(bucket["start_time"]), UTC).date()
        for result in bucket["results"]:
            amount = result["amount"]
            _check_usd(amount.get("currency") or "usd")
            item = result.get("line_item") or ""
            model, _, what = item.partition(", ")
            yield BillLine(
                day=day,
                model=model,
                project=result.get("project_id") or "",
                tier=_tier(what),
                amount_usd=_usd(amount["value"]),
                description=item,
            )


def _anthropic(text: str) -> Iterator[BillLine]:
    for bucket in _pages(text):
        day = _day(bucket["starting_at"])
        for result in bucket["results"]:
            _check_usd(result.get("currency") or "USD")
            yield BillLine(
                day=day,
                model=result.get("model") or "",
                project=result.get("workspace_id") or "",
                tier=_tier(result.get("service_tier") or ""),
                # The report is in the lowest unit of the currency: "123.45" are 1.2345 USD.
                amount_usd=_usd(Decimal(result["amount"]) * _CENT),
                description=result.get("description") or "",
            )


def _focus(text: str) -> Iterator[BillLine]:
    for row in csv.DictReader(text.splitlines()):
        _check_usd(row.get("BillingCurrency") or "USD")
        yield BillLine(
            day=_day(row["ChargePeriodStart"]),
            model=row.get("x_Model") or row.get("ResourceName") or row.get("ResourceId") or "",
            project=row.get("SubAccountId") or "",
            kind=_kind(row["ChargeCategory"]),
            amount_usd=_usd(row["BilledCost"]),
            tokens=_tokens(row.get("ConsumedQuantity"), row.get("ConsumedUnit")),
            description=row.get("ChargeDescription") or "",
        )


def _cur(text: str) -> Iterator[BillLine]:
    for raw in csv.DictReader(text.splitlines()):
        row = {_snake(name): value for name, value in raw.items()}
        _check_usd(row.get("line_item_currency_code") or "USD")
        usage = row.get("line_item_usage_type") or ""
        yield BillLine(
            day=_day(row["line_item_usage_start_date"]),
            model=row.get("product_model") or row.get("line_item_resource_id") or usage,
            project=row.get("line_item_usage_account_id") or "",
            kind=_kind(row.get("line_item_line_item_type") or ""),
            tier=_tier(usage),
            amount_usd=_usd(row["line_item_unblended_cost"]),
            description=row.get("line_item_line_item_description") or usage,
        )


def _azure(text: str) -> Iterator[BillLine]:
    for row in csv.DictReader(text.splitlines()):
        _check_usd(row.get("BillingCurrency") or row.get("BillingCurrencyCode") or "USD")
        day = row.get("Date") or row.get("UsageDate") or row["UsageDateTime"]
        yield BillLine(
            day=_day(day),
            model=row.get("MeterName") or "",
            project=row.get("ResourceGroup") or row.get("SubscriptionName") or "",
            kind=_kind(row.get("ChargeType") or ""),
            amount_usd=_usd(row.get("CostInBillingCurrency") or row.get("PreTaxCost") or ""),
            description=row.get("MeterSubCategory") or row.get("MeterCategory") or "",
        )


def _csv(text: str) -> Iterator[BillLine]:
    for row in csv.DictReader(text.splitlines()):
        _check_usd(row.get("currency") or "USD")
        yield BillLine(
            day=_day(row["day"]),
            model=row.get("model") or "",
            project=row.get("project") or "",
            kind=_kind(row.get("kind") or ""),
            tier=_tier(row.get("tier") or ""),
            amount_usd=_usd(row["amount_usd"]),
            tokens=_tokens(row.get("tokens"), "tokens"),
            description=row.get("description") or "",
        )


FORMS: Final[Mapping[str, Callable[[str], Iterator[BillLine]]]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "focus": _focus,
    "cur": _cur,
    "azure": _azure,
    "csv": _csv,
}
"""Format to its reader."""


def _usd(value: object) -> Decimal:
    amount = Decimal(str(value))
    exponent = amount.as_tuple().exponent
    # Providers write doubles: what is beyond 1e-12 USD is noise of theirs.
    long = not isinstance(exponent, int) or exponent < -12
    return amount.quantize(Decimal("1E-12")) if long else amount


def _check_usd(currency: str) -> None:
    if currency.upper() != "USD":
        raise BadInput(f"it is in {currency}: bills in USD only are compared")


def _day(word: str) -> date:
    text = word.strip()
    if "/" in text:
        month, day, year = text.split()[0].split("/")
        return date(int(year), int(month), int(day))
    return date.fromisoformat(text[:10])


def _kind(word: str) -> Kind:
    return _KINDS.get(word.replace(" ", "").lower(), "usage")


def _tier(word: str) -> str:
    lowered = word.lower()
    return next((tier for tier in ("batch", "flex", "priority") if tier in lowered), "")


def _tokens(quantity: str | None, unit: str | None) -> int | None:
    if not quantity or "token" not in (unit or "").lower():
        return None
    return int(Decimal(quantity))


def _snake(name: str) -> str:
    spelled = name.replace("/", "_")
    parts = (f"_{char.lower()}" if char.isupper() else char for char in spelled)
    return "".join(parts).replace("__", "_").strip("_")
