"""Every named question in one table: its path, its query, its row and how its SQL is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from otel_costattr.errors import BadInput
from otel_costattr_collector import queries, spend
from otel_costattr_collector.analytics import rows
from otel_costattr_collector.analytics.asking import (
    Asked,
    Compared,
    Grouped,
    periods_of,
    window,
)
from otel_costattr_collector.analytics.metrics_coverage import metrics_parts
from otel_costattr_collector.spend import Frame, Question

Parts = dict[str, str]
Ask = Callable[[Asked, Question], tuple[Parts, dict[str, object]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One named question.

    Attributes:
        path: Where the API answers it.
        query: The file in `clickhouse/queries/`.
        summary: One line for the API's description.
        row: The shape of a row.
        asked: The words that it understands.
        ask: Makes the parts of the SQL and its parameters.
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


def _plain(table: str = "ledger") -> Ask:
    def ask(_: Asked, question: Question) -> tuple[Parts, dict[str, object]]:
        frame = spend.frame(question, table=table)
        return _limited(frame, question), frame.parameters

    return ask


def _limited(frame: Frame, question: Question) -> Parts:
    return {**frame.parts, "limit": spend.limit_of(question, total=True)}


def _top(_: Asked, question: Question) -> tuple[Parts, dict[str, object]]:
    frame = spend.frame(question)
    return {**_limited(frame, question), "source": frame.source.table}, frame.parameters


def _ungrouped(_: Asked, question: Question) -> tuple[Parts, dict[str, object]]:
    frame = spend.frame(question, table="ledger")
    parts = {"filter": frame.parts["filter"], "limit": spend.limit_of(question)}
    return parts, frame.parameters


def _coverage(_: Asked, question: Question) -> tuple[Parts, dict[str, object]]:
    frame = spend.frame(question)
    pairs = zip(question.group_by, frame.expressions, strict=True)
    known = ", ".join(f"({_quoted(name)}, {expression} != '')" for name, expression in pairs)
    parts = {
        "filter": frame.parts["filter"],
        "pairs": f"[{known}]",
        "source": frame.source.table,
    }
    return parts, frame.parameters


def _backlog(_: Asked, question: Question) -> tuple[Parts, dict[str, object]]:
    frame = spend.frame(question, table="ledger")
    pairs = zip(question.group_by, frame.expressions, strict=True)
    missing = ", ".join(f"if({expression} = '', {_quoted(name)}, '')" for name, expression in pairs)
    parts = {
        "filter": frame.parts["filter"],
        "missing": missing,
        "limit": spend.limit_of(question),
    }
    return parts, frame.parameters


def _compared(asked: Asked, question: Question) -> tuple[Parts, dict[str, object]]:
    parts, parameters, frame = _two_periods(asked, question)
    return {**frame.parts, **parts, "limit": spend.limit_of(question, total=True)}, parameters


def _movers(asked: Asked, question: Question) -> tuple[Parts, dict[str, object]]:
    parts, parameters, frame = _two_periods(asked, question)
    pairs = pairs_of(question.group_by, frame)
    shown = {"filter": frame.parts["filter"], "limit": f"{question.limit}"}
    return {**parts, **shown, "pairs": pairs}, parameters


def pairs_of(names: Sequence[str], frame: Frame) -> str:
    """Write name and value of each dimension as an array of pairs."""
    pairs = zip(names, frame.expressions, strict=True)
    return (
        "["
        + ", ".join(f"({_quoted(name)}, toString({expression}))" for name, expression in pairs)
        + "]"
    )


def _two_periods(asked: Asked, question: Question) -> tuple[Parts, dict[str, object], Frame]:
    if not isinstance(asked, Compared) or question.since is None or question.until is None:
        raise BadInput("two periods are compared: start_date and end_date are needed")
    before = periods_of(asked, question)
    after = (question.since, question.until)
    timeless = Question(
        group_by=question.group_by,
        as_of=question.as_of,
        filters=question.filters,
        without=question.without,
        limit=question.limit,
        reporting_zone=question.reporting_zone,
    )
    frame = spend.frame(timeless, table="ledger")
    parameters = frame.parameters
    parts = {
        "after": window("after", *after, parameters),
        "before": window("before", *before, parameters),
    }
    return parts, parameters, frame


def _calls(asked: Asked, question: Question) -> tuple[Parts, dict[str, object]]:
    frame = spend.frame(question, table="ledger")
    parts = {"filter": frame.parts["filter"], "limit": f"{question.limit + 1}"}
    if asked.cursor is not None:
        event_ns, line_id = _seen(asked.cursor)
        frame.parameters["seen_ns"], frame.parameters["seen_id"] = event_ns, line_id
        parts["seen"] = (
            "(spent.event_ns, spent.line_id)"
            " > (fromUnixTimestamp64Nano({seen_ns:Int64}, 'UTC'), {seen_id:String})"
        )
    return parts, frame.parameters


def _focus(_: Asked, question: Question) -> tuple[Parts, dict[str, object]]:
    frame = spend.frame(question, table="ledger")
    frame.parameters["time_zone"] = question.time_zone
    parts = {
        "filter": frame.parts["filter"],
        "day": spend.bucket("day", frame.source),
        "zone": "{time_zone:String}",
        "limit": spend.limit_of(question),
    }
    return parts, frame.parameters


def _metrics(_: Asked, question: Question) -> tuple[Parts, dict[str, object]]:
    return metrics_parts(question)


_OF_OUTCOMES: Final = frozenset({"tenant", "feature", "session", "trace_id", "external_request_id"})


def _outcomes(_: Asked, question: Question) -> tuple[Parts, dict[str, object]]:
    named = {*question.filters, *(name for group in question.without for name in group)}
    if not named <= _OF_OUTCOMES:
        raise BadInput(f"outcomes are filtered by {', '.join(sorted(_OF_OUTCOMES))} only")
    frame = spend.frame(question, table="ledger")
    parts = {"filter": frame.parts["filter"], "limit": spend.limit_of(question)}
    tenant = question.filters.get("tenant", ())
    if len(tenant) == 1 and not isinstance(tenant, str):
        frame.parameters["readable"] = tenant[0]
        parts["readable"] = "tenant = {readable:String}"
    return parts, frame.parameters


def seen_at(event_ns: int, line_id: str) -> str:
    """Write the word for a page that goes on after one line."""
    return f"{event_ns}-{line_id}"


def _seen(cursor: str) -> tuple[int, str]:
    number, _, line_id = cursor.partition("-")
    if not (number.isdigit() and len(number) < 20 and line_id.isalnum()):
        raise BadInput(f"cursor {cursor!r} is none of ours")
    return min(int(number), 2**63 - 1), line_id


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


QUESTIONS: Final[tuple[Named, ...]] = (
    Named(
        path="/v1/analytics/compare",
        query="compare",
        summary="Two periods compared, the difference split into volume, mix, tokens and price",
        row=rows.Change,
        asked=Compared,
        ask=_compared,
        group_by=("feature",),
        has_total=True,
    ),
    Named(
        path="/v1/analytics/movers",
        query="movers",
        summary="What moved most between two periods, for many dimensions at once",
        row=rows.Mover,
        asked=Compared,
        ask=_movers,
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
        asked=Grouped,
        ask=_plain(),
        group_by=("feature",),
        has_total=True,
    ),
    Named(
        path="/v1/analytics/prompt-versions",
        query="prompt_versions",
        summary="Versions of prompts side by side",
        row=rows.PromptVersion,
        asked=Grouped,
        ask=_plain(),
        group_by=("feature", "prompt", "prompt_version"),
    ),
    Named(
        path="/v1/analytics/retries",
        query="retries",
        summary="How often the same thing is asked again, and what that costs",
        row=rows.Retries,
        asked=Grouped,
        ask=_plain(),
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
        ask=_ungrouped,
        by_dimensions=False,
    ),
    Named(
        path="/v1/traces",
        query="traces",
        summary="Traces and what each cost",
        row=rows.Trace,
        asked=Asked,
        ask=_ungrouped,
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


def sql_of(named: Named, asked: Asked, question: Question) -> tuple[str, dict[str, object]]:
    """Write the query of a question, and its parameters.

    Raises:
        BadInput: The question makes no sense.
    """
    parts, parameters = named.ask(asked, question)
    return queries.render(named.query, parts), parameters
