"""Alert rules, as Grafana's file provisioning reads them.

Rules run in Grafana's server: no dashboard variable and no `$__conditionalAll` reaches them, so
they look at real data of every environment. The texts of a rule hold no `$`, which provisioning
would expand; its queries may.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import indent
from typing import Any, Final

import yaml
from typing_extensions import override

from .sql import named, plain, select

SOURCE_UID: Final = "costattr"
_HOUR_S: Final = 3_600
_DELAY_S: Final = 300
_REAL: Final = "spent.data_mode IN ('', 'real')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One alert rule.

    Attributes:
        name: Its uid, after `costattr-`.
        title: Its heading.
        sql: Returns text columns, which become labels, and one number.
        stands_for: The named query that the number comes from.
        period_s: Length of the period that is looked at, in seconds.
        delay_s: How long before now it ends, in seconds.
        fires: `gt` or `lt`, and the number beyond which it fires.
        lasts: How long it has to hold.
        severity: Label to route by.
        board: Dashboard that explains it.
        summary: What happened, for people.
        advice: What to do.
    """

    name: str
    title: str
    sql: str
    stands_for: str
    period_s: int
    delay_s: int = _DELAY_S
    fires: tuple[str, float]
    lasts: str = "0s"
    severity: str = "warning"
    board: str
    summary: str
    advice: str


def _spend(by: str, when: str, *, table: str = "spend_by_feature_15m") -> str:
    return plain(
        "spend",
        {
            "keys": by,
            "dimensions": f"spent.{by} AS {by}",
            "known": f"spent.{by} != ''",
            "source": table,
            "filter": f"{when} AND {_REAL}",
            "limit": "1000",
        },
    )


def _window(shift: str = "") -> str:
    edges = [f"toStartOfFifteenMinutes($__{name}){shift}" for name in ("fromTime", "toTime")]
    return f"spent.bucket >= {edges[0]} AND spent.bucket < {edges[1]}"


def spike_sql(floor_usd: str = "1") -> str:
    """Return the query that tells how many times as much each feature costs as a week before.

    Args:
        floor_usd: A rise by less than this is no spike, and nothing before counts as this much.
    """
    now = _spend("feature", _window())
    before = _spend("feature", _window(" - INTERVAL 7 DAY"))
    cost = {name: f"toFloat64(ifNull({name}.total_cost, 0))" for name in ("now", "before")}
    rise = f"{cost['now']} - {cost['before']}"
    times = f"{cost['now']} / greatest({cost['before']}, {floor_usd})"
    return select(
        (
            f"{named('now.feature')} AS feature",
            f"if({rise} < {floor_usd}, 0, {times}) AS times",
        ),
        now,
        f"AS now\nLEFT JOIN (\n{indent(before, '    ')}\n) AS before USING (is_total, feature)",
        "WHERE NOT is_total",
    )


def _share(part: str, *, by: str) -> str:
    columns = (f"toFloat64({part}) / nullIf(calls, 0) AS share",)
    return select(columns, _spend(by, _window()), "WHERE is_total")


def _differences() -> str:
    first, last = (f"toStartOfFifteenMinutes($__{name})" for name in ("fromTime", "toTime"))
    parts = ("cost_difference", "lines_difference", "calls_difference", "tokens_difference")
    largest = ", ".join(f"toFloat64(abs({part}))" for part in parts)
    inner = plain(
        "ledger_against_rollups",
        {
            "days": "false",
            "quarters": f"spent.bucket >= {first} AND spent.bucket < {last}",
            "filter": f"spent.event_ns >= {first} AND spent.event_ns < {last}",
        },
    )
    columns = ("rollup", f"greatest({largest}) AS apart")
    return select(columns, inner, "WHERE rollup = 'spend_by_feature_15m'")


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        name="spike",
        title="A feature costs more than on the same weekday",
        sql=spike_sql(),
        stands_for="spend",
        period_s=_HOUR_S,
        fires=("gt", 2.0),
        lasts="5m",
        severity="critical",
        board="triage",
        summary="{{ .Labels.feature }} costs more than twice what it did a week ago at this hour",
        advice="Open the triage dashboard, or run costattr triage with --around and the time.",
    ),
    Rule(
        name="unpriced",
        title="Too many calls have no price",
        sql=_share("unpriced_calls", by="feature"),
        stands_for="spend",
        period_s=6 * _HOUR_S,
        fires=("gt", 0.02),
        lasts="30m",
        board="quality",
        summary="More than 2 % of the calls of six hours have no price: costs read too low",
        advice="Data quality lists the models; add them to the contract file or update the prices.",
    ),
    Rule(
        name="coverage",
        title="Too many calls have no feature",
        sql=_share("attributed_calls", by="feature"),
        stands_for="spend",
        period_s=6 * _HOUR_S,
        fires=("lt", 0.95),
        lasts="30m",
        board="quality",
        summary="Fewer than 95 % of the calls of six hours say which feature they serve",
        advice="Data quality ranks services and scopes by the cost that nobody owns.",
    ),
    Rule(
        name="rollups",
        title="A rollup differs from the ledger",
        sql=_differences(),
        stands_for="ledger_against_rollups",
        period_s=24 * _HOUR_S,
        delay_s=1_800,
        fires=("gt", 0.0),
        lasts="30m",
        severity="critical",
        board="quality",
        summary="{{ .Labels.rollup }} does not add up to the ledger over the last day",
        advice="Run costattr audit; with --repair it mends what it finds.",
    ),
)
"""Each rule; a spike is a factor, shares are 0 to 1, differences are in their own units."""


def alerting_text() -> str:
    """Return the provisioning file of all rules."""
    group = {
        "orgId": 1,
        "name": "otel-costattr",
        "folder": "Cost",
        "interval": "1m",
        "rules": [_provisioned(rule) for rule in RULES],
    }
    head = (
        "# Made by `python scripts/grafana`; `make lint` compares. Change scripts/grafana/alerts.py"
        " instead.\n"
    )
    body = yaml.dump(
        {"apiVersion": 1, "groups": [group]}, Dumper=_Dumper, sort_keys=False, width=100
    )
    return head + body


def _provisioned(rule: Rule) -> Mapping[str, Any]:
    kind, limit = rule.fires
    threshold = {
        "refId": "C",
        "type": "threshold",
        "expression": "B",
        "conditions": [{"evaluator": {"type": kind, "params": [limit]}}],
        "datasource": {"type": "__expr__", "uid": "__expr__"},
    }
    reduced = {
        "refId": "B",
        "type": "reduce",
        "expression": "A",
        "reducer": "last",
        "datasource": {"type": "__expr__", "uid": "__expr__"},
    }
    query = {
        "refId": "A",
        "editorType": "sql",
        "format": 1,
        "queryType": "table",
        "rawSql": rule.sql,
        "datasource": {"type": "grafana-clickhouse-datasource", "uid": SOURCE_UID},
    }
    period = {"from": rule.period_s + rule.delay_s, "to": rule.delay_s}
    none = {"from": 0, "to": 0}
    return {
        "uid": f"costattr-{rule.name}",
        "title": rule.title,
        "condition": "C",
        "for": rule.lasts,
        "noDataState": "OK",
        "execErrState": "Error",
        "labels": {"severity": rule.severity, "service": "otel-costattr"},
        "annotations": {
            "summary": rule.summary,
            "description": rule.advice,
            "dashboard": f"/d/costattr-{rule.board}",
        },
        "data": [
            {
                "refId": "A",
                "relativeTimeRange": period,
                "datasourceUid": SOURCE_UID,
                "model": query,
            },
            {
                "refId": "B",
                "relativeTimeRange": none,
                "datasourceUid": "__expr__",
                "model": reduced,
            },
            {
                "refId": "C",
                "relativeTimeRange": none,
                "datasourceUid": "__expr__",
                "model": threshold,
            },
        ],
    }


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and repeats what is equal."""

    @override
    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
