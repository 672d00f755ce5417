"""Whatever is learned after a closing, the month adds up as it did, and the whole as without it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from closing.books import DAY_NS, IN_OCTOBER, OCTOBER, Books, call
from conftest import emptied
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otel_costattr_collector.allocation.rules import read_rules
from otel_costattr_collector.allocation.runs import Allocator
from otel_costattr_collector.allocation.sources import Period
from otel_costattr_collector.amendments.reattribute import Owners, reattribute
from otel_costattr_collector.amendments.reprice import Overlay, Repricing, reprice
from otel_costattr_collector.invoices.bills import Bill, BillBook, BillLine
from otel_costattr_collector.invoices.reconciling import Order, Reconciler
from otel_costattr_collector.ledger import Cost, CostLine, line_of_cost
from otel_costattr_collector.months import month_of
from otel_costattr_collector.store import Store

from otel_costattr.model import Owner, Span
from otel_costattr.pricing import shipped_book

MONTH = month_of("2024-10", "UTC")
OCTOBER_OF = Period(first=MONTH.first, last=MONTH.last, zone="UTC")
RULES = read_rules(
    '[[rule]]\nname = "halves"\nwhere = ["provider=openai"]\ntarget = "tenant"\n'
    "weights = { left = 1, right = 2 }\n"
)


@dataclasses.dataclass(frozen=True)
class Step:
    """One thing that happens after the closing."""

    what: str
    number: int

    def __call__(self, books: Books) -> None:
        """Do it."""
        STEPS[self.what](books, self.number)


def late_call(books: Books, number: int) -> None:
    """Tell of a call of October that nobody knew."""
    books.take([call(1000 + number, at_ns=OCTOBER + number * DAY_NS, tenant="late")])


def late_copy(books: Books, number: int) -> None:
    """Tell more of a call that was counted, or of one that was not."""
    books.take([call(number, at_ns=_start(number), copy=True)])


def new_prices(books: Books, number: int) -> None:
    """Take some percent off October."""
    overlay = Overlay(text=f'[[discount]]\nprovider = "openai"\npercent = {number % 3 + 1}\n')
    stretch: dict[str, Any] = {"start_date": "2024-10-01", "end_date": "2024-10-31"}
    reprice(books.store, books.bookings, Repricing(**stretch, overlays=[overlay]))


def new_owners(books: Books, number: int) -> None:
    """Learn whose sessions they are."""
    text = f"match,set\nsession=s-{number % 3},tenant=t-{number}\n"
    reattribute(books.store, books.bookings, Owners(csv=text))


def allocation(books: Books, number: int) -> None:
    """Run an allocation of October, or take it back."""
    allocator = Allocator(books.store, books.bookings)
    live = [one.run_id for one in allocator.runs() if one.live]
    if number % 2 and live:
        allocator.reverse(live[0])
    else:
        allocator.post(RULES, OCTOBER_OF, {})


def late_cost(books: Books, number: int) -> None:
    """Book a cost of October."""
    line = line_of_cost(
        CostLine(
            entry="cost",
            identity=("gpu", str(number)),
            event_ns=OCTOBER + number * DAY_NS,
            amount_usd=Decimal(number),
            owner=Owner(values={"team": "search"}),
            cost=Cost(type="compute"),
        )
    )
    books.bookings.book(lambda: [line])


def true_up(books: Books, number: int) -> None:
    """Hold a bill of October against the ledger, and book the gap."""
    lines = [BillLine(day=MONTH.first, model="gpt-4o-mini", amount_usd=Decimal(number))]
    BillBook(books.store).take(Bill(id=f"bill-{number}", provider="openai", lines=lines))
    order = Order(bill=f"bill-{number}", first=MONTH.first, last=MONTH.last, models={}, projects={})
    Reconciler(books.store, books.bookings, shipped_book()).post(order)


STEPS: Mapping[str, Callable[[Books, int], None]] = {
    made.__name__: made
    for made in (late_call, late_copy, new_prices, new_owners, allocation, late_cost, true_up)
}


def _start(number: int) -> int:
    """Spread calls over the days before, in and after October."""
    return OCTOBER + (number * 5 - 10) * DAY_NS


CALLS = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(["", "acme", "globex"]), st.integers(0, 2)),
    min_size=1,
    max_size=6,
    unique_by=lambda one: one[0],
)
AFTERWARDS = st.lists(
    st.builds(Step, st.sampled_from(sorted(STEPS)), st.integers(1, 9)), min_size=2, max_size=5
)


def sums_after(
    store: Store, spans: Sequence[Span], steps: Sequence[Step], *, closed: bool
) -> tuple[Any, Any]:
    """Return the whole without allocations, and the total; October is checked on the way."""
    emptied(store)
    books = Books(store)
    books.take(spans)
    if closed:
        books.close()
    before = books.sums(IN_OCTOBER)
    for step in steps:
        step(books)
        if closed:
            assert books.sums(IN_OCTOBER) == before, step
    if closed:
        rollup = store.query(
            "SELECT sum(lines), sum(amount_usd) FROM spend_by_tenant_day"
            " WHERE toYYYYMM(day) = 202410"
        ).rows[0]
        (record,) = books.closer.trail()
        assert rollup == (record.lines, record.amount_usd)
    return books.sums("entry != 'allocation'"), books.total()


@pytest.mark.slow
@pytest.mark.timeout(120)
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=CALLS, steps=AFTERWARDS)
@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_the_closed_month_stays_and_the_whole_is_as_if_it_were_open(
    store: Store, calls: Sequence[tuple[int, str, int]], steps: Sequence[Step]
) -> None:
    """By every dimension at once: the month after each step, the whole after all of them.

    What an allocation moves depends on what stands in the month, so allocations count in the
    total only, where they sum to zero.
    """
    spans = [
        call(number, at_ns=_start(number), tenant=tenant, session=f"s-{session}")
        for number, tenant, session in calls
    ]

    assert sums_after(store, spans, steps, closed=True) == sums_after(
        store, spans, steps, closed=False
    )
