"""How budgets stand: what is spent, where it is heading, and why it is not what was planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context, Decimal
from typing import Final

from pydantic import BaseModel, Field

from otel_costattr_collector import queries, spend
from otel_costattr_collector.analytics import answering
from otel_costattr_collector.analytics.asking import Compared
from otel_costattr_collector.analytics.catalogue import BY_QUERY
from otel_costattr_collector.analytics.rows import Ratio, Usd
from otel_costattr_collector.budgets.book import Window, today, window_at
from otel_costattr_collector.budgets.forecast import HISTORY_DAYS, forecast
from otel_costattr_collector.budgets.records import Budget
from otel_costattr_collector.plain import decimal_text
from otel_costattr_collector.spend import Question
from otel_costattr_collector.store import Store

_ZERO: Final = Decimal(0)
_CENT: Final = Decimal("0.01")
_EXACT: Final = Context(prec=76)
_PARTS: Final = ("volume", "mix", "tokens_per_call", "price", "other")


class Variance(BaseModel):
    """Why actual spend is not what the budget planned; the parts sum to `variance`."""

    planned: str = Field(description="USD: the amount times the part of the period that is over.")
    actual: str = Field(description="USD spent so far.")
    variance: str = Field(description="actual minus planned.")
    before: str = Field(description="USD in as much of the period before.")
    expected_change: str = Field(description="before minus planned: what the plan was off already.")
    volume: str = Field(description="More or fewer calls than in the period before.")
    mix: str = Field(description="Another share of models, providers, operations and tiers.")
    tokens_per_call: str = Field(description="More or fewer tokens in a call, at the old rates.")
    price: str = Field(description="New rates.")
    other: str = Field(description="Tools and costs that are no model call.")


class Status(BaseModel):
    """How one budget stands in its current period."""

    budget: Budget
    first_day: date
    last_day: date
    spent: Usd
    spent_percent: str
    calls: int
    unpriced_calls: int = Field(description="In no amount: with any, more is spent than told.")
    elapsed_percent: str = Field(description="Of the period.")
    burn_per_day: str = Field(description="USD a day of the period so far.")
    forecast: str = Field(description="USD at the end of the period, to the cent.")
    forecast_low: str | None = Field(description="It is less in one case of ten.")
    forecast_high: str | None = Field(description="It is more in one case of ten.")
    forecast_percent: str
    method: str = Field(description="trend and weekday, mean, or none without a whole day.")
    reached: list[str] = Field(description="Thresholds that are reached, percent.")
    action: str = Field(description="allow, warn, degrade or block.")
    model: str
    variance: Ratio | Variance = Field(default=None, description="Where it was asked for.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What a budget has to do with on one day.

    Attributes:
        cost: USD; None if nothing of it has a price.
        calls: Model calls.
        unpriced: Of these, without a price.
    """

    cost: Decimal | None
    calls: int
    unpriced: int


def days_of(
    store: Store, budget: Budget, first: date, *, until_ns: int | None = None
) -> dict[date, Day]:
    """Ask for the cost of each day from one on.

    Raises:
        StoreError: The store refused or did not answer.
    """
    zone, reporting = budget.time_zone, store.layout.time_zone
    question = Question(
        group_by=("data_mode",),
        since=spend.edge(first.isoformat(), zone, reporting_zone=reporting),
        until=None if until_ns is None else spend.edge_at(until_ns, reporting),
        filters={name: tuple(values) for name, values in budget.filters.items()},
        grain="day",
        time_zone=zone,
        reporting_zone=reporting,
        schema=store.layout.attribution,
    )
    frame = spend.frame(question)
    frame.parameters["time_zone"] = zone
    parts = {
        "day": spend.bucket("day", frame.source),
        "source": frame.source.table,
        "filter": frame.parts["filter"],
    }
    sql = queries.render("budget_days", parts)
    return {
        row["day"]: Day(cost=row["cost"], calls=row["calls"], unpriced=row["unpriced_calls"])
        for row in store.query(sql, frame.parameters).mappings()
    }


def status_of(store: Store, budget: Budget, now_ns: int) -> Status:
    """Say how a budget stands.

    Raises:
        StoreError: The store refused or did not answer.
    """
    window = window_at(budget.period, budget.time_zone, now_ns)
    days = days_of(store, budget, window.first - timedelta(days=HISTORY_DAYS))
    return told(budget, window, days, now_ns)


def told(budget: Budget, window: Window, days: Mapping[date, Day], now_ns: int) -> Status:
    """Work out how a budget stands from the cost of days.

    Args:
        budget: The budget.
        window: Its current period.
        days: Cost by day, eight weeks before the period included.
        now_ns: Now, nanoseconds UTC.
    """
    inside = [one for day, one in days.items() if window.first <= day < window.after]
    costs = [one.cost for one in inside if one.cost is not None]
    spent = sum(costs, _ZERO)
    elapsed = elapsed_of(window, now_ns)
    ahead, first, history = _series(budget, window, days, now_ns)
    found = forecast(history, first, ahead)
    due = Decimal(repr(found.expected)) + spent
    reached = [one for one in budget.thresholds if spent * 100 >= one.percent * budget.amount_usd]
    strictest = max(reached, key=lambda one: _STRICT[one.action], default=None)
    return Status(
        budget=budget,
        first_day=window.first,
        last_day=window.after - timedelta(days=1),
        spent=decimal_text(spent) if costs or not inside else None,
        spent_percent=_percent(spent, budget.amount_usd),
        calls=sum(one.calls for one in inside),
        unpriced_calls=sum(one.unpriced for one in inside),
        elapsed_percent=_percent(elapsed, Decimal(1)),
        burn_per_day=_cents(spent / max(elapsed * window.days, Decimal("0.000001"))),
        forecast=_cents(due),
        forecast_low=None if found.low is None else _cents(Decimal(repr(found.low)) + spent),
        forecast_high=None if found.high is None else _cents(Decimal(repr(found.high)) + spent),
        forecast_percent=_percent(due, budget.amount_usd),
        method=found.method,
        reached=[decimal_text(one.percent) for one in reached],
        action=strictest.action if strictest else "allow",
        model=strictest.model if strictest else "",
    )


_STRICT: Final = {"warn": 1, "degrade": 2, "block": 3}


def elapsed_of(window: Window, now_ns: int) -> Decimal:
    """Return the part of a period that is over, 0 to 1."""
    passed = min(max(now_ns - window.start_ns, 0), window.end_ns - window.start_ns)
    return Decimal(passed) / (window.end_ns - window.start_ns)


def _series(
    budget: Budget, window: Window, days: Mapping[date, Day], now_ns: int
) -> tuple[Sequence[tuple[date, float]], date, Sequence[float]]:
    now = today(budget.time_zone, now_ns)
    first = min(days, default=now)
    history = []
    for number in range((now - first).days):
        one = days.get(first + timedelta(days=number))
        history.append(float(one.cost or 0) if one else 0.0)
    left = float(1 - elapsed_of(window_at("day", budget.time_zone, now_ns), now_ns))
    later = range(1, (window.after - now).days)
    ahead = [(now, left), *((now + timedelta(days=number), 1.0) for number in later)]
    return ahead, first, history


def _percent(part: Decimal, whole: Decimal) -> str:
    return decimal_text((part * 100 / whole).quantize(_CENT, context=_EXACT))


def _cents(amount: Decimal) -> str:
    return str(amount.quantize(_CENT, context=_EXACT))


def variance_of(store: Store, budget: Budget, now_ns: int) -> Variance | None:
    """Explain why actual spend is not what the budget planned, by the period before.

    Returns:
        The explanation; None where one of both periods has no price at all.

    Raises:
        StoreError: The store refused or did not answer.
    """
    window = window_at(budget.period, budget.time_zone, now_ns)
    before = window_at(budget.period, budget.time_zone, window.start_ns - 1)
    share = elapsed_of(window, now_ns)
    before_ns = before.start_ns + int((before.end_ns - before.start_ns) * share)
    if before_ns - before.start_ns < 1000 or now_ns - window.start_ns < 1000:
        return None
    asked = Compared(
        start_date=_instant(window.start_ns),
        end_date=_instant(now_ns),
        before_start=_instant(before.start_ns),
        before_end=_instant(before_ns),
        where=[f"{name}={value}" for name, values in budget.filters.items() for value in values],
        limit=1,
    )
    total = answering.answer(store, BY_QUERY["compare"], asked).total
    found = total.model_dump() if total else {}
    if found.get("delta") is None:
        return None
    planned = (budget.amount_usd * share).quantize(Decimal("1E-12"))
    actual, old = Decimal(found["cost_after"]), Decimal(found["cost_before"])
    return Variance(
        planned=decimal_text(planned),
        actual=decimal_text(actual),
        variance=decimal_text(actual - planned),
        before=decimal_text(old),
        expected_change=decimal_text(old - planned),
        **{part: found[part] for part in _PARTS},
    )


def _instant(ns: int) -> str:
    return f"{spend.instant_of(ns).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
