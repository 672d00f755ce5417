"""Days out of the ordinary: a tenant, a feature or a model against its own history.

A day is compared with the same weekday of the eight weeks before, or, where fewer than four of
those are known, with up to 28 days before it, seven at least. The median stands for what is usual
and 1.4826 times the median distance from it for the spread: neither is moved by a few odd days.
The spread is taken to be no less than a twentieth of the median. A day counts if it lies 3.5
spreads and a dollar off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from statistics import median
from typing import Any, Final

from pydantic import BaseModel

from otel_costattr_collector import queries, spend
from otel_costattr_collector.inputs import InputTable
from otel_costattr_collector.spend import Question
from otel_costattr_collector.store import Store

DIMENSIONS: Final = ("tenant", "feature", "model")
LEAST_SCORE: Final = Decimal("3.5")
LEAST_USD: Final = Decimal(1)
_WEEKS: Final = 8
_LEAST_WEEKS: Final = 4
_DAYS: Final = 28
_LEAST_DAYS: Final = 7
_NORMAL: Final = Decimal("1.4826")
_LEAST_SHARE: Final = Decimal("0.05")
_ZERO: Final = Decimal(0)
_EARLIEST: Final = date(1970, 1, 1)
_LATEST: Final = date(2149, 6, 5)
_PLACES: Final = Decimal("1E-12")
_COLUMNS: Final = {
    "day": "Date",
    "dimension": "LowCardinality(String)",
    "value": "String",
    "cost": "Decimal(38, 12)",
    "expected": "Decimal(38, 12)",
    "spread": "Decimal(38, 12)",
    "score": "Decimal(38, 12)",
    "basis": "LowCardinality(String)",
    "days": "Int64",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A day out of the ordinary.

    Attributes:
        day: The day.
        dimension: `tenant`, `feature` or `model`.
        value: Which one.
        cost: USD on that day.
        expected: USD, the median.
        spread: USD.
        score: Distance in spreads; negative if it cost less.
        basis: `weekday` or `days`.
        days: How many days it was compared with.
    """

    day: date
    dimension: str
    value: str
    cost: Decimal
    expected: Decimal
    spread: Decimal
    score: Decimal
    basis: str
    days: int


class _Identity(BaseModel):
    dimension: str
    value: str
    day: date


def judged(
    costs: Mapping[date, Decimal], day: date, *, dimension: str, value: str
) -> Finding | None:
    """Compare a day with the days before it.

    Args:
        costs: Cost by day, USD; a day that is missing after the first one cost nothing.
        day: The day.
        dimension: What is looked at.
        value: Which one.

    Returns:
        The finding; None if the day is ordinary, or nobody can say.
    """
    first = min(costs, default=day)
    weeks = [day - timedelta(weeks=n) for n in range(1, _WEEKS + 1)]
    recent = [day - timedelta(days=n) for n in range(1, _DAYS + 1)]
    same = [costs.get(one, _ZERO) for one in weeks if one >= first]
    basis, sample = "weekday", same
    if len(same) < _LEAST_WEEKS:
        basis, sample = "days", [costs.get(one, _ZERO) for one in recent if one >= first]
        if len(sample) < _LEAST_DAYS:
            return None
    usual = median(sample)
    spread = max(_NORMAL * median([abs(one - usual) for one in sample]), _LEAST_SHARE * abs(usual))
    cost = costs.get(day, _ZERO)
    off = cost - usual
    if abs(off) < LEAST_USD or abs(off) < LEAST_SCORE * spread:
        return None
    spread = max(spread, LEAST_USD / LEAST_SCORE)
    return Finding(
        day=day,
        dimension=dimension,
        value=value,
        cost=cost,
        expected=usual.quantize(_PLACES),
        spread=spread.quantize(_PLACES),
        score=(off / spread).quantize(_PLACES),
        basis=basis,
        days=len(sample),
    )


class Anomalies:
    """Looks for days out of the ordinary and keeps what it finds, each finding as it was first.

    Args:
        store: The ledger, and where findings are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store: Final = store
        self._table: Final = InputTable(store, "anomalies", _COLUMNS, what="finding")

    def look(self, day: date) -> tuple[Finding, ...]:
        """Look at one day of the reporting time zone, and keep the findings.

        Raises:
            StoreError: The store refused or did not answer.
        """
        found = [
            finding
            for dimension in DIMENSIONS
            for value, costs in self._costs(dimension, day).items()
            if (finding := judged(costs, day, dimension=dimension, value=value)) is not None
        ]
        posted = [
            (
                f"{one.dimension}:{one.value}:{one.day}",
                _Identity(dimension=one.dimension, value=one.value, day=one.day),
            )
            for one in found
        ]
        rows: list[dict[str, Any]] = [
            {name: getattr(one, name) for name in _COLUMNS} for one in found
        ]
        if posted:
            self._table.take(posted, lambda places: [rows[place] for place in places])
        return tuple(found)

    def kept(self, first: date | None, last: date | None) -> Sequence[Finding]:
        """Return the findings of some days, the latest and strangest first.

        Args:
            first: The first day; None for since ever.
            last: The last one; None for open.

        Raises:
            StoreError: The store refused or did not answer.
        """
        sql = queries.render(
            "anomalies", {"filter": "found.day >= {first:Date} AND found.day <= {last:Date}"}
        )
        edges = {
            name: min(max(day, _EARLIEST), _LATEST)
            for name, day in (("first", first or _EARLIEST), ("last", last or _LATEST))
        }
        rows = self._store.query(sql, edges).mappings()
        return [Finding(**row) for row in rows]

    def _costs(self, dimension: str, day: date) -> dict[str, dict[date, Decimal]]:
        zone = self._store.layout.time_zone
        since, until = day - timedelta(weeks=_WEEKS), day + timedelta(days=1)
        question = Question(
            group_by=(dimension,),
            since=spend.edge(since.isoformat(), zone),
            until=spend.edge(until.isoformat(), zone),
            grain="day",
            time_zone=zone,
            reporting_zone=zone,
            limit=spend.MAX_FILE_ROWS,
            schema=self._store.layout.attribution,
        )
        sql, parameters = spend.ask(question)
        found: dict[str, dict[date, Decimal]] = {}
        for row in self._store.query(sql, parameters).mappings():
            if not row["is_total"] and row["total_cost"] is not None:
                found.setdefault(row[dimension], {})[row["bucket"]] = row["total_cost"]
        return found
