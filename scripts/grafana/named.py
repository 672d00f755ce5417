"""The SQL of panels that ask any other named query than `spend`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .sql import (
    MEASURE,
    MODE,
    ROWS,
    Spend,
    chosen,
    conditions_of,
    named,
    period_of,
    plain,
    select,
    title_of,
)

_USD: Final = "currencyUSD"
_SHARE: Final = "percentunit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a panel.

    Attributes:
        title: Its heading.
        name: Column of the named query.
        unit: Grafana's name of its unit; empty for text and plain numbers.
    """

    title: str
    name: str
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A question to a named query.

    Attributes:
        query: Its name.
        columns: What is shown of each row, after the dimensions.
        by: Dimensions of the rows, for queries that have the parts `keys` and `dimensions`.
        parts: Part to text, with macros and variables.
        totals: Whether the query has a row of totals.
        total: Whether only that row is shown.
    """

    query: str
    columns: tuple[Column, ...]
    by: tuple[str, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()
    totals: bool = False
    total: bool = False


def named_text(question: Named) -> str:
    """Return the query of a panel."""
    shown = () if question.total else question.by
    columns = [
        *(f'{named(name)} AS "{title_of(name)}"' for name in shown),
        *(f'{column.name} AS "{column.title}"' for column in question.columns),
    ]
    where = ("WHERE is_total" if question.total else "WHERE NOT is_total",)
    return select(columns, inner_of(question), *(where if question.totals else ()))


def inner_of(question: Named) -> str:
    """Return the named query as one panel asks it, with macros and variables."""
    grouping = {
        "keys": ", ".join(question.by),
        "dimensions": ", ".join(f"spent.{name} AS {name}" for name in question.by),
    }
    return plain(question.query, {**(grouping if question.by else {}), **dict(question.parts)})


def filter_of(*only: str) -> str:
    """Return the condition for lines of the ledger: period, environment, data mode, variables."""
    return "\n    AND ".join(conditions_of(Spend(by=(), measures=(), source="ledger", only=only)))


def compared(by: tuple[str, ...], *, total: bool = False) -> Named:
    """Describe the comparison of the period with the one that lies `against` before it."""
    return Named(
        query="compare",
        by=by,
        columns=COMPARED,
        parts=(
            ("after", " AND ".join(period_of("ledger"))),
            ("before", " AND ".join(period_of("ledger", shift="${against}"))),
            ("windows", "1"),
            ("filter", f"{chosen('environment')} AND {MEASURE} AND {MODE}"),
            ("limit", str(ROWS + 1)),
        ),
        totals=True,
        total=total,
    )


COMPARED: Final = (
    Column(title="Before", name="cost_before", unit=_USD),
    Column(title="Now", name="cost_after", unit=_USD),
    Column(title="Change", name="delta", unit=_USD),
    Column(title="Change %", name="delta_percent", unit="percent"),
    Column(title="Volume", name="volume", unit=_USD),
    Column(title="Mix", name="mix", unit=_USD),
    Column(title="Tokens per call", name="tokens_per_call", unit=_USD),
    Column(title="Price", name="price", unit=_USD),
    Column(title="Other", name="other", unit=_USD),
    Column(title="Calls before", name="calls_before", unit="short"),
    Column(title="Calls now", name="calls_after", unit="short"),
)

RETRIES: Final = Named(
    query="retries",
    by=("feature",),
    columns=(
        Column(title="Tries per request", name="retry_multiplier", unit="short"),
        Column(title="Requests", name="requests", unit="short"),
        Column(title="Retried", name="retried_requests", unit="short"),
        Column(title="Failed tries", name="failed_tries", unit="short"),
        Column(title="Most tries", name="most_tries", unit="short"),
        Column(title="Cost of retries", name="retry_cost", unit=_USD),
        Column(title="Cost", name="total_cost", unit=_USD),
    ),
    parts=(("filter", filter_of()), ("limit", str(ROWS + 1))),
    totals=True,
)

CALLS: Final = Named(
    query="calls",
    columns=(
        Column(title="Time", name="event_time"),
        Column(title="Cost", name="cost", unit=_USD),
        Column(title="Status", name="status"),
        Column(title="Model", name="model"),
        Column(title="Operation", name="operation"),
        Column(title="Step", name="step"),
        Column(title="Tenant", name="tenant"),
        Column(title="User", name="user"),
        Column(title="Input tokens", name="input_tokens", unit="short"),
        Column(title="Output tokens", name="output_tokens", unit="short"),
        Column(title="Duration", name="duration_ms", unit="ms"),
        Column(title="Error", name="error_type"),
        Column(title="Trace", name="trace_id"),
        Column(title="Line", name="line_id"),
    ),
    parts=(("filter", filter_of("tenant", "session")), ("seen", "true"), ("limit", "500")),
)

PROMPT_VERSIONS: Final = Named(
    query="prompt_versions",
    by=("feature", "prompt", "prompt_version"),
    columns=(
        Column(title="Cost per call", name="cost_per_call", unit=_USD),
        Column(title="Calls", name="calls", unit="short"),
        Column(title="Cost", name="total_cost", unit=_USD),
        Column(title="Input tokens per call", name="input_per_call", unit="short"),
        Column(title="Read from cache", name="cached_share", unit=_SHARE),
        Column(title="Output tokens per call", name="output_per_call", unit="short"),
        Column(title="Reasoning per call", name="reasoning_per_call", unit="short"),
        Column(title="Failed", name="failed_share", unit=_SHARE),
        Column(title="Median", name="p50_ms", unit="ms"),
        Column(title="95th percentile", name="p95_ms", unit="ms"),
        Column(title="First call", name="first_time"),
        Column(title="Last call", name="last_time"),
    ),
    parts=(("filter", filter_of("feature", "prompt", "prompt_version")), ("limit", str(ROWS))),
)

BACKLOG: Final = Named(
    query="backlog",
    columns=(
        Column(title="Service", name="service_name"),
        Column(title="Scope", name="scope_name"),
        Column(title="Version", name="scope_version"),
        Column(title="Missing", name="arrayStringConcat(missing, ', ')"),
        Column(title="Outside of the schema", name="arrayStringConcat(outside, ', ')"),
        Column(title="Cost", name="total_cost", unit=_USD),
        Column(title="At most", name="most_cost", unit=_USD),
        Column(title="Calls", name="calls", unit="short"),
        Column(title="Unpriced calls", name="unpriced_calls", unit="short"),
        Column(title="Models", name="arrayStringConcat(models, ', ')"),
        Column(title="Example", name="example"),
    ),
    parts=(("filter", filter_of()), ("limit", str(ROWS))),
)

_DAY: Final = " AND ".join(period_of("spend_by_tenant_day"))
_FIRST: Final = "toStartOfDay(toTimeZone($__fromTime, '${tz}'))"
_LAST: Final = "toStartOfDay(toTimeZone($__toTime - 1, '${tz}')) + INTERVAL 1 DAY"

_SINCE_DAY: Final = "toDate($__fromTime, '${tz}')"
_AFTER_DAY: Final = "toDate($__toTime - 1, '${tz}') + 1"
_DAYS_OF: Final[Mapping[str, str]] = {
    "spend_by_tenant_day": _DAY,
    "ledger": f"spent.event_ns >= {_FIRST} AND spent.event_ns < {_LAST}",
}

MARGIN_COLUMNS: Final = (
    Column(title="Revenue", name="revenue", unit=_USD),
    Column(title="Direct cost", name="direct_cost", unit=_USD),
    Column(title="Loaded cost", name="loaded_cost", unit=_USD),
    Column(title="Margin", name="margin", unit=_USD),
    Column(title="Margin %", name="margin_percent", unit="percent"),
    Column(title="Loaded margin", name="loaded_margin", unit=_USD),
    Column(title="Calls", name="calls", unit="short"),
    Column(title="Unpriced calls", name="unpriced_calls", unit="short"),
)


def margins(
    *by: str, titles: tuple[str, ...] = (), only: tuple[str, ...] = (), total: bool = False
) -> Named:
    """Describe what is left of revenue after cost, in whole days.

    Args:
        by: Dimensions of the rows: tenant, plan, feature.
        titles: Headings of the columns that are shown; none for all.
        only: Dashboard variables that filter, each named as its dimension.
        total: Whether only the row of totals is shown.
    """
    source = "ledger" if "feature" in by else "spend_by_tenant_day"
    owners = " AND ".join(map(chosen, only)) or "true"
    happened = f"{_DAYS_OF['ledger']} AND {owners}"
    return Named(
        query="margins",
        by=by,
        columns=tuple(one for one in MARGIN_COLUMNS if not titles or one.title in titles),
        parts=(
            ("source", source),
            ("filter", f"{_DAYS_OF[source]} AND {owners}"),
            ("owners", owners),
            ("outcome_dimensions", ", ".join(_of_outcomes(name) for name in by)),
            ("outcomes", "false" if "plan" in by else happened),
            ("first", _SINCE_DAY),
            ("after", _AFTER_DAY),
            ("limit", str(ROWS + 1)),
        ),
        totals=True,
        total=total,
    )


def _of_outcomes(name: str) -> str:
    return "'' AS plan" if name == "plan" else f"spent.{name} AS {name}"


BURN: Final = Named(
    query="budget_burn",
    columns=(
        Column(title="Budget", name="budget"),
        Column(title="Period", name="period"),
        Column(title="Since", name="first_day"),
        Column(title="Amount", name="amount", unit=_USD),
        Column(title="Spent", name="cost", unit=_USD),
        Column(title="Burned", name="burned", unit=_SHARE),
        Column(title="Left", name="remaining", unit=_USD),
        Column(title="Calls", name="calls", unit="short"),
        Column(title="Unpriced calls", name="unpriced_calls", unit="short"),
    ),
    parts=(("now", "toTimeZone($__toTime - 1, 'UTC')"), ("limit", str(ROWS))),
)

ROLLUPS: Final = Named(
    query="ledger_against_rollups",
    columns=(
        Column(title="Rollup", name="rollup"),
        Column(title="Lines", name="ledger_lines", unit="short"),
        Column(title="Lines apart", name="lines_difference", unit="short"),
        Column(title="Calls apart", name="calls_difference", unit="short"),
        Column(title="Tokens apart", name="tokens_difference", unit="short"),
        Column(title="Cost", name="ledger_cost", unit=_USD),
        Column(title="Cost apart", name="cost_difference", unit=_USD),
    ),
    parts=(
        ("days", _DAY),
        ("quarters", f"spent.bucket >= {_FIRST} AND spent.bucket < {_LAST}"),
        ("filter", f"spent.event_ns >= {_FIRST} AND spent.event_ns < {_LAST}"),
    ),
)

AUDITS: Final = Named(
    query="audits",
    columns=(
        Column(title="Audited", name="audited_ns"),
        Column(title="Check", name="check"),
        Column(title="Differences", name="differences", unit="short"),
        Column(title="Left", name="left", unit="short"),
        Column(title="Calls too many", name="calls_difference", unit="short"),
        Column(title="Cost too much", name="cost_difference", unit=_USD),
        Column(title="Recorded from", name="since_ns"),
        Column(title="to", name="until_ns"),
        Column(title="By", name="auditor"),
    ),
)
