"""New prices for what is in the ledger already, and what other prices would have made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from otel_costattr.errors import BadInput
from otel_costattr.model import ModelCall
from otel_costattr.pricing import PriceBook, read_overlay, shipped_book

from ..analytics.asking import Asked, Time, Words, question_of
from ..bookings import MAX_LINES, Bookings
from ..ledger import Line, as_mapping
from ..store import Store
from .changes import Amended, Change, amended, pairs
from .contracts import Contracts
from .heads import heads_between, period_of
from .recompute import call_of, repriced

COUNTED: Final = (
    "ledger.status != 'duplicate_of'"
    " AND NOT (ledger.status = 'aggregate' AND ledger.amount_usd IS NULL)"
)
"""Copies and sums that do not count have no price, whatever the book says."""

MOST_CHANGES: Final = MAX_LINES // 2


class Overlay(BaseModel):
    """A contract, laid over the published prices."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=256)] = "overlay.toml"
    text: Annotated[str, Field(max_length=1_000_000)] = Field(description="TOML.")


class Stretch(BaseModel):
    """A period of the ledger."""

    model_config = ConfigDict(extra="forbid")

    start_date: Time = Field(description="First day, or an instant with its offset.")
    end_date: Time = Field(description="Last day, or the instant before which it ends.")
    time_zone: Time | None = None
    where: Words = Field(default=[], description="dimension=value or dimension!=value.")


class Repricing(Stretch):
    """What to price again."""

    overlays: Annotated[list[Overlay], Field(max_length=16)] = []
    dry_run: bool = Field(default=False, description="Whether to say only what would change.")


class Supposed(Stretch):
    """What to suppose: the same usage under other names or prices."""

    model: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, description="As telemetry spells it; provider/model names the seller too."
    )
    service_tier: Annotated[str, Field(max_length=64)] | None = None
    overlays: Annotated[list[Overlay], Field(max_length=16)] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    changes: Sequence[Change]
    count: int


def reprice(
    store: Store,
    bookings: Bookings,
    wanted: Repricing,
    *,
    present: PriceBook | None = None,
    tenant: str = "",
) -> Amended:
    """Price every head of a period again, and book a pair for each that differs: all or none.

    Args:
        store: Where the ledger is.
        bookings: Books the pairs.
        wanted: The period, the prices and whether to book.
        present: The book that contracts are laid over; None for the shipped one.
        tenant: The only tenant whose lines may be touched, or `''` for all.

    Raises:
        BadInput: The period or a contract makes no sense, or too much would change at once.
        StoreError: The store refused or did not answer.
    """
    book = book_under(wanted.overlays, present)
    contracts = [(overlay.name, overlay.text) for overlay in wanted.overlays]
    cause = f"reprice:{book.version}"

    def look() -> _Looked:
        return _look(store, wanted, tenant, lambda line: repriced(line, book))

    if wanted.dry_run:
        return _amended(store, look(), bookings, cause=cause, dry_run=True)
    seen: list[_Looked] = []

    def make() -> Iterator[Line]:
        seen.append(look())
        if seen[-1].changes:
            Contracts(store, present or shipped_book()).keep(book.version, contracts)
        yield from pairs(seen[-1].changes, cause=cause, run_id=cause)

    booked = bookings.book(make)
    return _amended(store, seen[-1], bookings, cause=cause, booked=booked.lines)


def what_if(
    store: Store, wanted: Supposed, *, present: PriceBook | None = None, tenant: str = ""
) -> Amended:
    """Say what the usage of a period would have cost otherwise; nothing is booked.

    Args:
        store: Where the ledger is.
        wanted: The period and what to suppose.
        present: The book that contracts are laid over; None for the shipped one.
        tenant: The only tenant whose lines may be read, or `''` for all.

    Raises:
        BadInput: Nothing is supposed, or the period or a contract makes no sense.
        StoreError: The store refused or did not answer.
    """
    if wanted.model is None and wanted.service_tier is None and not wanted.overlays:
        raise BadInput("what if nothing changes? name a model, a service tier or an overlay")
    book = book_under(wanted.overlays, present)

    def supposed(line: Line) -> Line:
        call = call_of(as_mapping(line))
        return repriced(line, book, call=_otherwise(call, wanted, book))

    found = _look(store, wanted, tenant, supposed)
    return _amended(store, found, cause=f"what_if:{book.version}", dry_run=True)


def book_under(overlays: Sequence[Overlay], present: PriceBook | None = None) -> PriceBook:
    """Return the present book, or the shipped one, under some contracts.

    Raises:
        BadPriceBook: One of them cannot be true.
    """
    book = present or shipped_book()
    for overlay in overlays:
        book = book.with_overlay(read_overlay(overlay.text, source=overlay.name))
    return book


def _otherwise(call: ModelCall, wanted: Supposed, book: PriceBook) -> ModelCall:
    if wanted.service_tier is not None:
        call = replace(
            call, service_tier=wanted.service_tier, requested_service_tier=wanted.service_tier
        )
    if wanted.model is None:
        return call
    seller, _, name = wanted.model.partition("/")
    if name and book.knows(seller):
        return replace(
            call, provider=seller, server_address="", request_model=name, response_model=name
        )
    return replace(
        call, provider="", server_address="", request_model=wanted.model, response_model=""
    )


def _look(store: Store, wanted: Stretch, tenant: str, corrected: Callable[[Line], Line]) -> _Looked:
    asked: dict[str, Any] = wanted.model_dump(include=set(Stretch.model_fields))
    question = question_of(Asked(**asked), store.layout, tenant=tenant)
    changes: list[Change] = []
    count = 0
    for line in heads_between(store, period_of(store, question, COUNTED)):
        count += 1
        made = corrected(line)
        if made is not line:
            changes.append(Change(line=line, corrected=made))
            if len(changes) > MOST_CHANGES:
                raise BadInput(
                    f"more than {MOST_CHANGES} lines change: ask for a shorter period at a time"
                )
    return _Looked(changes=changes, count=count)


def _amended(
    store: Store,
    found: _Looked,
    bookings: Bookings | None = None,
    *,
    cause: str,
    booked: int = 0,
    dry_run: bool = False,
) -> Amended:
    return amended(
        store,
        found.changes,
        cause=cause,
        looked_at=found.count,
        booked=booked,
        dry_run=dry_run,
        bookings=bookings,
    )
