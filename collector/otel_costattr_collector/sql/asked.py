"""Settings that a user may ask for: what is understood, and how far.

A client writes them into the URL, where unknown ones are passed over as most mean nothing here, or
behind the query as `SETTINGS`, where an unknown one is refused because somebody meant it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from .errors import SqlError
from .limits import SqlLimits
from .tokens import quote, texts_of, unquote

Condition = Callable[[str, str], str]

_FILTERS: Final = "additional_table_filters"
_FREE: Final = frozenset(
    [
        "any_join_distinct_right_table_keys",
        "date_time_output_format",
        "empty_result_for_aggregation_by_empty_set",
        "extremes",
        "final",
        "group_by_use_nulls",
        "join_use_nulls",
        "join_default_strictness",
        "limit",
        "offset",
        "output_format_arrow_string_as_string",
        "output_format_csv_crlf_end_of_line",
        "output_format_decimal_trailing_zeros",
        "output_format_json_named_tuples_as_objects",
        "output_format_json_quote_64bit_floats",
        "output_format_json_quote_64bit_integers",
        "output_format_json_quote_decimals",
        "output_format_json_quote_denormals",
        "output_format_parquet_string_as_string",
        "output_format_pretty_color",
        "output_format_pretty_max_rows",
        "output_format_pretty_row_numbers",
        "output_format_tsv_crlf_end_of_line",
        "output_format_write_statistics",
        "prefer_column_name_to_alias",
        "session_timezone",
        "transform_null_in",
        "union_default_mode",
    ]
)


def caps_of(limits: SqlLimits) -> Mapping[str, int]:
    """Return the engine's settings that hold our limits."""
    return {
        "max_execution_time": limits.max_seconds,
        "max_memory_usage": limits.max_memory_bytes,
        "max_threads": limits.max_threads,
        "max_result_rows": limits.max_result_rows,
        "max_result_bytes": limits.max_result_bytes,
        "max_rows_to_read": limits.max_rows_to_read,
    }


def settings_of(
    limits: SqlLimits,
    beside: Mapping[str, str],
    behind: Mapping[str, str],
    *,
    condition: Condition,
) -> Mapping[str, str]:
    """Return all settings that a query runs with, as plain text.

    Args:
        limits: The caps of one query.
        beside: What the URL asks for, plain.
        behind: What the `SETTINGS` clause asks for, as written.
        condition: Checks one additional filter and returns its canonical form.

    Raises:
        SqlError: A setting behind the query is not understood, or a filter is not allowed.
    """
    caps = caps_of(limits)
    asked = {name: value for name, value in beside.items() if name in caps or name in _FREE}
    filters = ""
    for name, written in behind.items():
        if name == _FILTERS:
            filters = _filters(written, condition)
        elif name in caps or name in _FREE:
            asked[name] = unquote(written) if written.startswith("'") else written
        else:
            known = ", ".join(sorted({*caps, _FILTERS, "limit", "offset"}))
            raise SqlError(
                164, "READONLY", f"setting {name} cannot be changed here; among others: {known}"
            )
    return {
        **{name: value for name, value in asked.items() if name in _FREE},
        **{name: str(_capped(asked.get(name, ""), cap)) for name, cap in caps.items()},
        **({_FILTERS: filters} if filters else {}),
    }


def _capped(asked: str, cap: int) -> int:
    """Return what was asked for if it is less than the cap; 0 means "no limit" to the engine."""
    try:
        wanted = int(float(asked))
    except (ValueError, OverflowError):
        return cap
    return min(wanted, cap) if wanted > 0 else cap


def _filters(written: str, condition: Condition) -> str:
    texts = texts_of(written)
    if len(texts) % 2:
        raise SqlError(36, "BAD_ARGUMENTS", f"{_FILTERS} is a map of table to condition")
    pairs = zip(texts[::2], texts[1::2], strict=True)
    return ", ".join(
        f"{quote(table)}: {quote(condition(table, text.strip()))}" for table, text in pairs
    )
