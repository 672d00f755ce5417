"""Drafts: what one customer is billed for one month, and whether the figures are good enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from otel_costattr.errors import BadInput
from otel_costattr_collector import queries, spend
from otel_costattr_collector.analytics import quality
from otel_costattr_collector.analytics.asking import dimensions_of, filters_of
from otel_costattr_collector.months import Month
from otel_costattr_collector.plain import decimal_text
from otel_costattr_collector.spend import Question
from otel_costattr_collector.store import Store

from .charging import Charged, Used, charged
from .plans import Charge, Plans, plan_of

_ZERO: Final = Decimal(0)
_USED: Final = (
    "SELECT {dimensions}, sum(spent.calls) AS calls, sum(spent.input_total_tokens) AS input_tokens,"
    " sum(spent.output_total_tokens) AS output_tokens, sum(spent.amount_usd) AS cost,"
    " sumIf(spent.lines, spent.status = 'unpriced') AS unpriced"
    " FROM ledger AS spent WHERE {filter} GROUP BY {keys}"
    " HAVING calls != 0 OR cost IS NOT NULL OR unpriced != 0 ORDER BY {keys} LIMIT 100000"
)
USAGE: Final = ("feature", "model")


def draft(
    store: Store, plans: Plans, customer: str, month: Month, *, now_ns: int
) -> dict[str, Any]:
    """Work out what a customer is billed: lines, usage and state, amounts as decimal strings.

    Args:
        store: Where the ledger is.
        plans: What is charged.
        customer: The tenant.
        month: The month.
        now_ns: The time, nanoseconds UTC.

    Raises:
        BadInput: The customer has no plan, or a charge asks for what is not known.
        StoreError: The store refused or did not answer.
    """
    asked = replace(_question(plans, customer, month), schema=store.layout.attribution)
    usage = _used(store, replace(asked, group_by=USAGE))
    named = tuple(row["plan"] for row in _used(store, replace(asked, group_by=("plan",))))
    plan = plan_of(plans, customer, named)
    lines = [
        line
        for charge in plans.plans[plan].charge
        for line in charged(charge, _used_by(store, asked, charge), plans.round)
    ]
    reasons = _reasons(store, plans, asked, month, usage, now_ns)
    return {
        "customer": customer,
        "period": month.name,
        "first_day": str(month.first),
        "last_day": str(month.last),
        "time_zone": month.zone,
        "issuer": plans.issuer,
        "plan": plan,
        "currency": "USD",
        "measure": plans.cost,
        "state": "provisional" if reasons else "final",
        "reasons": reasons,
        "lines": [_words(line) for line in lines],
        "total_usd": decimal_text(sum((line.amount_usd for line in lines), _ZERO)),
        "cost_usd": decimal_text(sum((row["cost"] or _ZERO for row in usage), _ZERO)),
        "usage": [_usage_words(row) for row in usage],
    }


def _question(plans: Plans, customer: str, month: Month) -> Question:
    return Question(
        group_by=USAGE,
        since=spend.edge(month.first.isoformat(), month.zone),
        until=spend.edge(month.last.isoformat(), month.zone, end=True),
        filters={plans.customer: customer},
        reporting_zone=month.zone,
        measure=plans.cost,
    )


def _used(store: Store, question: Question) -> tuple[dict[str, Any], ...]:
    frame = spend.frame(question, table="ledger")
    sql = _USED.format(**frame.parts)
    return store.query(sql, frame.parameters).mappings()


def _used_by(store: Store, asked: Question, charge: Charge) -> Sequence[Used]:
    filters, without = filters_of(charge.where)
    if not {"tenant", "tenant_root"}.isdisjoint(filters):
        raise BadInput(f"charge {charge.name!r}: where cannot name the tenant")
    by = dimensions_of(charge.by)
    question = replace(
        asked,
        group_by=by or tuple(asked.filters),
        filters={**filters, **asked.filters},
        without=without,
    )
    keys = [f"tag_{place}" if queries.tag_of(name) else name for place, name in enumerate(by)]
    return [
        Used(detail=tuple(row[key] for key in keys), quantities=_quantities(row))
        for row in _used(store, question)
    ]


def _quantities(row: dict[str, Any]) -> dict[str, Decimal]:
    sent, produced = Decimal(row["input_tokens"]), Decimal(row["output_tokens"])
    return {
        "calls": Decimal(row["calls"]),
        "input_tokens": sent,
        "output_tokens": produced,
        "tokens": sent + produced,
        "cost": row["cost"] or _ZERO,
    }


def _reasons(
    store: Store,
    plans: Plans,
    asked: Question,
    month: Month,
    usage: Sequence[dict[str, Any]],
    now_ns: int,
) -> list[str]:
    """Say why the figures are not final: each in one sentence."""
    reasons = []
    if now_ns < month.end_ns:
        reasons.append("the month is not over")
    unpriced = sum(row["unpriced"] for row in usage)
    if unpriced:
        reasons.append(f"{unpriced} lines of the customer have no price")
    everybody = replace(asked, group_by=("tenant",), filters={}, measure="fully_loaded")
    found = quality.figures(store, everybody, rollups="rollups" in plans.gates)
    reasons += [
        f"gate {gate.name} fails: {gate.measured}, {gate.bound} {gate.threshold} ({gate.says})"
        for gate in quality.gates(found)
        if gate.name in plans.gates and gate.state == "fail"
    ]
    return reasons


def _words(line: Charged) -> dict[str, str]:
    return {
        "name": line.name,
        "detail": line.detail,
        "quantity": decimal_text(line.quantity),
        "unit": line.unit,
        "formula": line.formula,
        "exact_usd": decimal_text(line.exact_usd),
        "amount_usd": f"{line.amount_usd:f}",
    }


def _usage_words(row: dict[str, Any]) -> dict[str, Any]:
    cost = row["cost"]
    return {**row, "cost": None if cost is None else decimal_text(cost)}
