"""Runs of lines that are no telemetry: whole or not at all, and never twice."""

from __future__ import annotations

from decimal import Decimal

import pytest
from otel_costattr_collector import bookings, ledger
from otel_costattr_collector.bookings import Booked, Bookings
from otel_costattr_collector.ledger import Cost, CostLine, Line
from otel_costattr_collector.store import Store

from otel_costattr.errors import BadInput
from otel_costattr.model import Owner
from otel_costattr.testing import START_NS


def gpu(identity: str, amount_usd: str = "12.5") -> Line:
    """Make the line of a shared machine."""
    return ledger.line_of_cost(
        CostLine(
            entry="cost",
            identity=(identity,),
            event_ns=START_NS,
            amount_usd=Decimal(amount_usd),
            owner=Owner(values={"team": "search"}),
            cost=Cost(type="compute", source="gpu", pool="gpu", quantity=Decimal(3)),
        )
    )


def rows_of(store: Store, select: str) -> list[tuple[object, ...]]:
    """Ask the ledger."""
    return list(store.query(f"{select} FROM ledger").rows)


def test_a_cost_stands_beside_calls_in_ledger_and_rollups(store: Store) -> None:
    """A cost is in every sum, with its own entry, and is no call."""
    assert Bookings(store).book(lambda: [gpu("a")]) == Booked(lines=1, known=0)

    for table in ("ledger", "spend_by_tenant_day", "spend_by_feature_15m"):
        rows = store.query(
            f"SELECT entry, status, sum(lines), sum(calls), sum(amount_usd) FROM {table}"
            " GROUP BY entry, status"
        ).rows
        assert list(rows) == [("cost", "priced", 1, 0, Decimal("12.5"))], table
    assert rows_of(
        store, "SELECT cost_type, cost_source, cost_pool, cost_quantity, other_usd, list_usd"
    ) == [("compute", "gpu", "gpu", Decimal(3), Decimal("12.5"), Decimal("12.5"))]


def test_what_is_booked_again_changes_nothing(store: Store) -> None:
    """A line is known by its id, in the ledger and inside one run."""
    books = Bookings(store)
    books.book(lambda: [gpu("a"), gpu("b"), gpu("a")])

    assert books.book(lambda: [gpu("a"), gpu("b"), gpu("c")]) == Booked(lines=1, known=2)

    assert rows_of(store, "SELECT sum(lines), sum(amount_usd)") == [(3, Decimal("37.5"))]


def test_a_run_that_is_too_large_books_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal says what to do."""
    monkeypatch.setattr(bookings, "MAX_LINES", 2)
    with pytest.raises(BadInput, match="shorter period"):
        Bookings(store).book(lambda: [gpu("a"), gpu("b"), gpu("c")])
    assert rows_of(store, "SELECT count()") == [(0,)]


def test_a_reversal_of_a_cost_takes_all_of_it_back(store: Store) -> None:
    """Amount and quantity of the metric are signed; the dimensions stay."""
    line = gpu("a")
    Bookings(store).book(lambda: [line, ledger.reversal_of(line, cause="test")])
    assert rows_of(store, "SELECT any(team), sum(lines), sum(amount_usd), sum(cost_quantity)") == [
        ("search", 0, Decimal(0), Decimal(0))
    ]


@pytest.mark.parametrize("amount", ["1e12", "-1e12", "NaN"])
def test_an_amount_out_of_bounds_is_refused(amount: str) -> None:
    """Sums stay below what `Decimal(38, 12)` holds."""
    with pytest.raises(BadInput, match="an amount is a number below"):
        gpu("a", amount)
