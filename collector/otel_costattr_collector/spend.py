"""The question "what did it cost": a period, dimensions and filters in, sums out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from otel_costattr.errors import BadInput
from otel_costattr_collector import queries
from otel_costattr_collector.store import Answer

_QUARTER_NS: Final = 900 * 10**9
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MAX_ROWS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One end of a period.

    Attributes:
        ns: The instant, nanoseconds UTC.
        day: The day that begins at this instant in the reporting time zone; None if none does.
    """

    ns: int
    day: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What somebody wants to know.

    Attributes:
        group_by: Dimensions, checked by `queries.dimension`; at least one.
        since: Start of the period; None for since ever.
        until: End of it, exclusive; None for open.
        filters: Dimension to the one value that counts; `''` asks for what nobody owns.
        limit: Most rows to return, 1 to `MAX_ROWS`.
    """

    group_by: tuple[str, ...]
    since: Edge | None = None
    until: Edge | None = None
    filters: Mapping[str, str]
    limit: int = 1000


def edge(word: str, time_zone: str, *, end: bool = False) -> Edge:
    """Read one end of a period.

    Args:
        word: A day such as `2026-11-21`, in the reporting time zone, or an instant with its
            offset such as `2026-11-21T15:00:00Z`.
        time_zone: IANA name of the reporting time zone.
        end: Whether a day is included as the last one.

    Raises:
        BadInput: It is neither, or an instant without an offset.
    """
    zone = ZoneInfo(time_zone)
    try:
        if len(word) == len("2026-11-21"):
            day = date.fromisoformat(word) + timedelta(days=end)
            return Edge(ns=_ns(datetime(day.year, day.month, day.day, tzinfo=zone)), day=day)
        instant = datetime.fromisoformat(word)
    except (ValueError, OverflowError) as error:
        raise BadInput(_not_a_time(word)) from error
    if instant.tzinfo is None:
        raise BadInput(_not_a_time(word))
    local = instant.astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return Edge(ns=_ns(instant), day=local.date() if _ns(midnight) == _ns(instant) else None)


def _not_a_time(word: str) -> str:
    return f"{word!r} is no time: use a day such as 2026-11-21, or 2026-11-21T15:00:00Z"


def _ns(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1) * 1000


def ask(question: Question) -> tuple[str, dict[str, object]]:
    """Write the query that answers, and its parameters.

    Raises:
        BadInput: The period ends before it starts, or the limit is out of range.
    """
    _check(question)
    parameters: dict[str, object] = {}
    expressions = [
        _expression(name, f"tag_{place}", parameters)
        for place, name in enumerate(question.group_by)
    ]
    keys = [
        f"tag_{place}" if queries.tag_of(name) else name
        for place, name in enumerate(question.group_by)
    ]
    source = queries.source_of(
        frozenset((*question.group_by, *question.filters)), _grains(question)
    )
    conditions = [*_period(question, source, parameters), *_filters(question, parameters)]
    sql = queries.render(
        "spend",
        {
            "keys": ", ".join(keys),
            "dimensions": ", ".join(
                f"{expression} AS {key}" for expression, key in zip(expressions, keys, strict=True)
            ),
            "known": " AND ".join(f"{expression} != ''" for expression in expressions),
            "source": source.table,
            "filter": " AND ".join(conditions) or "true",
            "limit": str(question.limit + 2),
        },
    )
    return sql, parameters


def _check(question: Question) -> None:
    since, until = question.since, question.until
    if since is not None and until is not None and until.ns <= since.ns:
        raise BadInput("the period ends before it starts")
    if not 1 <= question.limit <= MAX_ROWS:
        raise BadInput(f"limit is {question.limit}: use 1 to {MAX_ROWS}")


def _expression(name: str, parameter: str, parameters: dict[str, object]) -> str:
    tag = queries.tag_of(name)
    if tag is None:
        return f"spent.{name}"
    parameters[f"{parameter}_name"] = tag
    return f"spent.tags[{{{parameter}_name:String}}]"


def _grains(question: Question) -> frozenset[str]:
    edges = [end for end in (question.since, question.until) if end is not None]
    fits = {
        "exact": True,
        "day": all(end.day is not None for end in edges),
        "quarter": all(end.ns % _QUARTER_NS == 0 for end in edges),
    }
    return frozenset(grain for grain, fit in fits.items() if fit)


def _period(question: Question, source: queries.Source, parameters: dict[str, object]) -> list[str]:
    conditions = []
    for name, end, condition in (
        ("since", question.since, source.since),
        ("until", question.until, source.until),
    ):
        if end is not None:
            by_day = source.grain == "day"
            parameters[f"{name}_day" if by_day else f"{name}_ns"] = end.day if by_day else end.ns
            conditions.append(condition)
    return conditions


def _filters(question: Question, parameters: dict[str, object]) -> list[str]:
    conditions = []
    for place, (name, value) in enumerate(question.filters.items()):
        expression = _expression(name, f"filter_{place}", parameters)
        parameters[f"filter_{place}"] = value
        conditions.append(f"{expression} = {{filter_{place}:String}}")
    return conditions


def total_and_rows(
    answer: Answer, question: Question
) -> tuple[dict[str, Any], tuple[dict[str, Any], ...], bool]:
    """Divide an answer into its total, its rows and whether rows were cut off.

    Returns:
        The total; the rows, each with its dimensions under `dimensions`; whether there are more.
    """
    width = 1 + len(question.group_by)
    total: dict[str, Any] = {}
    rows = []
    for row in answer.rows:
        measures = dict(zip(answer.columns[width:], row[width:], strict=True))
        if row[0]:
            total = measures
        else:
            names = dict(zip(question.group_by, row[1:width], strict=True))
            rows.append({"dimensions": names, **measures})
    return total, tuple(rows[: question.limit]), len(rows) > question.limit
