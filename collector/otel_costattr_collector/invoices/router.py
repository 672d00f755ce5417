"""`/v1/statements`, `/v1/invoices` and `/v1/reconcile`.

Without postponed annotations: the types of a route are values here.
"""

import time
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from otel_costattr.errors import BadInput
from otel_costattr.pricing import PriceBook, shipped_book
from otel_costattr_collector.access.dependency import who_may
from otel_costattr_collector.access.errors import Forbidden
from otel_costattr_collector.access.gate import Gate, Principal
from otel_costattr_collector.analytics.router import FAILURES
from otel_costattr_collector.answers import failure
from otel_costattr_collector.bookings import Bookings
from otel_costattr_collector.closing.records import closed_between
from otel_costattr_collector.months import month_of
from otel_costattr_collector.outcomes import Taken
from otel_costattr_collector.plain import decimal_text
from otel_costattr_collector.spend import edge
from otel_costattr_collector.store import Store

from .bills import Bill, BillBook
from .comparing import Comparison
from .drafting import draft
from .plans import read_plans
from .reconciling import Order, Reconciler
from .statements import StatementBook

Name = Annotated[str, Field(max_length=256)]
_TAKES: Final[dict[int | str, dict[str, Any]]] = {
    **FAILURES,
    409: failure("The id is known otherwise."),
}


class Billing(BaseModel):
    """A statement that is asked for."""

    model_config = ConfigDict(extra="forbid")

    customer: Annotated[str, Field(min_length=1, max_length=256)]
    month: Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")]
    plans: Annotated[str, Field(max_length=1_000_000)] = Field(description="The TOML file.")
    dry_run: bool = Field(default=False, description="Whether to keep no statement.")
    strict: bool = Field(default=False, description="Whether to refuse what is provisional.")


class Issued(BaseModel):
    """A statement."""

    sequence: int
    sha256: str
    previous: str
    customer: str
    period: str
    revision: int
    supersedes: str
    state: str
    new: bool = Field(description="Whether it was issued now.")
    closed: bool = Field(
        description="Whether the month is closed: then what is learned later is in a later one."
    )
    content: dict[str, Any]


class Listed(BaseModel):
    """A statement without its content."""

    sequence: int
    sha256: str
    customer: str
    period: str
    revision: int
    supersedes: str
    state: str


class Statements(BaseModel):
    """Every statement, in order of the chain."""

    statements: list[Listed]


class Verified(BaseModel):
    """Whether the chain of statements is whole."""

    statements: int
    head: str = Field(description="Digest of the last one.")
    problems: list[str]


class Reconciling(BaseModel):
    """A bill that is held against the ledger."""

    model_config = ConfigDict(extra="forbid")

    bill: Annotated[str, Field(min_length=1, max_length=128)]
    first_day: date
    last_day: date
    models: dict[Name, Name] = Field(default={}, description="The bill's name to the ledger's.")
    projects: dict[Name, Name] = Field(default={}, description="The bill's name to the ledger's.")
    post: bool = Field(default=False, description="Whether to book the gaps as true-ups.")


class CellRow(BaseModel):
    """A day, model and project that differs."""

    day: date
    model: str
    project: str
    bill_usd: str
    ledger_usd: str
    gap_usd: str
    causes: dict[str, str] = Field(description="Cause to USD; they sum to the gap.")


class Reconciled(BaseModel):
    """A bill and the ledger."""

    bill: str
    bill_usd: str
    ledger_usd: str
    gap_usd: str
    causes: dict[str, str] = Field(description="Cause to USD; they sum to the gap.")
    offset_hours: int = Field(description="Hours that the bill's days are behind UTC.")
    cells: list[CellRow] = Field(description="Those that differ.")
    lines: int = Field(description="True-ups that were booked.")
    closed_months: list[str] = Field(
        description="Months of the period that are closed: their true-ups have a later date."
    )


def invoices_router(
    store: Store, bookings: Bookings, gate: Gate | None, *, book: PriceBook | None = None
) -> APIRouter:
    """Make the routes: bills need the role ingest, the rest admin.

    Args:
        store: Where ledger, statements and bills are.
        bookings: Books runs of lines.
        gate: Knows who may; None lets everybody, for tests.
        book: Knows how models are spelled; None for the shipped one.
    """
    router = APIRouter(tags=["invoices"])
    _add_statements(router, store, bookings, Depends(who_may(gate, "admin")))
    _add_bills(router, Reconciler(store, bookings, book or shipped_book()), store, gate)
    return router


def _add_statements(router: APIRouter, store: Store, bookings: Bookings, admin: Any) -> None:
    book = StatementBook(store)

    def closed(month: str) -> bool:
        return month in bookings.closed.names()

    @router.post("/v1/statements", responses=FAILURES, dependencies=[admin])
    def issue(wanted: Billing) -> Issued:
        """Bill a customer for a month; the same figures again give the same statement."""
        month = month_of(wanted.month, store.layout.time_zone)
        plans = read_plans(wanted.plans)
        found = draft(store, plans, wanted.customer, month, now_ns=time.time_ns())
        if wanted.strict and found["state"] != "final":
            raise BadInput(f"refused: {'; '.join(found['reasons'])}")
        if wanted.dry_run:
            return Issued(
                **dict.fromkeys(("sha256", "previous", "supersedes"), ""),
                **{name: found[name] for name in ("customer", "period", "state")},
                sequence=0,
                revision=0,
                new=False,
                closed=closed(month.name),
                content=found,
            )
        statement, new = book.issue(found)
        return Issued(**statement.words(), new=new, closed=closed(month.name))

    @router.get("/v1/statements", responses=FAILURES, dependencies=[admin])
    def statements() -> Statements:
        """List every statement, in order of the chain."""
        names = Listed.model_fields
        return Statements(
            statements=[
                Listed(**{name: getattr(one, name) for name in names}) for one in book.all()
            ]
        )

    @router.get("/v1/statements/verify", responses=FAILURES, dependencies=[admin])
    def verify() -> Verified:
        """Work every digest out again and follow the chain."""
        verdict = book.verify()
        return Verified(
            statements=verdict.statements, head=verdict.head, problems=list(verdict.problems)
        )

    @router.get("/v1/statements/{digest}", responses=FAILURES, dependencies=[admin])
    def statement(digest: str) -> Issued:
        """Return one statement."""
        words = book.read(digest).words()
        return Issued(**words, new=False, closed=closed(words["period"]))


def _add_bills(router: APIRouter, reconciler: Reconciler, store: Store, gate: Gate | None) -> None:
    bills = BillBook(store)
    sender, admin = Depends(who_may(gate, "ingest")), Depends(who_may(gate, "admin"))

    @router.post("/v1/invoices", responses=_TAKES)
    def invoices(bill: Bill, principal: Principal = sender) -> Taken:
        """Keep a provider's bill; idempotent by id."""
        if principal.tenant:
            raise Forbidden("a key of one tenant does not post bills of providers")
        return bills.take(bill)

    @router.post("/v1/reconcile", responses=FAILURES, dependencies=[admin])
    def reconcile(wanted: Reconciling) -> Reconciled:
        """Compare a bill with the ledger by day, model and project, and split the gap."""
        if wanted.last_day < wanted.first_day:
            raise BadInput("the period ends before it starts")
        order = Order(
            bill=wanted.bill,
            first=wanted.first_day,
            last=wanted.last_day,
            models=wanted.models,
            projects=wanted.projects,
        )
        if wanted.post:
            comparison, lines = reconciler.post(order)
        else:
            comparison, lines = reconciler.compare(order), 0
        zone = store.layout.time_zone
        days = (str(wanted.first_day), str(wanted.last_day))
        closed = closed_between(store, edge(days[0], zone), edge(days[1], zone, end=True))
        return _reconciled(wanted.bill, comparison, lines, closed)


def _reconciled(bill: str, comparison: Comparison, lines: int, closed: list[str]) -> Reconciled:
    zero = Decimal(0)
    cells = comparison.cells
    return Reconciled(
        bill=bill,
        bill_usd=decimal_text(sum((cell.bill_usd for cell in cells), zero)),
        ledger_usd=decimal_text(sum((cell.ledger_usd for cell in cells), zero)),
        gap_usd=decimal_text(sum((cell.gap_usd for cell in cells), zero)),
        causes={cause: decimal_text(usd) for cause, usd in comparison.causes.items()},
        offset_hours=comparison.offset_hours,
        cells=[
            CellRow(
                day=cell.key.day,
                model=cell.key.model,
                project=cell.key.project,
                bill_usd=decimal_text(cell.bill_usd),
                ledger_usd=decimal_text(cell.ledger_usd),
                gap_usd=decimal_text(cell.gap_usd),
                causes={cause: decimal_text(usd) for cause, usd in cell.causes.items()},
            )
            for cell in cells
            if cell.causes
        ],
        lines=lines,
        closed_months=closed,
    )
