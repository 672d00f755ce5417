"""What Grafana and its ClickHouse data source do to a panel's SQL before it is sent.

The front end replaces `$__conditionalAll` and dashboard variables, the back end the time macros;
in alerts the back end alone is at work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

ALL: Final = "$__all"
Value = str | tuple[str, ...]

_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(?!__)([A-Za-z]\w*)")
_CONDITIONAL: Final = "$__conditionalAll("


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a reader of a dashboard has chosen.

    Attributes:
        since_s: Start of the period, seconds UTC.
        until_s: End of it, seconds UTC.
        values: Variable to its value; several values as a tuple.
    """

    since_s: int
    until_s: int
    values: Mapping[str, Value] = field(default_factory=dict)


def sent(raw_sql: str, view: View, *, in_alert: bool = False) -> str:
    """Return the SQL that reaches ClickHouse.

    Raises:
        ValueError: A macro or variable is left that nobody replaces.
    """
    sql = raw_sql if in_alert else _interpolated(_conditional(raw_sql, view), view)
    sql = _expanded(sql, view)
    left = re.search(r"\$\w+|\$\{", sql)
    if left:
        raise ValueError(f"nobody replaces {left[0]} in:\n{sql}")
    return sql


def _conditional(sql: str, view: View) -> str:
    while (start := sql.rfind(_CONDITIONAL)) >= 0:
        condition, variable, end = _arguments(sql, start + len(_CONDITIONAL))
        name = variable.strip().removeprefix("$")
        chosen = view.values[name]
        is_all = chosen in {"", ALL} or chosen == (ALL,)
        sql = sql[:start] + ("1=1" if is_all else condition) + sql[end:]
    return sql


def _arguments(sql: str, start: int) -> tuple[str, str, int]:
    depth, comma = 1, 0
    for place in range(start, len(sql)):
        match sql[place]:
            case "(":
                depth += 1
            case ")":
                depth -= 1
            case "," if depth == 1:
                comma = place
        if depth == 0:
            return sql[start:comma], sql[comma + 1 : place], place + 1
    raise ValueError(f"$__conditionalAll is not closed in:\n{sql}")


def _interpolated(sql: str, view: View) -> str:
    def replaced(found: re.Match[str]) -> str:
        value = view.values[found[1] or found[3]]
        return _FORMATS[found[2] or ""](value)

    return _VARIABLE.sub(replaced, sql)


def _quoted(value: Value) -> str:
    values = (value,) if isinstance(value, str) else value
    return ",".join("'" + one.replace("'", "''") + "'" for one in values)


def _raw(value: Value) -> str:
    return value if isinstance(value, str) else _quoted(value)


_FORMATS: Final[Mapping[str, Callable[[Value], str]]] = {"": _raw, "sqlstring": _quoted}


def _expanded(sql: str, view: View) -> str:
    macros = {
        "fromTime_ms": f"fromUnixTimestamp64Milli({view.since_s * 1000})",
        "toTime_ms": f"fromUnixTimestamp64Milli({view.until_s * 1000})",
        "fromTime": f"toDateTime({view.since_s})",
        "toTime": f"toDateTime({view.until_s})",
    }
    for name, text in macros.items():
        sql = re.sub(rf"\$__{name}\b", text, sql)
    return sql


def seconds(word: str) -> int:
    """Return an instant such as `2026-10-20T03:00:00Z` as seconds UTC."""
    instant = datetime.fromisoformat(word)
    assert instant.tzinfo is not None
    return int(instant.astimezone(UTC).timestamp())
