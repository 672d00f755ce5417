"""The question about margins: its words, its row and how its SQL is made."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import Field

from otel_costattr.errors import BadInput
from otel_costattr_collector import queries, spend
from otel_costattr_collector.analytics.asking import Asked, Grouped
from otel_costattr_collector.analytics.catalogue import Named, Written
from otel_costattr_collector.analytics.rows import ByDimensions, Count, Ratio, Usd
from otel_costattr_collector.plain import decimal_text
from otel_costattr_collector.spend import Edge, Question

DIMENSIONS: Final = ("tenant", "tenant_root", "plan", "feature")
"""What revenue can be told apart by; a customer whose id contains its owner rolls up to that."""

_NO_OUTCOMES: Final = "false"


class MarginsAsked(Grouped):
    """A question about margins; its period consists of whole days."""

    propose: Annotated[Decimal, Field(ge=0, lt=1)] | None = Field(
        default=None, description="Share of revenue to be left, such as 0.6: proposes the revenue."
    )


class Margin(ByDimensions):
    """Revenue, cost and what is left."""

    revenue: Usd = Field(description="USD; null where none was posted, which is not 0.")
    direct_cost: Usd
    loaded_cost: Usd
    margin: Usd
    margin_percent: Ratio
    loaded_margin: Usd
    calls: Count
    unpriced_calls: Count = Field(description="In no cost: with any, the margin is too high.")
    least_cost: Usd
    most_cost: Usd
    successes: int | None
    cost_per_success: Usd
    proposed_revenue: Usd


def _ask(asked: Asked, question: Question) -> Written:
    first, after = _days(question)
    named = {*question.group_by, *question.filters, *(n for g in question.without for n in g)}
    if not named <= set(DIMENSIONS):
        raise BadInput(f"margins are grouped and filtered by {', '.join(DIMENSIONS)} only")
    if question.as_of is not None:
        raise BadInput("margins are told as known now: as_of has no meaning for revenue")
    # told apart from the words: what is allocated always counts in loaded_cost
    whole = Question(
        group_by=question.group_by,
        since=question.since,
        until=question.until,
        filters=question.filters,
        without=question.without,
        time_zone=question.time_zone,
        reporting_zone=question.reporting_zone,
        limit=question.limit,
        offset=question.offset,
        schema=question.schema,
    )
    frame = spend.frame(whole)
    owners = _owners(question)
    parts = {
        **frame.parts,
        "source": frame.source.table,
        "owners": owners,
        "outcome_dimensions": ", ".join(
            f"'' AS {key}" if key == "plan" else f"{expression} AS {key}"
            for expression, key in zip(frame.expressions, frame.keys, strict=True)
        ),
        "outcomes": _outcomes(question, frame.parameters, named, owners),
        "limit": spend.limit_of(question, total=True),
    }
    for name, day in (("first", first), ("after", after)):
        if day is not None:
            frame.parameters[f"{name}_day"] = day
            parts[name] = f"{{{name}_day:Date}}"
    if isinstance(asked, MarginsAsked) and asked.propose is not None:
        frame.parameters["kept"] = decimal_text(1 - asked.propose)
        parts["proposed"] = (
            "ceil(toDecimal256(loaded_cost, 12) / toDecimal256({kept:String}, 12), 2)"
        )
    return queries.render("margins", parts), frame.parameters


def _owners(question: Question) -> str:
    timeless = Question(
        group_by=question.group_by,
        filters=question.filters,
        without=question.without,
        schema=question.schema,
    )
    return spend.frame(timeless, table="ledger").parts["filter"]


def _outcomes(
    question: Question, parameters: dict[str, object], named: set[str], owners: str
) -> str:
    if "plan" in named:
        return _NO_OUTCOMES
    since = question.since or Edge(ns=0, day=None)
    until = question.until or Edge(ns=2**62, day=None)
    ledger = queries.source_named("ledger")
    return f"{spend.window(ledger, 'happened', since, until, parameters)} AND {owners}"


def _days(question: Question) -> tuple[date | None, date | None]:
    zone = ZoneInfo(question.time_zone)
    return _day(question.since, zone), _day(question.until, zone)


def _day(edge: Edge | None, zone: ZoneInfo) -> date | None:
    if edge is None:
        return None
    local = spend.instant_of(edge.ns).astimezone(zone)
    if spend.edge(local.date().isoformat(), zone.key).ns != edge.ns:
        raise BadInput("revenue belongs to days: start_date and end_date are days, not instants")
    return local.date()


MARGINS: Final = Named(
    path="/v1/analytics/margins",
    query="margins",
    summary="What is left of revenue after cost, by tenant, plan and feature",
    row=Margin,
    asked=MarginsAsked,
    ask=_ask,
    group_by=("tenant",),
    has_total=True,
)
