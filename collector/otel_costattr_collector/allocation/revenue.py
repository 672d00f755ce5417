"""Weights by revenue: what customers pay for the days of a period."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, localcontext
from typing import Final

from otel_costattr.errors import BadInput
from otel_costattr_collector.store import Store

from .rules import Rule
from .sources import Period

_TARGETS: Final = ("tenant", "plan", "feature")
_HAS_TABLE: Final = (
    "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'revenue'"
)
_REVENUE: Final = (
    "SELECT {target} AS value, first_day, last_day, sum(amount_usd) AS usd FROM revenue"
    " WHERE first_day <= toDate({{last:String}}) AND last_day >= toDate({{first:String}})"
    " AND value != '' GROUP BY value, first_day, last_day ORDER BY value, first_day, last_day"
)
_PRECISION: Final = 60


def revenue_of(store: Store, rule: Rule, period: Period) -> Mapping[str, Decimal]:
    """Weigh each tenant, plan or feature by its revenue in a period, USD.

    What is paid for other days as well counts by the days that lie in the period.

    Args:
        store: Where revenue is kept.
        rule: The rule; its target is `tenant`, `plan` or `feature`.
        period: The days.

    Raises:
        BadInput: Revenue knows no such dimension, or none is kept here: give it by `--weights`.
        StoreError: The store refused or did not answer.
    """
    if rule.target not in _TARGETS:
        raise BadInput(f"revenue is known by {', '.join(_TARGETS)}, not by {rule.target}")
    if not store.query(_HAS_TABLE).rows[0][0]:
        raise BadInput(f"rule {rule.name!r}: no revenue is kept here: give it by --weights FILE")
    days = {"first": period.first.isoformat(), "last": period.last.isoformat()}
    found: dict[str, Decimal] = {}
    with localcontext(prec=_PRECISION):
        for value, first, last, usd in store.query(_REVENUE.format(target=rule.target), days).rows:
            share = _days(max(first, period.first), min(last, period.last))
            part = usd * share / _days(first, last)
            found[value] = found.get(value, Decimal(0)) + part
    return {value: usd for value, usd in found.items() if usd > 0}


def _days(first: date, last: date) -> int:
    return (last - first).days + 1
