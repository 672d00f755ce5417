"""The answers of the API: their shape, and how they are made from what the store returns."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel, Field

from otel_costattr.model import DIMENSIONS, REASONS, UNITS
from otel_costattr_collector import queries, spend
from otel_costattr_collector.amendments.chain import Link, chain_of
from otel_costattr_collector.analytics.asking import CostsAsked, cursor_at, question_of
from otel_costattr_collector.analytics.small_groups import folded
from otel_costattr_collector.closing.records import closed_between
from otel_costattr_collector.ledger.columns import unit_column
from otel_costattr_collector.ledger.dates import CLOSED, HAPPENED
from otel_costattr_collector.ledger.entries import is_of_cost
from otel_costattr_collector.plain import decimal_text, moment_text
from otel_costattr_collector.store import Store

EXECUTION_S: Final = 60
"""How long the engine may work on one question, seconds."""

_SHARE: Final = Decimal("0.000001")


class Health(BaseModel):
    """Whether we are well."""

    status: str


class Failure(BaseModel):
    """What was wrong with a request, or with us."""

    code: str = Field(description="A word for programs.")
    message: str = Field(description="What was wrong, where, and what to do about it.")


def failure(description: str) -> dict[str, Any]:
    """Describe a failing answer for the OpenAPI document.

    It points at the schema of `Failure`: with a model of its own for each answer of each route,
    half the time of making the API went into models that validate nothing.
    """
    schema = {"$ref": "#/components/schemas/Failure"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


class Sums(BaseModel):
    """Sums over calls; amounts are decimal strings in USD, null where nothing has a price."""

    total_cost: str | None = Field(description="USD; null if no call has a price.")
    calls: int = Field(description="Model calls; duplicates are not counted.")
    priced_calls: int = Field(description="Of these, with an exact price.")
    estimated_calls: int = Field(description="With a price for which something was assumed.")
    unpriced_calls: int = Field(description="Without a price.")
    unpriced_lines: int = Field(description="Calls and further models of responses without one.")
    failed_calls: int = Field(description="That failed.")
    attributed_calls: int = Field(description="With every dimension of the question known.")
    duplicates: int = Field(description="Spans that described a call that another span counts.")
    input_tokens: int | None = Field(description="Cached ones included; null if none is known.")
    cache_read_tokens: int | None = Field(description="Of these, read from a cache.")
    output_tokens: int | None = Field(description="Reasoning included; null if none is known.")
    list_cost: str | None = Field(description="USD at published rates.")
    reported_cost: str | None = Field(description="USD that emitters claim.")
    least_cost: str | None = Field(
        description="Least USD that calls without a price can have cost; null if nobody can say."
    )
    most_cost: str | None = Field(description="Most USD that they can have cost.")
    price_coverage: str | None = Field(description="Share of calls with a price, 0 to 1.")
    attribution_coverage: str | None = Field(
        description="Share of calls with every dimension of the question known, 0 to 1."
    )
    attributed_cost: str | None = Field(description="USD of the attributed calls.")


class CostRow(Sums):
    """The sums of one combination of dimensions."""

    entity_id: str = Field(description="Value of entity_type; '' where nobody knows it.")
    dimensions: dict[str, str] = Field(description="Every dimension of the question.")
    bucket: str | None = Field(
        description="Start of the bucket of time: a day of the time zone, or an instant in UTC."
    )


class Costs(BaseModel):
    """What things cost in a period."""

    start_date: str | None
    end_date: str | None
    time_zone: str = Field(description="Time zone of days and buckets.")
    grain: str | None = Field(description="Length of the buckets of time.")
    measure: str = Field(
        description="direct: what each caused itself; fully_loaded: with what was allocated to it."
    )
    currency: str = "USD"
    entity_type: str
    group_by: list[str]
    total: Sums
    data: list[CostRow]
    closed_months: list[str] = Field(
        description="Months of the period that are closed: what is learned later is not in them."
    )
    truncated: bool = Field(description="Whether there are more rows than `limit`.")
    next_cursor: str | None = Field(description="Asks for the next page; null on the last one.")


class PricedUnit(BaseModel):
    """One unit of a line: quantity times rate."""

    unit: str
    quantity: int
    rate: str | None = Field(description="USD/units, such as 0.15/1000000; null without a price.")
    amount: str | None = Field(description="Exact USD; null without a price.")
    source: str | None = Field(description="Where the count came from.")


class Explanation(BaseModel):
    """Why a line costs what it does."""

    line_id: str
    amount_usd: str | None
    status: str
    reasons: dict[str, str] = Field(description="Reason to the sentence that explains it.")
    formula: str = Field(description="The arithmetic, or why there is none.")
    units: list[PricedUnit]
    price: dict[str, str | None] = Field(description="Entry, book, rule and validity.")
    owner: dict[str, str] = Field(description="Dimension to value, the known ones.")
    owner_source: dict[str, str] = Field(description="Dimension to where its value came from.")
    happened: str = Field(
        description="When it happened, UTC; its date unless that month is closed."
    )
    closed_month: str = Field(
        description="The closed month in which it happened, where it has a later date; else ''."
    )
    line: dict[str, Any] = Field(description="Every column of the line.")
    amendments: list[dict[str, Any]] = Field(description="The lines that amend it, in order.")
    chain: list[Link] = Field(
        description="The line and everything that amended it, the first one first; empty if nothing"
        " did."
    )


def costs(store: Store, asked: CostsAsked, *, tenant: str = "") -> Costs:
    """Answer a question about costs.

    Args:
        store: Where the answer comes from.
        asked: The words of the question.
        tenant: The only tenant whose lines may be read, or `''` for all.

    Raises:
        BadInput: A word of the question is not understood.
        Forbidden: It asks for another tenant.
        StoreError: The store refused or did not answer.
    """
    question = question_of(asked, store.layout, tenant=tenant)
    question = folded(store, question, asked, query="costs")
    entity_type = queries.dimension(asked.entity_type or question.group_by[0])
    sql, parameters = spend.ask(question)
    answer = store.query(sql, parameters, settings={"max_execution_time": EXECUTION_S})
    total, rows, truncated = spend.total_and_rows(answer, question)
    return Costs(
        start_date=asked.start_date,
        end_date=asked.end_date,
        time_zone=question.time_zone,
        grain=question.grain or None,
        measure=question.measure,
        entity_type=entity_type,
        group_by=list(question.group_by),
        total=Sums(**_sums(total)),
        data=[_row(row, entity_type, question) for row in rows],
        closed_months=closed_between(store, question.since, question.until),
        truncated=truncated,
        next_cursor=cursor_at(question.offset + question.limit) if truncated else None,
    )


def _row(row: dict[str, Any], entity_type: str, question: spend.Question) -> CostRow:
    names: dict[str, str] = row.pop("dimensions")
    started = row.pop("bucket")
    return CostRow(
        entity_id=names.get(entity_type, _filtered(question, entity_type)),
        dimensions=names,
        bucket=moment_text(started) if question.grain else None,
        **_sums(row),
    )


def _filtered(question: spend.Question, dimension: str) -> str:
    values = question.filters.get(dimension, "")
    return values if isinstance(values, str) else values[0]


def _sums(measures: Mapping[str, Any]) -> dict[str, Any]:
    calls = measures["calls"]
    with_price = measures["priced_calls"] + measures["estimated_calls"]
    plain = {name: _plain(value) for name, value in measures.items() if name != "usage_calls"}
    return {
        **plain,
        "price_coverage": _share(with_price, calls),
        "attribution_coverage": _share(measures["attributed_calls"], calls),
    }


def _plain(value: Any) -> Any:
    return decimal_text(value) if isinstance(value, Decimal) else value


def _share(part: int, whole: int) -> str | None:
    if whole <= 0:
        return None
    return decimal_text((Decimal(part) / Decimal(whole)).quantize(_SHARE))


def explain(store: Store, line_id: str, *, tenant: str = "") -> Explanation | None:
    """Explain one ledger line; None if there is none that may be read.

    Args:
        store: Where it is.
        line_id: 24 hex digits.
        tenant: The only tenant whose lines may be read, or `''` for all.

    Raises:
        StoreError: The store refused or did not answer.
    """
    found = store.query(queries.render("line"), {"line_id": line_id}).mappings()
    readable = [line for line in found if not tenant or line["tenant"] == tenant]
    lines = [{name: _plain(value) for name, value in line.items()} for line in readable]
    line = next((line for line in lines if line["line_id"] == line_id), None)
    if line is None:
        return None
    units = _units(line)
    return Explanation(
        line_id=line_id,
        amount_usd=line["amount_usd"],
        status=line["status"],
        reasons={reason: REASONS.get(reason, "") for reason in line["reasons"]},
        formula=_formula(line, units),
        units=units,
        price={name: line[f"price_{name}"] for name in _PRICE},
        owner=_owner(line),
        owner_source=line["owner_source"],
        happened=line["provenance"].get(HAPPENED, line["event_ns"]),
        closed_month=line["provenance"].get(CLOSED, ""),
        line=line,
        amendments=[other for other in lines if other["amends"] == line_id],
        chain=chain_of(store, line_id, tenant=tenant),
    )


def _owner(line: Mapping[str, Any]) -> dict[str, str]:
    known = {name: line[name] for name in DIMENSIONS if line[name]}
    return known | {f"tags.{name}": value for name, value in line["tags"].items()}


_PRICE: Final = ("entry", "book", "rule", "valid_from", "valid_to")


def _units(line: Mapping[str, Any]) -> list[PricedUnit]:
    counts = {unit: line[unit_column(unit)] for unit in UNITS}
    return [
        PricedUnit(
            unit=unit,
            quantity=count,
            rate=line["rates"].get(unit),
            amount=_amount(count, line["rates"].get(unit)),
            source=line["provenance"].get(unit),
        )
        for unit, count in counts.items()
        if count or unit in line["rates"]
    ]


def _amount(count: int, rate: str | None) -> str | None:
    if rate is None:
        return None
    usd, _, per = rate.partition("/")
    return decimal_text(Decimal(usd) * count / Decimal(per))


def _formula(line: Mapping[str, Any], units: list[PricedUnit]) -> str:
    if line["amount_usd"] is None:
        return f"no amount: {line['status']}"
    if line["entry"] in {"allocation", "true_up"} and not units and line["description"]:
        back = "taken back: " if line["cause"].startswith("reverse:") else ""
        return f"{back}{line['description']} = {line['amount_usd']} USD"
    metric = line["cost_metric"]
    if metric and metric in line["rates"] and line["entry"] != "allocation":
        rate = line["rates"][metric]
        return f"{line['cost_quantity']} {metric} x {rate} = {line['amount_usd']} USD"
    if is_of_cost(line) or line["cost_type"] or line["cost_source"]:
        return f"{line['amount_usd']} USD, {line['price_rule'] or 'as booked'}"
    terms = " + ".join(f"{one.quantity} x {one.rate}" for one in units if one.rate is not None)
    return f"{terms or '0'} = {line['amount_usd']} USD"
