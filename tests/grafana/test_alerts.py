"""Every alert rule, as Grafana's server sends it: no variables, macros only."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import month
import pytest
from grafana.alerts import RULES, Rule, spike_sql
from grafana_plugin import View, seconds, sent
from otel_costattr_collector.sql import Guard
from otel_costattr_collector.store import Store

pytestmark = pytest.mark.timeout(60)  # whoever comes first plants the month

QUIET = "2026-10-14T12:00:00Z"


def _view(rule: Rule, until: int) -> View:
    return View(since_s=until - rule.period_s, until_s=until)


def _numbers(store: Store, rule: Rule, until: int) -> dict[str, float]:
    """Return label to number, as the rule's first step sees them."""
    rows = store.query(sent(rule.sql, _view(rule, until), in_alert=True)).rows
    return {"/".join(row[:-1]): float(row[-1]) for row in rows}


def _rule(name: str) -> Rule:
    return next(rule for rule in RULES if rule.name == name)


def _fires(rule: Rule, number: float) -> bool:
    kind, limit = rule.fires
    return number > limit if kind == "gt" else number < limit


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_a_rule_runs_on_the_endpoint_and_returns_numbers(
    seeded: Store, guard: Guard, rule: Rule
) -> None:
    """The guard admits it, and each row is labels and one number."""
    view = _view(rule, seconds(QUIET))
    guard.admit(
        sent(rule.sql, view, in_alert=True), parameters={}, asked={}, default_format="Native"
    )

    assert _numbers(seeded, rule, seconds(QUIET))


def test_the_spike_rule_names_the_feature_that_spiked(seeded: Store) -> None:
    """In the hour of the planted spike it fires for that feature alone, in a quiet hour for none."""
    rule = replace(_rule("spike"), sql=spike_sql(floor_usd="0.25"))
    spiked = _numbers(seeded, rule, month.SPIKE.since_s + 3600)
    quiet = _numbers(seeded, rule, seconds(QUIET))

    assert {"search"} == {feature for feature, number in spiked.items() if _fires(rule, number)}
    assert not any(_fires(rule, number) for number in quiet.values())


def test_a_rise_by_cents_is_no_spike(seeded: Store) -> None:
    """As provisioned, 25 times as much is silent while it is less than a dollar."""
    rule = _rule("spike")
    numbers = _numbers(seeded, rule, month.SPIKE.since_s + 3600)

    assert set(numbers.values()) == {0.0}


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("unpriced", "sumIf(calls, status = 'unpriced')"),
        ("coverage", "sumIf(calls, feature != '')"),
    ],
)
def test_a_share_is_that_of_the_ledger(seeded: Store, name: str, counted: str) -> None:
    """The number equals one counted over the raw lines of the same hours."""
    rule = _rule(name)
    until = seconds(QUIET)
    (part, whole) = seeded.query(
        f"SELECT {counted}, sum(calls) FROM ledger WHERE data_mode IN ('', 'real')"
        f" AND event_ns >= toDateTime({until - rule.period_s}) AND event_ns < toDateTime({until})"
    ).rows[0]
    number = _numbers(seeded, rule, until)[""]

    assert abs(Decimal(number) - Decimal(part) / Decimal(whole)) < Decimal("1e-9")


def test_the_rollup_rule_is_silent_while_they_add_up(seeded: Store) -> None:
    """Over a day in which the rollup equals the ledger the number is 0."""
    rule = _rule("rollups")

    assert _numbers(seeded, rule, seconds(QUIET)) == {"spend_by_feature_15m": 0.0}


def test_the_rollup_rule_hears_of_a_lost_row(store: Store) -> None:
    """A line that only the ledger has makes it fire."""
    rule = _rule("rollups")
    month.plant(store, 100)
    until = month.SPIKE.since_s + 2 * 3600
    store.command("TRUNCATE TABLE spend_by_feature_15m")

    (number,) = _numbers(store, rule, until).values()
    assert _fires(rule, number)
