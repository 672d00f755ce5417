"""The SQL of panels: named queries, with Grafana's macros and variables in their parts.

A panel asks the named query `spend` for some dimensions and shows some measures of its rows. What
is asked is written down as a `Spend`, so a test can ask the same of the API and compare.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from textwrap import indent
from typing import Final

from otel_costattr_collector import queries

NOBODY: Final = "(none)"
"""How a dimension that nobody knows is shown, and passed on by a link: never empty."""

ROWS: Final = 100
"""Rows of a table, the most expensive first."""

POINTS: Final = 50_000
"""Points of a chart, all series together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A number that a panel shows.

    Attributes:
        title: Its heading.
        sql: How it is made from the columns of `spend`.
        unit: Grafana's name of its unit.
    """

    title: str
    sql: str
    unit: str


MEASURES: Final[Mapping[str, Measure]] = {
    "cost": Measure(title="Cost", sql="total_cost", unit="currencyUSD"),
    "list_cost": Measure(title="List price", sql="list_cost", unit="currencyUSD"),
    "reported_cost": Measure(title="Reported", sql="reported_cost", unit="currencyUSD"),
    "calls": Measure(title="Calls", sql="calls", unit="short"),
    "unpriced": Measure(title="Unpriced calls", sql="unpriced_calls", unit="short"),
    "estimated": Measure(title="Estimated calls", sql="estimated_calls", unit="short"),
    "duplicates": Measure(title="Duplicates", sql="duplicates", unit="short"),
    "cost_per_call": Measure(
        title="Cost per call",
        sql="total_cost / nullIf(priced_calls + estimated_calls, 0)",
        unit="currencyUSD",
    ),
    "input_per_call": Measure(
        title="Input tokens per call", sql="input_tokens / nullIf(usage_calls, 0)", unit="short"
    ),
    "output_per_call": Measure(
        title="Output tokens per call", sql="output_tokens / nullIf(usage_calls, 0)", unit="short"
    ),
    "cached_share": Measure(
        title="Read from cache",
        sql="cache_read_tokens / nullIf(input_tokens, 0)",
        unit="percentunit",
    ),
    "failed_share": Measure(
        title="Failed", sql="failed_calls / nullIf(calls, 0)", unit="percentunit"
    ),
    "unpriced_share": Measure(
        title="Unpriced", sql="unpriced_calls / nullIf(calls, 0)", unit="percentunit"
    ),
    "estimated_share": Measure(
        title="Estimated", sql="estimated_calls / nullIf(calls, 0)", unit="percentunit"
    ),
    "owned_share": Measure(
        title="Owned", sql="attributed_calls / nullIf(calls, 0)", unit="percentunit"
    ),
}
"""What panels can show; unknown stays unknown: a share of nothing is NULL."""

_PERIODS: Final[Mapping[str, tuple[str, str]]] = {
    "spend_by_feature_15m": (
        "spent.bucket >= toStartOfFifteenMinutes({since})",
        "spent.bucket < {until}",
    ),
    "spend_by_tenant_day": (
        "spent.day >= toDate({since}, '${{tz}}')",
        "spent.day <= toDate({until} - 1, '${{tz}}')",
    ),
    "spend_by_session": (
        "spent.day >= toDate({since}, '${{tz}}')",
        "spent.day <= toDate({until} - 1, '${{tz}}')",
    ),
    "ledger": ("spent.event_ns >= {since}", "spent.event_ns < {until}"),
}
"""How each table is cut to a period: quarters of an hour, days of the reporting zone, exactly."""

_TIMES: Final[Mapping[str, str]] = {
    "spend_by_feature_15m": "spent.bucket",
    "ledger": "spent.event_ns",
}


_ORDER: Final = "ORDER BY total_cost DESC NULLS LAST, calls DESC"

MODE: Final = "if(spent.data_mode = '', 'real', spent.data_mode) IN (${data_mode:sqlstring})"

MEASURE: Final = "(${measure:sqlstring} = 'fully_loaded' OR spent.entry != 'allocation')"
"""Direct cost leaves out what was allocated; fully loaded cost has it."""

TYPED: Final = frozenset({"session"})
"""Dimensions with too many values for a list: their variable is a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """A question to the named query `spend`.

    Attributes:
        by: Dimensions of the rows; with `total`, those that have to be known.
        measures: Names from `MEASURES`, in order.
        source: The table that answers.
        only: Dashboard variables that filter, each named as its dimension.
        where: Dimension to the one value that counts, for every reader.
        over_time: Whether there is a row a step of time.
        total: Whether only the total is shown.
        every_mode: Whether test and demo data count, whatever is chosen.
        limit: Most rows.
    """

    by: tuple[str, ...]
    measures: tuple[str, ...]
    source: str = "spend_by_feature_15m"
    only: tuple[str, ...] = ()
    where: tuple[tuple[str, str], ...] = ()
    over_time: bool = False
    total: bool = False
    every_mode: bool = False
    limit: int = ROWS


def title_of(dimension: str) -> str:
    """Return the heading of a dimension: `prompt_version` is `Prompt version`."""
    return dimension.replace("_", " ").capitalize()


def named(expression: str) -> str:
    """Return an expression that shows an unknown value as such."""
    return f"if({expression} = '', '{NOBODY}', {expression})"


def text_of(question: Spend, *, shift: str = "") -> str:
    """Return the query of a panel.

    Args:
        question: What the panel asks.
        shift: An interval by which the period lies earlier, such as `7 DAY`.
    """
    names = () if question.total else question.by
    columns = [
        *(["time"] if question.over_time else []),
        *(f'{named(name)} AS "{title_of(name)}"' for name in names),
        *(f'{MEASURES[name].sql} AS "{MEASURES[name].title}"' for name in question.measures),
    ]
    return select(
        columns,
        spend_of(question, shift=shift),
        "WHERE is_total" if question.total else "WHERE NOT is_total",
        "ORDER BY time" if question.over_time else _ORDER,
    )


def spend_of(question: Spend, *, shift: str = "") -> str:
    """Return the named query `spend` as one panel asks it, with macros and variables.

    Args:
        question: What is asked.
        shift: An interval by which the period lies earlier, such as `7 DAY`.
    """
    dimensions = [f"spent.{name} AS {name}" for name in question.by]
    keys = list(question.by)
    if question.over_time:
        step = f"toStartOfInterval({_TIMES[question.source]}, INTERVAL ${{grain}}, '${{tz}}')"
        dimensions.insert(0, f"{step} AS time")
        keys.insert(0, "time")
    return plain(
        "spend",
        {
            "keys": ", ".join(keys),
            "dimensions": ", ".join(dimensions),
            "known": " AND ".join(f"spent.{name} != ''" for name in question.by),
            "source": question.source,
            "filter": "\n    AND ".join(conditions_of(question, shift=shift)),
            "limit": str(POINTS if question.over_time else question.limit + 1),
        },
    )


def conditions_of(question: Spend, *, shift: str = "") -> list[str]:
    """Return what a row has to fulfil: period, environment, measure, data mode, variables, values."""
    return [
        *period_of(question.source, shift=shift),
        chosen("environment"),
        MEASURE,
        *([] if question.every_mode else [MODE]),
        *(typed(name) if name in TYPED else chosen(name) for name in question.only),
        *(f"spent.{name} = '{value}'" for name, value in question.where),
    ]


def period_of(source: str, *, shift: str = "") -> list[str]:
    """Return the conditions that cut a table to the period of the dashboard."""
    suffix = "_ms" if source == "ledger" else ""
    earlier = f" - INTERVAL {shift}" if shift else ""
    edges = {
        name: f"toTimeZone($__{macro}{suffix}, '${{tz}}'){earlier}"
        if shift
        else f"$__{macro}{suffix}"
        for name, macro in (("since", "fromTime"), ("until", "toTime"))
    }
    return [condition.format(**edges) for condition in _PERIODS[source]]


def chosen(name: str) -> str:
    """Return the condition that a row has one of the values chosen in the variable of its name."""
    condition = f"{named(f'spent.{name}')} IN (${{{name}:sqlstring}})"
    return f"$__conditionalAll({condition}, ${name})"


def typed(name: str) -> str:
    """Return the condition that a row has the value that was typed; no text means any."""
    return f"(${{{name}:sqlstring}} = '' OR {named(f'spent.{name}')} = ${{{name}:sqlstring}})"


def select(columns: Iterable[str], inner: str, *clauses: str) -> str:
    """Return a query over another one, laid out to be read."""
    head = indent(",\n".join(columns), "    ")
    lines = [f"SELECT\n{head}", f"FROM (\n{indent(inner, '    ')}\n)", *clauses]
    return "\n".join(lines)


def plain(name: str, parts: Mapping[str, str] | None = None) -> str:
    """Return a named query without its comments and markers."""
    text = queries.render(name, parts)
    text = re.sub(r"^--.*\n", "", text, flags=re.MULTILINE)
    return re.sub(r" ?/\*(\{\w+|\})\*/ ?", " ", text).strip()
