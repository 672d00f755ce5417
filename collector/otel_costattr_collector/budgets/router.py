"""Budgets over HTTP: post and end them, ask how they stand, and the limits that guards copy.

Without postponed annotations: the types of a route are values here.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from otel_costattr_collector.access.dependency import who_may
from otel_costattr_collector.access.errors import Forbidden
from otel_costattr_collector.access.gate import Action, Gate, Principal
from otel_costattr_collector.analytics.router import FAILURES, NotThere
from otel_costattr_collector.answers import failure
from otel_costattr_collector.budgets.anomalies import Anomalies
from otel_costattr_collector.budgets.book import BudgetBook
from otel_costattr_collector.budgets.leases import Leases
from otel_costattr_collector.budgets.limits import Limits, LimitsAnswer, Report
from otel_costattr_collector.budgets.records import Budget, Budgets, Ended
from otel_costattr_collector.budgets.status import Status, status_of, variance_of
from otel_costattr_collector.outcomes import Taken
from otel_costattr_collector.store import Store

_TAKES: Final[dict[int | str, dict[str, Any]]] = {
    **FAILURES,
    409: failure("The id is known otherwise."),
}


LAG_S: Final = 120.0
_ACTIONS: Final[tuple[Action, ...]] = ("read", "ingest", "admin")


class Standing(BaseModel):
    """How budgets stand."""

    data: list[Status]


class Found(BaseModel):
    """A day out of the ordinary; amounts in USD."""

    day: date
    dimension: str
    value: str
    cost: Decimal
    expected: Decimal
    spread: Decimal
    score: Decimal = Field(description="Distance from expected in spreads.")
    basis: str = Field(description="weekday: the same one of the weeks before; else days.")
    days: int


class Findings(BaseModel):
    """Days out of the ordinary, the latest and strangest first."""

    data: list[Found]


def budgets_router(
    store: Store,
    gate: Gate | None,
    *,
    leases: Leases | None = None,
    now_ns: Callable[[], int] = time.time_ns,
) -> APIRouter:
    """Make the routes.

    Args:
        store: Where budgets and costs are.
        gate: Knows who may what; None lets everybody do everything, for tests. Guards are senders.
        leases: The shares of guards; None for a book of its own.
        now_ns: Nanoseconds UTC.
    """
    router = APIRouter(tags=["budgets"])
    book = BudgetBook(store)
    odd = Anomalies(store)
    limits = Limits(store, leases or Leases(lag_s=LAG_S, warm_s=0), now_ns=now_ns)
    reader, sender, admin = (Depends(who_may(gate, action)) for action in _ACTIONS)

    @router.post("/v1/budgets", responses=_TAKES)
    def take(posted: Budgets, _: Principal = admin) -> Taken:
        """Set budgets; idempotent by id. A budget never changes: a new one replaces it."""
        return book.take(posted.budgets)

    @router.post("/v1/budgets/end", responses=_TAKES)
    def end(posted: Ended, _: Principal = admin) -> Taken:
        """End budgets; ending one again changes nothing."""
        return book.end(posted.ids)

    @router.get("/v1/budgets", responses=FAILURES)
    def budgets(
        explain: Annotated[bool, Query(description="Explain the variance too.")] = False,  # noqa: FBT002 - as HTTP has it
        budget: Annotated[str | None, Query(max_length=256)] = None,
        principal: Principal = reader,
    ) -> Standing:
        """How each budget in force stands: spent, forecast, thresholds, and the variance explained."""
        now = now_ns()
        found = [
            one for one in book.in_force(now) if budget in {None, one.id} and _may(one, principal)
        ]
        if budget is not None and not found:
            raise NotThere(f"there is no budget {budget!r} in force")
        stands = [status_of(store, one, now) for one in found]
        if explain:
            stands = [
                one.model_copy(update={"variance": variance_of(store, one.budget, now)})
                for one in stands
            ]
        return Standing(data=stands)

    @router.get("/v1/analytics/anomalies", responses=FAILURES)
    def anomalies(
        first_day: date | None = None, last_day: date | None = None, principal: Principal = reader
    ) -> Findings:
        """Days on which a tenant, a feature or a model cost far more or less than it used to."""
        if principal.tenant:
            raise Forbidden("a key of one tenant does not ask for everybody's anomalies")
        return Findings(data=[Found(**asdict(one)) for one in odd.kept(first_day, last_day)])

    @router.get("/v1/limits", responses=FAILURES)
    def look(principal: Principal = sender) -> LimitsAnswer:
        """The limits as guards read them, without any share."""
        return limits.answer(None, tenant=principal.tenant)

    @router.post("/v1/limits", responses=FAILURES)
    def share(report: Report, principal: Principal = sender) -> LimitsAnswer:
        """The limits for one guard, with its share; it says what it spent and holds."""
        return limits.answer(report, tenant=principal.tenant)

    return router


def _may(budget: Budget, principal: Principal) -> bool:
    return not principal.tenant or budget.filters.get("tenant") == [principal.tenant]
