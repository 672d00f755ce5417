"""Answers to the named questions: a page of typed rows, or a file in the format asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from otel_costattr_collector import spend
from otel_costattr_collector.analytics.asking import (
    Asked,
    Compared,
    CostsAsked,
    Format,
    cursor_at,
    periods_of,
    question_of,
)
from otel_costattr_collector.analytics.catalogue import Named, seen_at, sql_of
from otel_costattr_collector.analytics.periods import Periods
from otel_costattr_collector.analytics.rows import Page, Row
from otel_costattr_collector.analytics.small_groups import folded
from otel_costattr_collector.plain import decimal_text, moment_text
from otel_costattr_collector.queries import tag_of
from otel_costattr_collector.spend import Question
from otel_costattr_collector.store import Store

EXECUTION_S: Final = 60
"""How long the engine may work on one question, seconds."""

FORMATS: Final[Mapping[Format, tuple[str, str]]] = {
    "jsonl": ("JSONEachRow", "application/x-ndjson"),
    "csv": ("CSVWithNames", "text/csv; charset=utf-8"),
    "parquet": ("Parquet", "application/vnd.apache.parquet"),
}
"""Format to what the engine calls it and to its media type."""

_SETTINGS: Final[Mapping[str, object]] = {
    "max_execution_time": EXECUTION_S,
    "output_format_json_quote_decimals": 1,
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_denormals": 1,
    "format_csv_null_representation": "",
    "date_time_output_format": "iso",
    "output_format_parquet_string_as_string": 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An answer as a file.

    Attributes:
        body: Its bytes.
        media_type: What it is.
        next_cursor: Asks for the next page; None on the last one.
        truncated: Whether there are more rows.
    """

    body: bytes
    media_type: str
    next_cursor: str | None
    truncated: bool


def answer(store: Store, named: Named, asked: Asked, *, tenant: str = "") -> Page[Any]:
    """Answer one page of a named question.

    Args:
        store: Where the answer comes from.
        named: The question.
        asked: Its words.
        tenant: The only tenant whose lines may be read, or `''` for all.

    Raises:
        BadInput: A word is not understood.
        Forbidden: It asks for another tenant.
        StoreError: The store refused or did not answer.
    """
    question = _question(store, named, asked, tenant)
    sql, parameters = sql_of(named, asked, question)
    found = store.query(sql, parameters, settings={"max_execution_time": EXECUTION_S})
    width = len(question.group_by) if named.by_dimensions else 0
    total, rows = None, []
    for values in found.rows:
        row = dict(zip(found.columns, values, strict=True))
        made = _row(named, row, question, list(row)[named.has_total :][:width])
        if named.has_total and row["is_total"]:
            total = made
        else:
            rows.append(made)
    grouped = named.query == "movers"
    shown = rows if grouped else rows[question.offset : question.offset + question.limit]
    more = not grouped and len(rows) > question.offset + question.limit
    return Page[named.row](  # type: ignore[name-defined]
        start_date=asked.start_date,
        end_date=asked.end_date,
        time_zone=question.time_zone,
        group_by=list(question.group_by) if named.asked is not Asked else [],
        total=total,
        data=shown,
        truncated=more,
        next_cursor=_next(named, question, shown) if more else None,
    )


def export(store: Store, named: Named, asked: Asked, *, tenant: str = "") -> File:
    """Write one page of a named question as a file; without total, unknown is empty or null.

    Raises:
        BadInput: A word is not understood.
        Forbidden: It asks for another tenant.
        StoreError: The store refused or did not answer.
    """
    question = _question(store, named, asked, tenant)
    sql, parameters = sql_of(named, asked, question)
    return file_of(
        store,
        sql,
        parameters,
        question,
        asked.format,
        has_total=named.has_total,
        by_dimensions=named.by_dimensions,
    )


def export_costs(store: Store, asked: CostsAsked, *, tenant: str = "") -> File:
    """Write one page of an answer about costs as a file.

    Raises:
        BadInput: A word is not understood.
        Forbidden: It asks for another tenant.
        StoreError: The store refused or did not answer.
    """
    question = question_of(asked, store.layout, tenant=tenant)
    question = folded(store, question, asked, query="costs")
    sql, parameters = spend.ask(question)
    return file_of(store, sql, parameters, question, asked.format, has_total=True)


def file_of(
    store: Store,
    sql: str,
    parameters: Mapping[str, object],
    question: Question,
    fmt: Format,
    *,
    has_total: bool,
    by_dimensions: bool = True,
) -> File:
    """Run a query and return its rows as a file, the total left out."""
    tags = [
        (f"tag_{place}", name)
        for place, name in enumerate(question.group_by)
        if by_dimensions and tag_of(name)
    ]
    hidden = [*(["is_total"] if has_total else []), *(tag for tag, _ in tags)]
    columns = f"* EXCEPT ({', '.join(hidden)})" if hidden else "*"
    renamed = "".join(f", {tag} AS {_identifier(name)}" for tag, name in tags)
    wrapped = (
        f"SELECT {columns}{renamed} FROM (\n{sql}\n) AS found"  # noqa: S608 - text of ours
        f" WHERE {'NOT is_total' if has_total else 'true'}"
        f" LIMIT {question.limit} OFFSET {question.offset}"
    )
    counted = store.query(f"SELECT count() FROM (\n{sql}\n)", parameters)  # noqa: S608 - likewise
    more = counted.rows[0][0] - has_total > question.offset + question.limit
    name, media_type = FORMATS[fmt]
    return File(
        body=store.export(wrapped, parameters, fmt=name, settings=_SETTINGS),
        media_type=media_type,
        next_cursor=cursor_at(question.offset + question.limit) if more else None,
        truncated=more,
    )


def _identifier(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def _question(store: Store, named: Named, asked: Asked, tenant: str) -> Question:
    plain = asked.model_copy(update={"cursor": None}) if named.keyset else asked
    question = question_of(plain, store.layout, tenant=tenant, default=named.group_by)
    periods = None
    if isinstance(asked, Compared) and question.since is not None and question.until is not None:
        before = periods_of(asked, question)
        periods = Periods(after=(question.since, question.until), before=(before,))
    return folded(store, question, asked, query=named.query, periods=periods)


def _row(named: Named, row: dict[str, Any], question: Question, keys: list[str]) -> Row:
    names = dict(zip(question.group_by, (row[key] for key in keys), strict=True)) if keys else {}
    values = {name: plain(value) for name, value in row.items()}
    if named.by_dimensions:
        values["dimensions"] = names
    return named.row.model_validate(values)


def plain(value: Any) -> Any:
    """Write decimals and moments as text; everything else stays."""
    if isinstance(value, Decimal):
        return decimal_text(value)
    return moment_text(value) if isinstance(value, date) else value


def _next(named: Named, question: Question, shown: list[Row]) -> str:
    if named.keyset:
        last = shown[-1].model_dump(include={"event_unix_ns", "line_id"})
        return seen_at(last["event_unix_ns"], last["line_id"])
    return cursor_at(question.offset + question.limit)
