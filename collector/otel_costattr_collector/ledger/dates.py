"""The date of a line: when it happened, or a later one where that month is closed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from otel_costattr_collector.ledger.columns import LINE_COLUMNS, Line

HAPPENED: Final = "event_ns"
"""Key of `provenance` that holds the moment of a line that is dated later."""

CLOSED: Final = "closed_month"
"""Key of `provenance` that names the closed month whose sums such a line left alone."""

HAPPENED_NS: Final = (
    "if({table}.provenance['event_ns'] = '', toUnixTimestamp64Nano({table}.event_ns),"
    " toUnixTimestamp64Nano("
    "parseDateTime64BestEffortOrZero({table}.provenance['event_ns'], 9, 'UTC')))"
)
"""SQL: when a line of the ledger happened, nanoseconds UTC, whatever its date."""

_NS: Final = 10**9
_PLACES: Final = {column.name: place for place, column in enumerate(LINE_COLUMNS)}
EVENT: Final = _PLACES["event_ns"]
_PROVENANCE: Final = _PLACES["provenance"]


def happened_ns(values: Mapping[str, Any]) -> int:
    """Return when what a line tells of happened, whatever its date; nanoseconds UTC.

    Args:
        values: The line by the names of its columns.
    """
    noted: str | None = values["provenance"].get(HAPPENED)
    return int(values["event_ns"]) if noted is None else _ns_of(noted)


def is_later(line: Line) -> bool:
    """Tell whether a line is dated later than it happened."""
    provenance: Any = line[_PROVENANCE]
    return HAPPENED in provenance


def moment_of(ns: int) -> str:
    """Write a moment so that texts sort as moments do: `2026-10-05T12:00:00.123456789Z`.

    Args:
        ns: Nanoseconds UTC, 0 to the year 9999.
    """
    seconds, fraction = divmod(ns, _NS)
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09}Z"


def dated(line: Line, at_ns: int, *, closed: str) -> Line:
    """Give a line another date; when it happened and why stay noted in its provenance.

    Args:
        line: The line.
        at_ns: Its date, nanoseconds UTC.
        closed: The closed month that it would have changed.
    """
    provenance: Any = line[_PROVENANCE]
    event_ns: Any = line[EVENT]
    made = list(line)
    made[EVENT] = at_ns
    made[_PROVENANCE] = {HAPPENED: moment_of(event_ns), **provenance, CLOSED: closed}
    return tuple(made)


def _ns_of(moment: str) -> int:
    seconds, _, fraction = moment.removesuffix("Z").partition(".")
    whole = int(datetime.fromisoformat(f"{seconds}+00:00").timestamp())
    return whole * _NS + int(fraction.ljust(9, "0") or 0)
