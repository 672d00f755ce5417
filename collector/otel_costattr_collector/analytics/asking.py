"""The words of a question as they come in, and the question that they make.

Unknown words are refused: a misspelt filter must not answer for everything.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from otel_costattr.errors import BadInput
from otel_costattr_collector import queries, spend
from otel_costattr_collector.access.errors import Forbidden
from otel_costattr_collector.schema import Layout
from otel_costattr_collector.spend import Edge, Grain, Measure, Question

Format = Literal["json", "jsonl", "csv", "parquet"]
Time = Annotated[str, Field(max_length=64)]
Words = Annotated[list[Annotated[str, Field(max_length=2048)]], Field(max_length=64)]

MAX_OFFSET: Final = 1_000_000
_DAY: Final = "A day such as 2026-11-21, in the time zone, or an instant: 2026-11-21T15:00:00Z."


class Asked(BaseModel):
    """What every question may say."""

    model_config = ConfigDict(extra="forbid")

    start_date: Time | None = Field(default=None, description=_DAY)
    end_date: Time | None = Field(
        default=None, description="Like start_date; a day is included, an instant is not."
    )
    time_zone: Time | None = Field(
        default=None, description="IANA name of the zone of days; else the reporting time zone."
    )
    as_of: Time | None = Field(
        default=None, description="Count only what was recorded before: as billed then."
    )
    where: Words = Field(
        default=[],
        description="dimension=value or dimension!=value, repeated; two values of one dimension"
        " are alternatives.",
    )
    measure: Measure = Field(
        default="direct",
        description="direct: what each caused itself; fully_loaded: with what was allocated to it.",
    )
    limit: int = Field(
        default=1000,
        ge=1,
        le=spend.MAX_FILE_ROWS,
        description=f"Most rows; {spend.MAX_ROWS} at most in JSON.",
    )
    cursor: Time | None = Field(
        default=None, description="`next_cursor` of the page before, with the same question."
    )
    format: Format = Field(default="json", description="json, jsonl, csv or parquet.")

    @property
    def most_rows(self) -> int:
        """How many rows a page may have."""
        return spend.MAX_ROWS if self.format == "json" else spend.MAX_FILE_ROWS


class Grouped(Asked):
    """A question by dimensions."""

    min_group: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None,
        description="Fewest people behind a row; smaller groups come as one row `__small__`.",
    )

    group_by: Words = Field(
        default=[], description="Dimensions, repeated or with commas between them; tags.NAME too."
    )


Unit = Literal["session", "user", "request", "trace"]
UNITS: Final[tuple[Unit, ...]] = ("session", "user", "request", "trace")


class UnitsAsked(Grouped):
    """A question about what one of something costs."""

    per: list[Unit] = Field(
        default=list(UNITS),
        description="Units that are counted, repeated; fewer are faster over many calls.",
    )


class CostsAsked(Grouped):
    """A question about costs."""

    entity_type: Time | None = Field(
        default=None,
        description="A dimension: what entity_id is. tenant, unless grouped otherwise.",
    )
    entity_id: Annotated[str, Field(max_length=1024)] | None = Field(
        default=None, description="Only this one; '' for what nobody owns."
    )
    grain: Grain | None = Field(
        default=None, description="Buckets of time: 15m, hour, day, week or month."
    )


class Compared(Grouped):
    """A question about two periods."""

    before_start: Time | None = Field(
        default=None, description="Start of the period before; else one as long, just before."
    )
    before_end: Time | None = Field(default=None, description="End of the period before.")


def question_of(
    asked: Asked, layout: Layout, *, tenant: str, default: Sequence[str] = ("tenant",)
) -> Question:
    """Understand the words of a question.

    Args:
        asked: The words.
        layout: Where the tables live; knows the reporting time zone.
        tenant: The only tenant whose lines may be read, or `''` for all.
        default: Dimensions if the question names none.

    Raises:
        BadInput: A word is not understood.
        Forbidden: It asks for another tenant.
    """
    if asked.limit > asked.most_rows:
        raise BadInput(f"limit is {asked.limit}: use 1 to {asked.most_rows}")
    zone = spend.time_zone(asked.time_zone or layout.time_zone)
    group_by = dimensions_of(asked.group_by) if isinstance(asked, Grouped) else ()
    filters, without = filters_of(asked.where)
    if isinstance(asked, CostsAsked):
        group_by = group_by or (queries.dimension(asked.entity_type or "tenant"),)
        if asked.entity_id is not None:
            entity = queries.dimension(asked.entity_type or group_by[0])
            filters[entity] = (asked.entity_id,)
    _bind(filters, tenant)
    return Question(
        group_by=group_by or tuple(default),
        since=_edge(asked.start_date, zone, layout),
        until=_edge(asked.end_date, zone, layout, end=True),
        as_of=_edge(asked.as_of, zone, layout),
        filters=filters,
        without=without,
        grain=asked.grain or "" if isinstance(asked, CostsAsked) else "",
        time_zone=zone,
        reporting_zone=layout.time_zone,
        limit=asked.limit,
        offset=offset_of(asked.cursor),
        measure=asked.measure,
        schema=layout.attribution,
    )


def dimensions_of(words: Iterable[str]) -> tuple[str, ...]:
    """Read a list of dimensions, some perhaps with commas between them, each once.

    Raises:
        BadInput: One is no dimension.
    """
    named = [word.strip() for several in words for word in several.split(",") if word.strip()]
    return tuple(dict.fromkeys(queries.dimension(word) for word in named))


def periods_of(asked: Compared, question: Question) -> tuple[Edge, Edge]:
    """Find the period before that of the question.

    Raises:
        BadInput: The question's own period is open, or only one end of the other was given.
    """
    since, until = question.since, question.until
    if since is None or until is None:
        raise BadInput("two periods are compared: start_date and end_date are needed")
    if (asked.before_start is None) != (asked.before_end is None):
        raise BadInput("before_start and before_end go together")
    zone, reporting = question.time_zone, question.reporting_zone
    if asked.before_start is None or asked.before_end is None:
        length = until.ns - since.ns
        return spend.edge_at(since.ns - length, reporting), since
    before = (
        spend.edge(asked.before_start, zone, reporting_zone=reporting),
        spend.edge(asked.before_end, zone, end=True, reporting_zone=reporting),
    )
    replace(question, since=before[0], until=before[1])
    if before[1].ns <= before[0].ns:
        raise BadInput("the period before ends before it starts")
    return before


def cursor_at(offset: int) -> str:
    """Write the word for a page that starts after `offset` rows."""
    return base64.urlsafe_b64encode(f"rows:{offset}".encode()).decode()


def offset_of(cursor: str | None) -> int:
    """Read what `cursor_at` wrote; 0 for None.

    Raises:
        BadInput: It is none of ours, or too far down.
    """
    if cursor is None:
        return 0
    try:
        kind, _, number = base64.urlsafe_b64decode(cursor.encode()).decode("ascii").partition(":")
        offset = int(number) if kind == "rows" and number.isdigit() else -1
    except (binascii.Error, ValueError) as error:
        raise BadInput(f"cursor {cursor!r} is none of ours") from error
    if not 0 <= offset <= MAX_OFFSET:
        raise BadInput(f"cursor {cursor!r} is none of ours, or more than {MAX_OFFSET} rows down")
    return offset


def _edge(word: str | None, zone: str, layout: Layout, *, end: bool = False) -> Edge | None:
    if word is None:
        return None
    return spend.edge(word, zone, end=end, reporting_zone=layout.time_zone)


def filters_of(
    words: Iterable[str],
) -> tuple[dict[str, tuple[str, ...]], tuple[dict[str, str], ...]]:
    """Read filters: what counts, by dimension, and what does not.

    Args:
        words: `dimension=value` or `dimension!=value`.

    Raises:
        BadInput: A word is neither, or names no dimension.
    """
    filters: dict[str, tuple[str, ...]] = {}
    without: list[dict[str, str]] = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise BadInput(f"filter {word!r}: use dimension=value or dimension!=value")
        dimension = queries.dimension(name.removesuffix("!").strip())
        if name.endswith("!"):
            without.append({dimension: value})
        else:
            filters[dimension] = (*filters.get(dimension, ()), value)
    return filters, tuple(without)


def _bind(filters: dict[str, Any], tenant: str) -> None:
    if tenant and filters.setdefault("tenant", (tenant,)) != (tenant,):
        raise Forbidden(f"this key reads the lines of tenant {tenant!r} only")
