"""`POST /v1/revenue` and `POST /v1/currency-rates`.

Without postponed annotations: the types of a route are values here.
"""

from typing import Any, Final

from fastapi import APIRouter

from otel_costattr_collector.access.errors import Forbidden
from otel_costattr_collector.access.gate import Principal
from otel_costattr_collector.analytics.router import FAILURES
from otel_costattr_collector.answers import failure
from otel_costattr_collector.outcomes import Taken
from otel_costattr_collector.revenue.books import RateBook, RevenueBook
from otel_costattr_collector.revenue.records import CurrencyRates, Revenues
from otel_costattr_collector.store import Store

_TAKES: Final[dict[int | str, dict[str, Any]]] = {
    **FAILURES,
    409: failure("The id is known otherwise."),
}


def revenue_router(store: Store, sender: Any) -> APIRouter:
    """Make the routes.

    Args:
        store: Where revenue is kept.
        sender: A dependency that gives the principal who sends.
    """
    router = APIRouter(tags=["inputs"])
    rates = RateBook(store)
    book = RevenueBook(store, rates)

    @router.post("/v1/revenue", responses=_TAKES)
    def revenue(posted: Revenues, principal: Principal = sender) -> Taken:
        """Say what customers pay; idempotent by id. Another currency needs a rate for its day."""
        return book.take(posted.revenue, tenant=principal.tenant)

    @router.post("/v1/currency-rates", responses=_TAKES)
    def currency_rates(posted: CurrencyRates, principal: Principal = sender) -> Taken:
        """Say what currencies are worth; idempotent by currency and first day."""
        if principal.tenant:
            raise Forbidden("a key of one tenant does not tell what currencies are worth")
        return rates.take(posted.rates)

    return router
