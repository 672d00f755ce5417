"""Whole months leave the ledger; the rollups keep their sums for ever.

Without postponed annotations: the types of a route are values here.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from otel_costattr.errors import BadInput
from otel_costattr_collector import schema
from otel_costattr_collector.access.dependency import who_may
from otel_costattr_collector.access.gate import Gate
from otel_costattr_collector.answers import failure
from otel_costattr_collector.store import Store

_MONTHS: Final = (
    "SELECT toYYYYMM(event_ns) AS month, count() FROM ledger"
    " WHERE toYYYYMM(event_ns) < {before:UInt32} GROUP BY month ORDER BY month"
)
_DROP: Final = "ALTER TABLE ledger/*{local}*/ /*{on_cluster}*/ DROP PARTITION "
_DAYS_OF_A_MONTH: Final = 28
_FAILURES: Final[dict[int | str, dict[str, Any]]] = {
    400: failure("Spans of these months are still accepted."),
    401: failure("A key is needed."),
    403: failure("The key does not carry this right."),
    503: failure("ClickHouse does not answer; try again."),
}


class Wanted(BaseModel):
    """How much of the ledger stays."""

    model_config = ConfigDict(extra="forbid")

    months: int = Field(ge=1, le=1200, description="Whole months that stay, before this one.")
    dry_run: bool = Field(default=False, description="Only say what would go.")


class Month(BaseModel):
    """One month of the ledger."""

    month: str = Field(description="Such as 2026-11, UTC.")
    lines: int = Field(description="Lines that it holds.")


class Retained(BaseModel):
    """What left the ledger, or would."""

    dropped: list[Month] = Field(description="Months, the oldest first.")
    dry_run: bool = Field(description="Whether nothing was dropped yet.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Drops old months of the ledger.

    Attributes:
        store: Where the ledger is.
        max_age_days: Age up to which spans are accepted; their months stay.
        clock: Nanoseconds UTC.
    """

    store: Store
    max_age_days: int
    clock: Callable[[], int] = time.time_ns

    def retain(self, months: int, *, dry_run: bool) -> Retained:
        """Drop every month of the ledger that is older than some whole months before this one.

        Args:
            months: How many stay.
            dry_run: Whether only to say what would go.

        Raises:
            BadInput: Spans of a month that would go are still accepted.
            StoreError: The engine refused or did not answer.
        """
        least = -(-self.max_age_days // _DAYS_OF_A_MONTH)
        if months < least:
            raise BadInput(
                f"keep at least {least} months: spans of the last {self.max_age_days} days are"
                " still accepted (max_age_days)"
            )
        old = self.store.query(_MONTHS, {"before": self._first(months)}).rows
        if not dry_run:
            self._drop([month for month, _ in old])
        return Retained(
            dropped=[
                Month(month=f"{month // 100}-{month % 100:02}", lines=lines) for month, lines in old
            ],
            dry_run=dry_run,
        )

    def _first(self, months: int) -> int:
        today = datetime.fromtimestamp(self.clock() // 10**9, tz=UTC)
        year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
        return year * 100 + month + 1

    def _drop(self, months: Sequence[int]) -> None:
        (statement,) = schema.render(_DROP, self.store.layout)[:1]
        for month in months:
            self.store.command(f"{statement} {month}")


def retention_router(retention: Retention, gate: Gate) -> APIRouter:
    """Make the route; only keys with the role admin may use it.

    Args:
        retention: Does it.
        gate: Knows who may.
    """
    router = APIRouter(tags=["operations"])

    @router.post("/v1/retain", responses=_FAILURES, dependencies=[Depends(who_may(gate, "admin"))])
    def retain(wanted: Wanted) -> Retained:
        """Drop whole old months of the ledger; rollups keep their sums."""
        return retention.retain(wanted.months, dry_run=wanted.dry_run)

    return router
