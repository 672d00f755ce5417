"""Every named question in one table: its path, its query, its row and how its SQL is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from otel_costattr.errors import BadInput
from otel_costattr_collector import queries, spend
from otel_costattr_collector.analytics import rows
from otel_costattr_collector.analytics.asking import (
    UNITS,
    Asked,
    Compared,
    Grouped,
    UnitsAsked,
    periods_of,
)
from otel_costattr_collector.analytics.each import each, quoted
from otel_costattr_collector.analytics.metrics_coverage import metrics_parts
from otel_costattr_collector.analytics.periods import Periods, compare, movers
from otel_costattr_collector.analytics.schema_conditions import outside, required
from otel_costattr_collector.spend import Frame, Question

Written = tuple[str, dict[str, object]]
Ask = Callable[[Asked, Question], Written]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One named question.

    Attributes:
        path: Where the API answers it.
        query: The file in `clickhouse/queries/`.
        summary: One line for the API's description.
        row: The shape of a row.
        asked: The words that it understands.
        ask: Writes the SQL and its parameters.
        group_by: Dimensions if the question names none.
        by_dimensions: Whether the columns of a row begin with these dimensions.
        has_total: Whether the first row is the total, marked by `is_total`.
        keyset: Whether pages go on after the last line instead of skipping rows.
    """

    path: str
    query: str
    summary: str
    row: type[rows.Row]
    asked: type[Asked]
    ask: Ask
    group_by: Sequence[str] = ("tenant",)
    by_dimensions: bool = True
    has_total: bool = False
    keyset: bool = False


LOOKED_AT: Final = (
    "feature",
    "prompt_version",
    "tenant",
    "user",
    "session",
    "model",
    "provider",
    "service_name",
    "operation",
    "environment",
    "error_type",
)
"""The dimensions that movers are looked for in."""

COVERED: Final = (
    "tenant",
    "feature",
    "prompt_version",
    "user",
    "session",
    "environment",
    "data_mode",
)
OWNERS: Final = ("tenant", "feature", "prompt_version")


def _by_dimensions(query: str, *, table: str = "ledger") -> Ask:
    def ask(_: Asked, question: Question) -> Written:
        frame = spend.frame(question, table=table)
        return _written(query, frame, question, frame.parts, total=True)

    return ask


def _written(
    query: str,
    frame: Frame,
    question: Question,
    parts: Mapping[str, str] | None = None,
    *,
    total: bool = False,
) -> Written:
    limit = spend.limit_of(question, total=total)
    given = {"filter": frame.parts["filter"], **(parts or {}), "limit": limit}
    return queries.render(query, given), frame.parameters


def _top(_: Asked, question: Question) -> Written:
    frame = spend.frame(question)
    parts = {**frame.parts, "source": frame.source.table}
    return _written("top", frame, question, parts, total=True)


def _unit_costs(asked: Asked, question: Question) -> Written:
    frame = spend.frame(question, table="ledger")
    counted = asked.per if isinstance(asked, UnitsAsked) else UNITS
    unasked: Mapping[str, str] = {
        unit: f"NULL::Nullable(UInt64) AS {unit}s,"
        f" NULL::Nullable(Decimal(38, 12)) AS cost_per_{unit}"
        for unit in UNITS
        if unit not in counted
    }
    return _written("unit_costs", frame, question, {**frame.parts, **unasked}, total=True)


def _ungrouped(query: str) -> Ask:
    def ask(_: Asked, question: Question) -> Written:
        return _written(query, spend.frame(question, table="ledger"), question)

    return ask


def _sessions(_: Asked, question: Question) -> Written:
    frame = spend.frame(question, table="ledger")
    kept = spend.frame(replace(question, group_by=("tenant", "session")))
    frame.parameters.update(kept.parameters)
    parts = {"source": kept.source.table, "kept": kept.parts["filter"]}
    return _written("sessions", frame, question, parts)


def _coverage(_: Asked, question: Question) -> Written:
    return each("coverage", question, lambda _: {})


def _backlog(asked: Asked, question: Question) -> Written:
    named = isinstance(asked, Grouped) and asked.group_by
    group_by = question.group_by if named else required(question, question.group_by)
    frame = spend.frame(replace(question, group_by=group_by), table="ledger")
    pairs = zip(group_by, frame.expressions, strict=True)
    missing = ", ".join(_lacking(name, expression) for name, expression in pairs)
    found = outside(question, frame.parameters)
    parts = {"missing": missing}
    if found:
        words = [f"if({wrong}, {quoted(name)}, '')" for name, wrong in found.items()]
        parts["outside"] = ", ".join(words)
    return _written("backlog", frame, question, parts)


def _lacking(name: str, expression: str) -> str:
    """Write what is missing of a dimension: all of it, or a better source than a default."""
    default = f"spent.owner_source[{quoted(name)}] = 'default', {quoted(f'{name} (default)')}"
    return f"multiIf({expression} = '', {quoted(name)}, {default}, '')"


def _between(write: Callable[[Question, Periods], Written]) -> Ask:
    def ask(asked: Asked, question: Question) -> Written:
        if not isinstance(asked, Compared) or question.since is None or question.until is None:
            raise BadInput("two periods are compared: start_date and end_date are needed")
        after = (question.since, question.until)
        return write(question, Periods(after=after, before=(periods_of(asked, question),)))

    return ask


def _compared(question: Question, periods: Periods) -> Written:
    return compare(question, periods, limit=spend.limit_of(question, total=True))


def _moved(question: Question, periods: Periods) -> Written:
    return movers(question, periods, limit=question.limit)


def _calls(asked: Asked, question: Question) -> Written:
    frame = spend.frame(question, table="ledger")
    parts = {"filter": frame.parts["filter"], "limit": f"{question.limit + 1}"}
    if asked.cursor is not None:
        event_ns, line_id = _seen(asked.cursor)
        frame.parameters["seen_ns"], frame.parameters["seen_id"] = event_ns, line_id
        parts["seen"] = (
            "(spent.event_ns, spent.line_id)"
            " > (fromUnixTimestamp64Nano({seen_ns:Int64}, 'UTC'), {seen_id:String})"
        )
    return queries.render("calls", parts), frame.parameters


def _focus(_: Asked, question: Question) -> Written:
    frame = spend.frame(question, table="ledger")
    frame.parameters["time_zone"] = question.time_zone
    day = spend.bucket("day", frame.source)
    return _written("focus", frame, question, {"day": day, "zone": "{time_zone:String}"})


def _metrics(_: Asked, question: Question) -> Written:
    parts, parameters = metrics_parts(question)
    return queries.render("metrics_coverage", parts), parameters


_OF_OUTCOMES: Final = frozenset({"tenant", "feature", "session", "trace_id", "external_request_id"})


def _outcomes(_: Asked, question: Question) -> Written:
    named = {*question.filters, *(name for group in question.without for name in group)}
    if not named <= _OF_OUTCOMES:
        raise BadInput(f"outcomes are filtered by {', '.join(sorted(_OF_OUTCOMES))} only")
    frame = spend.frame(replace(question, measure="fully_loaded"), table="ledger")
    parts = {}
    tenant = question.filters.get("tenant", ())
    if len(tenant) == 1 and not isinstance(tenant, str):
        frame.parameters["readable"] = tenant[0]
        parts["readable"] = "tenant = {readable:String}"
    return _written("outcomes", frame, question, parts)


def seen_at(event_ns: int, line_id: str) -> str:
    """Write the word for a page that goes on after one line."""
    return f"{event_ns}-{line_id}"


def _seen(cursor: str) -> tuple[int, str]:
    number, _, line_id = cursor.partition("-")
    if not (number.isdigit() and len(number) < 20 and line_id.isalnum()):
        raise BadInput(f"cursor {cursor!r} is none of ours")
    return min(int(number), 2**63 - 1), line_id


QUESTIONS: Final[tuple[Named, ...]] = (
    Named(
        path="/v1/analytics/compare",
        query="compare",
        summary="Two periods compared, the difference split into volume, mix, tokens and price",
        row=rows.Change,
        asked=Compared,
        ask=_between(_compared),
        group_by=("feature",),
        has_total=True,
    ),
    Named(
        path="/v1/analytics/movers",
        query="movers",
        summary="What moved most between two periods, for many dimensions at once",
        row=rows.Mover,
        asked=Compared,
        ask=_between(_moved),
        group_by=LOOKED_AT,
        by_dimensions=False,
    ),
    Named(
        path="/v1/analytics/top",
        query="top",
        summary="Who spends most, with their share",
        row=rows.Top,
        asked=Grouped,
        ask=_top,
        group_by=("user",),
        has_total=True,
    ),
    Named(
        path="/v1/analytics/unit-costs",
        query="unit_costs",
        summary="What one call, session, user, request and trace costs",
        row=rows.UnitCosts,
        asked=UnitsAsked,
        ask=_unit_costs,
        group_by=("feature",),
        has_total=True,
    ),
    Named(
        path="/v1/analytics/prompt-versions",
        query="prompt_versions",
        summary="Versions of prompts side by side",
        row=rows.PromptVersion,
        asked=Grouped,
        ask=_by_dimensions("prompt_versions"),
        group_by=("feature", "prompt", "prompt_version"),
    ),
    Named(
        path="/v1/analytics/retries",
        query="retries",
        summary="How often the same thing is asked again, and what that costs",
        row=rows.Retries,
        asked=Grouped,
        ask=_by_dimensions("retries"),
        group_by=("feature",),
        has_total=True,
    ),
    Named(
        path="/v1/analytics/coverage",
        query="coverage",
        summary="How much of the calls and of the money each dimension explains",
        row=rows.Coverage,
        asked=Grouped,
        ask=_coverage,
        group_by=COVERED,
        by_dimensions=False,
    ),
    Named(
        path="/v1/analytics/backlog",
        query="backlog",
        summary="What nobody owns or nobody can price, by service and scope",
        row=rows.Backlog,
        asked=Grouped,
        ask=_backlog,
        group_by=OWNERS,
        by_dimensions=False,
    ),
    Named(
        path="/v1/sessions",
        query="sessions",
        summary="Sessions and what each cost",
        row=rows.Session,
        asked=Asked,
        ask=_sessions,
        by_dimensions=False,
    ),
    Named(
        path="/v1/traces",
        query="traces",
        summary="Traces and what each cost",
        row=rows.Trace,
        asked=Asked,
        ask=_ungrouped("traces"),
        by_dimensions=False,
    ),
    Named(
        path="/v1/calls",
        query="calls",
        summary="Single ledger lines: calls, other costs and amendments, the oldest first",
        row=rows.Line,
        asked=Asked,
        ask=_calls,
        by_dimensions=False,
        keyset=True,
    ),
    Named(
        path="/v1/analytics/outcomes",
        query="outcomes",
        summary="What one outcome costs, by kind",
        row=rows.OutcomeCosts,
        asked=Asked,
        ask=_outcomes,
        by_dimensions=False,
    ),
    Named(
        path="/v1/analytics/doctor",
        query="doctor",
        summary="What each emitter's telemetry lacks, and how much money that makes uncertain",
        row=rows.Lack,
        asked=Asked,
        ask=_ungrouped("doctor"),
        by_dimensions=False,
    ),
    Named(
        path="/v1/analytics/metrics-coverage",
        query="metrics_coverage",
        summary="How many of the tokens that metrics report the counted calls explain",
        row=rows.MetricsCoverage,
        asked=Asked,
        ask=_metrics,
        by_dimensions=False,
        has_total=True,
    ),
    Named(
        path="/v1/exports/focus",
        query="focus",
        summary="The cost by day in the columns of FOCUS",
        row=rows.Focus,
        asked=Asked,
        ask=_focus,
        by_dimensions=False,
    ),
)

BY_QUERY: Final[Mapping[str, Named]] = {named.query: named for named in QUESTIONS}


def sql_of(named: Named, asked: Asked, question: Question) -> Written:
    """Write the query of a question, and its parameters.

    Raises:
        BadInput: The question makes no sense.
    """
    return named.ask(asked, question)
