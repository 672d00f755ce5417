"""A bill against the ledger: each planted difference is found, and the causes sum to the gap."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from otel_costattr_collector.invoices.bills import BillLine
from otel_costattr_collector.invoices.comparing import Hour, compare

FIRST, LAST = date(2026, 10, 1), date(2026, 10, 31)


def billed(amount: str, *, day: int = 5, **fields: object) -> BillLine:
    """Build a line of a bill for gpt-4o-mini."""
    given = {"day": date(2026, 10, day), "model": "gpt-4o-mini", "amount_usd": amount, **fields}
    return BillLine.model_validate(given)


def hour(usd: str, *, day: int = 5, at: int = 12, **fields: object) -> Hour:
    """Build an hour of the ledger for gpt-4o-mini."""
    base: dict[str, object] = {
        "hour": datetime(2026, 10, day, at),  # noqa: DTZ001 - the ledger's hours are UTC
        "model": "gpt-4o-mini",
        "project": "",
        "tier": "",
        "usd": Decimal(usd),
        "list_usd": Decimal(usd),
        "tokens": 1000,
    }
    return Hour(**(base | fields))  # type: ignore[arg-type]


CASES = {
    "equal": ([billed("5.00")], [hour("5")], {}),
    "rounding: one line of 0.01, so at most 0.005": (
        [billed("5.00")],
        [hour("4.996")],
        {"rounding": "0.004"},
    ),
    "a cent is more than that": ([billed("5.00")], [hour("4.99")], {"unexplained": "0.01"}),
    "tax and credit": (
        [billed("5.00"), billed("0.95", kind="tax"), billed("-1.00", kind="discount")],
        [hour("5")],
        {"tax": "0.95", "discount": "-1"},
    ),
    "nobody traced it": ([billed("5.00")], [], {"untraced": "5"}),
    "part of the tokens were traced: a fifth of 5 USD is missing": (
        [billed("5.00", tokens=1000)],
        [hour("4", tokens=800)],
        {"untraced": "1"},
    ),
    "a fifth is missing, and what remains is less than half a cent": (
        [billed("5.00", tokens=1000)],
        [hour("3.996", tokens=800)],
        {"untraced": "1", "rounding": "0.004"},
    ),
    "calls without a price": (
        [billed("5.00")],
        [hour("3"), hour("0", unpriced=2)],
        {"unpriced": "2"},
    ),
    "calls without a price, at most 1.50": (
        [billed("5.00")],
        [hour("3"), hour("0", unpriced=2, most_usd=Decimal("1.5"))],
        {"unpriced": "1.5", "unexplained": "0.5"},
    ),
    "the batch tier costs half": (
        [billed("2.50", tier="batch")],
        [hour("5", tier="")],
        {"tier": "-2.5"},
    ),
    "the bill is at list, the ledger at contract": (
        [billed("5.00")],
        [hour("4", list_usd=Decimal(5))],
        {"discount": "1"},
    ),
    "a ledger that says more": ([billed("5.00")], [hour("6")], {"unexplained": "-1"}),
    "what is not billed": (
        [billed("5.00", day=6)],
        [hour("5", day=6), hour("2")],
        {"unexplained": "-2"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_difference_is_named(case: str) -> None:
    """The cause has the USD that the arithmetic gives."""
    bill, ledger, causes = CASES[case]
    found = compare(bill, ledger, first=FIRST, last=LAST)

    assert {cause: usd for cause, usd in found.causes.items() if usd} == {
        cause: Decimal(usd) for cause, usd in causes.items()
    }


def test_days_of_another_time_zone_are_recognised() -> None:
    """The provider's day ends at 07:00 UTC: what was called at 03:00 UTC is billed the day before."""
    ledger = [hour("1", day=day, at=at) for day in (5, 6, 7) for at in (3, 12)]
    bill = [
        billed("1.00", day=4),
        *(billed("2.00", day=day) for day in (5, 6)),
        billed("1.00", day=7),
    ]
    found = compare(bill, ledger, first=FIRST, last=LAST)

    # Every offset of 4 to 12 hours puts 03:00 on the day before and leaves 12:00; the least wins.
    assert found.offset_hours == 4
    assert {cell.key.day.day: dict(cell.causes) for cell in found.cells if cell.causes} == {
        4: {"time_zone": Decimal(1)},
        7: {"time_zone": Decimal(-1)},
    }


def test_projects_count_if_the_bill_names_one() -> None:
    """Names of projects are mapped; without any on the bill the ledger's are summed."""
    ledger = [hour("2", project="search"), hour("3", project="chat")]
    named = [billed("2.00", project="proj_1"), billed("3.00", project="chat")]

    with_names = compare(named, ledger, first=FIRST, last=LAST, projects={"proj_1": "search"})
    without = compare([billed("5.00")], ledger, first=FIRST, last=LAST)

    assert [cell.causes for cell in with_names.cells] == [{}, {}]
    assert [cell.causes for cell in without.cells] == [{}]


AMOUNTS = st.decimals(-1000, 1000, places=4)
BILL = st.lists(
    st.builds(
        billed,
        AMOUNTS.map(str),
        day=st.integers(1, 4),
        kind=st.sampled_from(["usage", "usage", "tax", "discount"]),
        tier=st.sampled_from(["", "batch"]),
        model=st.sampled_from(["a", "b"]),
        project=st.sampled_from(["", "p"]),
        tokens=st.none() | st.integers(0, 5000),
    ),
    max_size=8,
)
LEDGER = st.lists(
    st.builds(
        hour,
        AMOUNTS.map(str),
        day=st.integers(1, 4),
        at=st.integers(0, 23),
        model=st.sampled_from(["a", "b"]),
        project=st.sampled_from(["", "p"]),
        tier=st.sampled_from(["", "batch"]),
        list_usd=AMOUNTS,
        tokens=st.integers(0, 5000),
        unpriced=st.integers(0, 2),
        most_usd=st.none() | st.decimals(0, 100, places=4),
    ),
    max_size=8,
)


@pytest.mark.no_cover  # the same lines as other tests, many times over
@given(BILL, LEDGER)
def test_causes_always_sum_to_the_gap(bill: list[BillLine], ledger: list[Hour]) -> None:
    """In each cell and over the whole bill, to the last place."""
    found = compare(bill, ledger, first=date(2026, 10, 1), last=date(2026, 10, 4))

    for cell in found.cells:
        assert sum(cell.causes.values(), Decimal(0)) == cell.gap_usd
    gap = sum((line.amount_usd for line in bill), Decimal(0)) - sum(
        (one.usd for one in ledger), Decimal(0)
    )
    assert sum(found.causes.values(), Decimal(0)) == gap
    assert timedelta(hours=abs(found.offset_hours)) <= timedelta(hours=14)
