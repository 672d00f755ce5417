"""What must always hold, whatever the usage."""

from __future__ import annotations

import random
from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tariff import BOOK, MODELS, NOON_NS, called, priced, tariff

from otel_costattr.model import MAX_COUNT, UNITS, LineItem, ModelCall, Price, Unit
from otel_costattr.pricing import PriceBook, price, shipped_book
from otel_costattr.pricing.exact import EXACT
from otel_costattr.pricing.records import QuickLine, QuickPrice

COUNTS = st.dictionaries(st.sampled_from(UNITS), st.integers(0, MAX_COUNT), min_size=1, max_size=8)
SMALL = st.dictionaries(
    st.sampled_from(("input", "cache_read", "output", "reasoning", "web_search")),
    st.integers(0, 400),
    min_size=1,
)
WAYS = st.sampled_from(("", "batch", "flex", "made-up"))


@given(st.sampled_from(sorted(MODELS)), COUNTS, WAYS)
def test_the_lines_sum_to_the_total_exactly(
    model: str, counts: Mapping[Unit, int], tier: str
) -> None:
    """A total is the sum of its lines to the last digit, at any size, or there is none."""
    found = priced(model, counts, service_tier=tier)

    if found.total_usd is not None:
        total = Decimal(0)
        for line in found.lines:
            total = EXACT.add(total, line.amount_usd)
        assert found.total_usd == total
        assert found.total_usd >= 0


@given(SMALL, SMALL, WAYS)
def test_splitting_a_usage_changes_nothing_below_a_tier(
    one: Mapping[Unit, int], two: Mapping[Unit, int], tier: str
) -> None:
    """Two calls that stay below the threshold cost together what one call with their sum costs."""
    both = {unit: one.get(unit, 0) + two.get(unit, 0) for unit in {*one, *two}}
    parts = [priced("full", counts, service_tier=tier).total_usd for counts in (one, two)]
    whole = priced("full", both, service_tier=tier)

    if whole.total_usd is not None and both.get("input", 0) + both.get("cache_read", 0) <= 1_000:
        assert sum((part for part in parts if part is not None), Decimal(0)) == whole.total_usd


@given(COUNTS, st.randoms(use_true_random=False))
def test_the_order_of_counts_does_not_matter(
    counts: Mapping[Unit, int], shuffler: random.Random
) -> None:
    """The same counts in another order are the same price, line by line."""
    items = list(counts.items())
    shuffler.shuffle(items)

    first, second = priced("full", counts), priced("full", dict(items))

    assert first.total_usd == second.total_usd
    assert first.bounds_usd == second.bounds_usd
    assert set(first.lines) == set(second.lines)


@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_the_order_of_calls_does_not_matter() -> None:
    """3 shuffles of 1,200 look-ups, each on a book of its own, give the same prices."""
    book = shipped_book()
    models = sorted(book.models())[::8]
    calls = [
        called(book.names(provider, model)[0], {"input": 10, "output": 5}, provider=spelled)
        for provider, model in models
        for spelled in (provider, "", "azure", "litellm")
    ]

    answers = [_shuffled(calls, seed, book.with_contract(book.contract)) for seed in (1, 2, 3)]

    assert answers[0] == answers[1] == answers[2]


def _shuffled(calls: list[ModelCall], seed: int, book: PriceBook) -> list[tuple[Price, ...]]:
    order = list(range(len(calls)))
    random.Random(seed).shuffle(order)  # noqa: S311 - a test's order, not a secret
    answers: dict[int, tuple[Price, ...]] = {}
    for at in order:
        answers[at] = price(calls[at], at_ns=NOON_NS, book=book)
    return [answers[at] for at in range(len(calls))]


def test_a_book_that_forgets_gives_the_same_answers() -> None:
    """Beyond its bound a book forgets what it looked up, and no answer changes."""
    book = tariff()
    before = priced("plain", {"input": 5}, book=book)
    for number in range(9_000):
        priced(f"model-{number}", {"input": 1}, book=book)

    assert len(book.memo) < 8_300
    assert priced("plain", {"input": 5}, book=book) == before


def test_quick_records_are_the_records() -> None:
    """Nothing can tell an item or a price of the quick twins from one that its class made."""
    entry = BOOK.entries("acme", "plain")[0]
    line: object = QuickLine("input", 3, Decimal(2), 10, Decimal("0.6"), Decimal(2))
    made: object = QuickPrice("priced", (), (), Decimal(1), Decimal(2), "acme", entry, "b", "r")

    assert type(line) is LineItem
    assert line == LineItem(
        unit="input",
        quantity=3,
        rate_usd=Decimal(2),
        per=10,
        amount_usd=Decimal("0.6"),
        list_rate_usd=Decimal(2),
    )
    assert type(made) is Price
    assert made == Price(
        status="priced",
        total_usd=Decimal(1),
        list_usd=Decimal(2),
        provider="acme",
        model="plain",
        entry="acme/plain",
        book="b",
        rule="r",
    )
