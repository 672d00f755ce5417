"""The routes of amendments; those that book are for keys with the role admin.

Without postponed annotations: the types of a route are values here.
"""

from typing import Any, Final

from fastapi import APIRouter, Depends

from otel_costattr.pricing import PriceBook, shipped_book
from otel_costattr_collector.access.dependency import who_may

from ..access.gate import Gate, Principal
from ..analytics.router import FAILURES
from ..bookings import Bookings
from ..store import Store
from .changes import Amended
from .reattribute import Owners, reattribute
from .reprice import Repricing, Supposed, reprice, what_if
from .sessions import FromSessions, complete_sessions

_NEEDS: Final[dict[int | str, dict[str, Any]]] = {
    code: FAILURES[code] for code in (400, 401, 403, 422, 503)
}


def amendments_router(
    store: Store, bookings: Bookings, gate: Gate | None, *, book: PriceBook | None = None
) -> APIRouter:
    """Make the routes.

    Args:
        store: Where the ledger is.
        bookings: Books what is amended.
        gate: Knows who may; None lets everybody, for tests.
        book: The present prices; None for the shipped ones.
    """
    router = APIRouter(tags=["amendments"], responses=_NEEDS)
    admin, reader = Depends(who_may(gate, "admin")), Depends(who_may(gate, "read"))
    present = book or shipped_book()
    _add_prices(router, store, bookings, present, admin=admin, reader=reader)
    _add_owners(router, store, bookings, admin=admin)
    return router


def _add_prices(
    router: APIRouter,
    store: Store,
    bookings: Bookings,
    book: PriceBook,
    *,
    admin: Any,
    reader: Any,
) -> None:
    @router.post("/v1/reprice")
    def price_again(wanted: Repricing, principal: Principal = admin) -> Amended:
        """Price a period again and book what differs, all of it or nothing."""
        return reprice(store, bookings, wanted, present=book, tenant=principal.tenant)

    @router.post("/v1/what-if")
    def suppose(wanted: Supposed, principal: Principal = reader) -> Amended:
        """Say what a period would have cost otherwise; nothing is booked."""
        return what_if(store, wanted, present=book, tenant=principal.tenant)


def _add_owners(router: APIRouter, store: Store, bookings: Bookings, *, admin: Any) -> None:
    @router.post("/v1/reattribute")
    def own_again(wanted: Owners, principal: Principal = admin) -> Amended:
        """Give lines the owners that were learned later, all of them or none."""
        return reattribute(store, bookings, wanted, tenant=principal.tenant)

    @router.post("/v1/reattribute/sessions")
    def own_by_session(wanted: FromSessions, principal: Principal = admin) -> Amended:
        """Give lines what other lines of their session say, all of them or none."""
        return complete_sessions(store, bookings, wanted, tenant=principal.tenant)
