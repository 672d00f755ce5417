"""The HTTP API: what things cost, why a line costs what it does, and whether we are well."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, HTTPException, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from otel_costattr.errors import BadInput, RetryableError, StoreError
from otel_costattr.pricing import PriceBook, shipped_book
from otel_costattr_collector import answers
from otel_costattr_collector.access.dependency import who_may
from otel_costattr_collector.access.errors import AccessError, Unauthenticated
from otel_costattr_collector.access.gate import Gate, Principal
from otel_costattr_collector.allocation.router import allocation_router
from otel_costattr_collector.amendments.router import amendments_router
from otel_costattr_collector.analytics.investigations import investigations_router
from otel_costattr_collector.analytics.router import FAILURES, NotThere, questions_router
from otel_costattr_collector.analytics.small_groups import refuse
from otel_costattr_collector.answers import Explanation, Failure, Health, failure
from otel_costattr_collector.bookings import Bookings
from otel_costattr_collector.budgets.leases import Leases
from otel_costattr_collector.budgets.router import budgets_router
from otel_costattr_collector.closing.closer import Closer, OnTheirWay
from otel_costattr_collector.closing.router import closings_router
from otel_costattr_collector.costs.book import CostBook
from otel_costattr_collector.costs.ids import CostIds, in_ledger
from otel_costattr_collector.costs.lines import CostLines
from otel_costattr_collector.costs.router import costs_router
from otel_costattr_collector.invoices.router import invoices_router
from otel_costattr_collector.margins.router import margins_router
from otel_costattr_collector.outcomes import Conflict, OutcomeBook, Outcomes, Taken
from otel_costattr_collector.revenue.router import revenue_router
from otel_costattr_collector.store import Store

RETRY_AFTER_S: Final = 5


def create_api(
    store: Store,
    *,
    ready: Callable[[], str] = lambda: "",
    gate: Gate | None = None,
    bookings: Bookings | None = None,
    book: PriceBook | None = None,
    costs: CostBook | None = None,
    leases: Leases | None = None,
    on_their_way: OnTheirWay = lambda _: (),
) -> FastAPI:
    """Make the application that answers on the API port.

    Args:
        store: Where the answers come from; the caller migrates and closes it.
        ready: Says why the service cannot take traffic, or `''` if it can.
        gate: Knows who may read; None lets everybody read everything, for tests. A key with a
            tenant reads the lines of that tenant only.
        bookings: Books what is no telemetry; None books straight into the store, for tests.
        book: The present prices; None for the shipped ones.
        costs: Takes posted costs; None takes them at the present prices, for tests.
        leases: The shares of guards in applications; None for a book of its own, for tests.
        on_their_way: Says what of a month is acknowledged and not in the ledger.
    """
    api = FastAPI(
        title="otel-costattr",
        summary="What each tenant, feature and prompt version costs.",
        version=version("otel-costattr"),
    )
    _add_health(api, store, ready)
    api.state.bookings = bookings or Bookings(store)
    reader = Depends(who_may(gate, "read"))
    api.include_router(questions_router(store, reader))
    api.include_router(investigations_router(store, reader))
    sender = Depends(who_may(gate, "ingest"))
    api.include_router(amendments_router(store, api.state.bookings, gate, book=book))
    _add_outcomes(api, store, sender)
    api.include_router(margins_router(store, reader))
    api.include_router(revenue_router(store, sender))
    api.include_router(budgets_router(store, gate, leases=leases))
    api.include_router(costs_router(costs or _cost_book(store, api.state.bookings, book), sender))
    api.include_router(allocation_router(store, api.state.bookings, gate))
    api.include_router(invoices_router(store, api.state.bookings, gate, book=book))
    closer = Closer(
        store,
        api.state.bookings.closed,
        api.state.bookings.amending,
        on_their_way=on_their_way,
        clock=api.state.bookings.clock,
    )
    api.include_router(closings_router(store, closer, gate))
    _add_answers(api, store, reader)
    _add_failures(api)
    return api


def _cost_book(store: Store, bookings: Bookings, book: PriceBook | None) -> CostBook:
    return CostBook(bookings, CostIds(in_ledger(store)), CostLines(book or shipped_book()))


def _add_health(api: FastAPI, store: Store, ready: Callable[[], str]) -> None:
    @api.get("/healthz", tags=["health"])
    def healthz() -> Health:
        """Say that the process is alive."""
        return Health(status="ok")

    @api.get("/readyz", tags=["health"], responses={503: {**FAILURES[503], "model": Failure}})
    def readyz() -> Health:
        """Say whether spans would be accepted and questions answered."""
        reason = ready()
        if reason:
            raise RetryableError(reason)
        store.ping()
        return Health(status="ok")


def _add_outcomes(api: FastAPI, store: Store, sender: Any) -> None:
    book = OutcomeBook(store)

    @api.post(
        "/v1/outcomes",
        tags=["inputs"],
        responses={
            **FAILURES,
            409: failure("The id is known otherwise."),
        },
    )
    def outcomes(posted: Outcomes, principal: Principal = sender) -> Taken:
        """Say what calls were for; idempotent by id."""
        return book.take(posted.outcomes, tenant=principal.tenant)


def _add_answers(api: FastAPI, store: Store, reader: Any) -> None:
    @api.get(
        "/v1/explain/{line_id}",
        tags=["answers"],
        responses={**FAILURES, 404: failure("There is none.")},
    )
    def explain(
        line_id: Annotated[str, Path(pattern=r"^[0-9a-f]{24}$")], principal: Principal = reader
    ) -> Explanation:
        """Explain one ledger line: counts, rates, the entry that matched, and what amended it."""
        refuse(principal)
        found = answers.explain(store, line_id, tenant=principal.tenant)
        if found is None:
            raise HTTPException(404, f"there is no line {line_id}")
        return found


def _add_failures(api: FastAPI) -> None:
    @api.exception_handler(BadInput)
    def bad_input(_: Request, error: BadInput) -> JSONResponse:
        if isinstance(error, Conflict):
            return _failure(409, "conflict", str(error))
        if isinstance(error, NotThere):
            return _failure(404, "not_found", str(error))
        return _failure(400, "bad_request", str(error))

    @api.exception_handler(StoreError)
    def store_error(_: Request, error: StoreError) -> JSONResponse:
        retryable = isinstance(error, RetryableError)
        headers = {"Retry-After": str(RETRY_AFTER_S)} if retryable else {}
        code, name = (503, "unavailable") if retryable else (500, "store_refused")
        return _failure(code, name, str(error), headers)

    @api.exception_handler(AccessError)
    def no_access(_: Request, error: AccessError) -> JSONResponse:
        unknown = isinstance(error, Unauthenticated)
        headers = {"WWW-Authenticate": "Bearer"} if unknown else {}
        code, name = (401, "unauthenticated") if unknown else (403, "forbidden")
        return _failure(code, name, str(error), headers)

    @api.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        problems = "; ".join(
            f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors()
        )
        return _failure(422, "invalid_parameter", problems)

    @api.exception_handler(HTTPException)
    def refused(_: Request, error: HTTPException) -> JSONResponse:
        return _failure(error.status_code, "not_found", str(error.detail))


def _failure(
    code: int, name: str, message: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    body = Failure(code=name, message=message)
    return JSONResponse(body.model_dump(), status_code=code, headers=headers)
