"""Calendar months of the reporting time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from otel_costattr.errors import BadInput
from otel_costattr_collector import spend

_NS: Final = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A calendar month of the reporting time zone.

    Attributes:
        name: Such as `2026-10`.
        first: First day.
        last: Last day.
        zone: IANA name of the zone.
    """

    name: str
    first: date
    last: date
    zone: str

    @property
    def start_ns(self) -> int:
        """When it begins, nanoseconds UTC."""
        return spend.edge(self.first.isoformat(), self.zone).ns

    @property
    def end_ns(self) -> int:
        """When it is over, nanoseconds UTC."""
        return spend.edge(self.last.isoformat(), self.zone, end=True).ns


def month_of(word: str, zone: str) -> Month:
    """Read a month.

    Raises:
        BadInput: It is none.
    """
    try:
        first = date.fromisoformat(f"{word}-01")
        if not 1970 <= first.year < 2200:
            raise ValueError(word)  # noqa: TRY301 - one message for whatever is no month
    except ValueError as error:
        raise BadInput(f"{word!r} is no month: use one such as 2026-10") from error
    last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return Month(name=f"{first:%Y-%m}", first=first, last=last, zone=zone)


def month_at(ns: int, zone: str) -> str:
    """Name the month of a moment, such as `2026-10`.

    Args:
        ns: Nanoseconds UTC.
        zone: IANA name of the zone.
    """
    return f"{datetime.fromtimestamp(ns // _NS, tz=UTC).astimezone(ZoneInfo(zone)):%Y-%m}"
