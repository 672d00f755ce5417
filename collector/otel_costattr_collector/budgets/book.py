"""The budgets in force, and their periods."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from otel_costattr.errors import BadInput
from otel_costattr_collector import spend
from otel_costattr_collector.budgets.records import Budget, Period
from otel_costattr_collector.inputs import InputTable
from otel_costattr_collector.outcomes import Taken
from otel_costattr_collector.store import Store

_COLUMNS: Final = {"document": "String", "ends": "Array(String)"}
_ALL: Final = "SELECT id, any(document), any(ends) FROM budgets GROUP BY id ORDER BY id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One period of a budget.

    Attributes:
        first: Its first day.
        after: The day after its last one.
        start_ns: When it begins, nanoseconds UTC.
        end_ns: When it ends, exclusive.
    """

    first: date
    after: date
    start_ns: int
    end_ns: int

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.after - self.first).days


def today(zone: str, now_ns: int) -> date:
    """Return the day of an instant in a time zone."""
    return spend.instant_of(now_ns).astimezone(ZoneInfo(zone)).date()


def window_at(period: Period, zone: str, now_ns: int) -> Window:
    """Return the period that an instant lies in.

    Args:
        period: Of what length; weeks begin on Monday.
        zone: IANA name of the time zone of its days.
        now_ns: The instant, nanoseconds UTC.
    """
    day = today(zone, now_ns)
    if period == "month":
        first = day.replace(day=1)
        after = (first + timedelta(days=32)).replace(day=1)
    else:
        first = day - timedelta(days=day.weekday() if period == "week" else 0)
        after = first + timedelta(days=7 if period == "week" else 1)
    return Window(
        first=first, after=after, start_ns=_midnight(first, zone), end_ns=_midnight(after, zone)
    )


def _midnight(day: date, zone: str) -> int:
    return spend.edge(day.isoformat(), zone).ns


class _End(BaseModel):
    ends: list[str]


class BudgetBook:
    """Keeps budgets.

    Args:
        store: Where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store: Final = store
        self._table: Final = InputTable(store, "budgets", _COLUMNS, what="budget")

    def take(self, budgets: Sequence[Budget]) -> Taken:
        """Write those that are new; all of them or, after a refusal, none.

        Raises:
            BadInput: One makes no sense.
            Conflict: An id is known, or comes twice here, with other content.
            StoreError: The store refused or did not answer.
        """
        for one in budgets:
            one.checked()

        def make(places: Sequence[int]) -> list[dict[str, Any]]:
            return [
                {
                    "document": budgets[place].model_dump_json(),
                    "ends": list(budgets[place].replaces),
                }
                for place in places
            ]

        return self._table.take([(one.id, one) for one in budgets], make)

    def end(self, ids: Sequence[str]) -> Taken:
        """End budgets; ending one again changes nothing.

        Raises:
            BadInput: One is unknown.
            StoreError: The store refused or did not answer.
        """
        known = {name for name, _, _ in self._store.query(_ALL).rows}
        for name in ids:
            if name not in known:
                raise BadInput(f"there is no budget {name!r}")
        ends = [_End(ends=[name]) for name in ids]

        def make(places: Sequence[int]) -> list[dict[str, Any]]:
            return [{"document": "", "ends": ends[place].ends} for place in places]

        return self._table.take([(f"end:{one.ends[0]}", one) for one in ends], make)

    def in_force(self, now_ns: int) -> tuple[Budget, ...]:
        """Return the budgets that count now, by id.

        Raises:
            StoreError: The store refused or did not answer.
        """
        rows = self._store.query(_ALL).rows
        ended = {name for _, _, ends in rows for name in ends}
        found = (
            Budget.model_validate(json.loads(document))
            for name, document, _ in rows
            if document and name not in ended
        )
        return tuple(one for one in found if _counts(one, now_ns))


def _counts(budget: Budget, now_ns: int) -> bool:
    day = today(budget.time_zone, now_ns)
    return (budget.first_day or day) <= day <= (budget.last_day or day)
