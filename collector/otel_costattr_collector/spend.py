"""The question "what did it cost": a period, dimensions and filters in, sums out.

Which table answers is one rule: the smallest one that has every dimension of the question and whose
unit of time both ends of the period and the buckets are made of; the ledger where none is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from otel_costattr.attribution import NO_SCHEMA, Schema
from otel_costattr.errors import BadInput
from otel_costattr_collector import queries
from otel_costattr_collector.expressions import expression, filters_of, folded, joined, without_of
from otel_costattr_collector.store import Answer

_QUARTER_NS: Final = 900 * 10**9
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MAX_ROWS: Final = 10_000
MAX_FILE_ROWS: Final = 200_000

Measure = Literal["direct", "fully_loaded"]
Grain = Literal["15m", "hour", "day", "week", "month"]
_MEASURES: Final[Mapping[Measure, tuple[str, ...]]] = {
    "direct": ("spent.entry != 'allocation'",),
    "fully_loaded": (),
}
_DAYS_OR_MORE: Final = frozenset({"day", "week", "month"})
_BUCKETS: Final[Mapping[Grain, str]] = {
    "15m": "toStartOfFifteenMinutes(toDateTime({moment}, 'UTC'))",
    "hour": "toDateTime(toUnixTimestamp({moment}) - 60 * toMinute({moment}, {{time_zone:String}})"
    " - toSecond({moment}, {{time_zone:String}}), 'UTC')",
    "day": "{day}",
    "week": "toMonday({day})",
    "month": "toStartOfMonth({day})",
}
"""How a bucket is worked out. Every time zone in use is off UTC by whole quarters of an hour."""


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
        as_of: Count only what was recorded before; None for everything that is known.
        filters: Dimension to the value or values that count; `''` asks for what nobody owns.
        without: Dimensions and values that, all together, do not count.
        grain: Buckets of time, or `''` for the whole period.
        time_zone: IANA name of the zone of the buckets.
        reporting_zone: IANA name of the zone whose days the rollups keep.
        limit: Most rows to return, 1 to `MAX_FILE_ROWS`.
        offset: Rows to skip.
        measure: `direct` leaves allocations out, `fully_loaded` counts them.
        schema: What owners were called when lines were written; filters and rows go by the names
            of now.
        shown: The groups that are shown, as `Frame.key` writes them, others being one row
            `__small__`; None for all.
    """

    group_by: tuple[str, ...]
    since: Edge | None = None
    until: Edge | None = None
    as_of: Edge | None = None
    filters: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    without: tuple[Mapping[str, str], ...] = ()
    grain: Grain | Literal[""] = ""
    time_zone: str = "UTC"
    reporting_zone: str = "UTC"
    limit: int = 1000
    offset: int = 0
    measure: Measure = "fully_loaded"
    schema: Schema = NO_SCHEMA
    shown: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A question as parts of SQL.

    Attributes:
        source: The table that answers.
        keys: Names of the dimensions as columns.
        expressions: What each of them is in the table.
        conditions: What a row must fulfil.
        parameters: The values, by name.
    """

    source: queries.Source
    keys: tuple[str, ...]
    expressions: tuple[str, ...]
    conditions: tuple[str, ...]
    parameters: dict[str, object]

    @property
    def parts(self) -> dict[str, str]:
        """The parts that nearly every named query has."""
        pairs = zip(self.expressions, self.keys, strict=True)
        return {
            "keys": ", ".join(self.keys),
            "dimensions": ", ".join(f"{expression} AS {key}" for expression, key in pairs),
            "filter": " AND ".join(self.conditions) or "true",
        }

    @property
    def key(self) -> str:
        """The dimensions of a group as one text."""
        return joined(self.expressions)

    @property
    def known(self) -> str:
        """The condition that every dimension has a value."""
        return " AND ".join(f"{expression} != ''" for expression in self.expressions)


def time_zone(word: str) -> str:
    """Check that a word names a time zone.

    Raises:
        BadInput: It is no IANA name.
    """
    try:
        ZoneInfo(word)
    except (ValueError, OSError, KeyError) as error:
        raise BadInput(
            f"time zone {word!r} is unknown: use an IANA name such as Europe/Berlin"
        ) from error
    return word


def edge(word: str, zone: str, *, end: bool = False, reporting_zone: str = "") -> Edge:
    """Read one end of a period.

    Args:
        word: A day such as `2026-11-21`, in the time zone, or an instant with its offset such as
            `2026-11-21T15:00:00Z`.
        zone: IANA name of the time zone of the question.
        end: Whether a day is included as the last one.
        reporting_zone: IANA name of the reporting time zone; that of the question if empty.

    Raises:
        BadInput: It is neither, or an instant without an offset, or before 1970 or after 2200.
    """
    try:
        if len(word) == len("2026-11-21"):
            day = date.fromisoformat(word) + timedelta(days=end)
            instant = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
        else:
            instant = datetime.fromisoformat(word)
        if instant.tzinfo is None or not 1970 <= instant.year < 2200:
            raise BadInput(_not_a_time(word))
        return edge_at(max(_ns(instant), 0), reporting_zone or zone)
    except (ValueError, OverflowError) as error:
        raise BadInput(_not_a_time(word)) from error


def edge_at(ns: int, reporting_zone: str) -> Edge:
    """Make the end of a period at an instant.

    Args:
        ns: The instant, nanoseconds UTC.
        reporting_zone: IANA name of the reporting time zone.
    """
    local = instant_of(ns).astimezone(ZoneInfo(reporting_zone))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return Edge(ns=ns, day=local.date() if _ns(midnight) == ns else None)


def instant_of(ns: int) -> datetime:
    """Give the moment of nanoseconds UTC, to the microsecond."""
    return _EPOCH + timedelta(microseconds=ns // 1000)


def _not_a_time(word: str) -> str:
    return f"{word!r} is no time: use a day such as 2026-11-21, or 2026-11-21T15:00:00Z"


def _ns(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1) * 1000


def ask(question: Question) -> tuple[str, dict[str, object]]:
    """Write the query that answers, and its parameters.

    Raises:
        BadInput: The period ends before it starts, or the limit is out of range.
    """
    found = frame(question)
    parts = {
        **found.parts,
        "known": found.known,
        "source": found.source.table,
        "limit": limit_of(question, total=True),
    }
    if question.grain:
        parts["bucket"] = bucket(question.grain, found.source)
        found.parameters["time_zone"] = question.time_zone
    name = "spend_over_time" if question.grain else "spend"
    return queries.render(name, parts), found.parameters


def limit_of(question: Question, *, total: bool = False) -> str:
    """Write how many rows the engine returns: one more than asked for, to know whether there are.

    Args:
        question: What was asked.
        total: Whether the first row is the total.
    """
    rows = question.offset + question.limit + 1 + total
    return f"{rows}"


def bucket(grain: Grain, source: queries.Source) -> str:
    """Write the expression of the bucket that a row of a table is in."""
    moment = source.moment
    day = moment if source.grain == "day" else f"toDate({moment}, {{time_zone:String}})"
    return _BUCKETS[grain].format(moment=moment, day=day)


def source_for(
    question: Question, *, needs: Iterable[str] = (), edges: Iterable[Edge] = ()
) -> queries.Source:
    """Choose the smallest table that can answer: the one place where that is decided.

    Args:
        question: What was asked.
        needs: Dimensions that the query reads beside those of the question.
        edges: Ends of periods beside those of the question.
    """
    left_out = (name for group in question.without for name in group)
    names = frozenset((*question.group_by, *question.filters, *left_out, *needs))
    return queries.source_of(names, _grains(question, edges))


def frame(question: Question, *, table: str = "") -> Frame:
    """Write the parts of SQL that a question consists of.

    Args:
        question: What was asked.
        table: The table that has to answer; `''` for the smallest that can.

    Raises:
        BadInput: The period ends before it starts, or the limit is out of range.
    """
    _check(question)
    parameters: dict[str, object] = {}
    places = tuple(enumerate(question.group_by))
    source = queries.source_named(table) if table else source_for(question)
    expressions = tuple(
        expression(name, f"tag_{place}", parameters, question.schema) for place, name in places
    )
    return Frame(
        source=source,
        keys=tuple(f"tag_{place}" if queries.tag_of(name) else name for place, name in places),
        expressions=folded(expressions, question.shown, parameters),
        conditions=(
            *_period(question, source, parameters),
            *filters_of(question.filters, question.schema, parameters),
            *without_of(question.without, question.schema, parameters),
            *_MEASURES[question.measure],
        ),
        parameters=parameters,
    )


def _check(question: Question) -> None:
    since, until = question.since, question.until
    if since is not None and until is not None and until.ns <= since.ns:
        raise BadInput("the period ends before it starts")
    if not 1 <= question.limit <= MAX_FILE_ROWS:
        raise BadInput(f"limit is {question.limit}: use 1 to {MAX_FILE_ROWS}")


def _grains(question: Question, more: Iterable[Edge]) -> frozenset[str]:
    edges = [end for end in (question.since, question.until, *more) if end is not None]
    recorded_days = question.as_of is None or question.as_of.day is not None
    own_days = question.grain == "" or (
        question.grain in _DAYS_OR_MORE and question.time_zone == question.reporting_zone
    )
    fits = {
        "exact": True,
        "day": recorded_days and own_days and all(end.day is not None for end in edges),
        "quarter": recorded_days and all(end.ns % _QUARTER_NS == 0 for end in edges),
    }
    return frozenset(grain for grain, fit in fits.items() if fit)


def _period(question: Question, source: queries.Source, parameters: dict[str, object]) -> list[str]:
    limit = _month if source.month and _is_months(question) else _limit
    conditions = [
        limit(source, name, compares, end, parameters)
        for name, compares, end in (("since", ">=", question.since), ("until", "<", question.until))
        if end is not None
    ]
    if question.as_of is not None:
        exact = source.grain == "exact"
        parameters["as_of"] = question.as_of.ns if exact else question.as_of.day
        conditions.append(
            "spent.recorded_ns < fromUnixTimestamp64Nano({as_of:Int64}, 'UTC')"
            if exact
            else "spent.recorded_date < {as_of:Date}"
        )
    return conditions


def _is_months(question: Question) -> bool:
    ends = (end for end in (question.since, question.until) if end is not None)
    return question.as_of is None and all(end.day is not None and end.day.day == 1 for end in ends)


def window(
    source: queries.Source, name: str, since: Edge, until: Edge, parameters: dict[str, object]
) -> str:
    """Write the condition that a row lies in a period.

    Args:
        source: The table; its grain fits the period.
        name: Makes the names of the parameters unique.
        since: Start.
        until: End, exclusive.
        parameters: Takes the values.
    """
    start = _limit(source, f"{name}_since", ">=", since, parameters)
    return f"({start} AND {_limit(source, f'{name}_until', '<', until, parameters)})"


def _limit(
    source: queries.Source, name: str, compares: str, end: Edge, parameters: dict[str, object]
) -> str:
    if source.grain == "day":
        parameters[f"{name}_day"] = end.day
        return f"{source.moment} {compares} {{{name}_day:Date}}"
    parameters[f"{name}_ns"] = end.ns
    return f"{source.moment} {compares} fromUnixTimestamp64Nano({{{name}_ns:Int64}}, 'UTC')"


def _month(
    source: queries.Source, name: str, compares: str, end: Edge, parameters: dict[str, object]
) -> str:
    # A text, because the engine turns a comparison with a date into one of days.
    parameters[f"{name}_month"] = f"{end.day}"
    return f"{source.month} {compares} {{{name}_month:String}}"


def total_and_rows(
    answer: Answer, question: Question
) -> tuple[dict[str, Any], tuple[dict[str, Any], ...], bool]:
    """Divide an answer into its total, its rows and whether rows were cut off.

    Returns:
        The total; the rows, each with its dimensions under `dimensions` and, if there are buckets,
        its `bucket`; whether there are more.
    """
    first = 1 + bool(question.grain)
    width = first + len(question.group_by)
    total: dict[str, Any] = {}
    rows = []
    for row in answer.rows:
        measures = dict(zip(answer.columns[width:], row[width:], strict=True))
        if row[0]:
            total = measures
        else:
            names = dict(zip(question.group_by, row[first:width], strict=True))
            rows.append({"dimensions": names, "bucket": row[first - 1], **measures})
    shown = rows[question.offset : question.offset + question.limit]
    return total, tuple(shown), len(rows) > question.offset + question.limit
