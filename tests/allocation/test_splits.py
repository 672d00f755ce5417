"""One call of several owners in the ledger: counted once, shared exactly, amended with its line."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from allocation.places import by
from assessed import assessed, duplicate, priced
from hypothesis import given
from hypothesis import strategies as st
from otel_costattr_collector.allocation.splits import with_splits
from otel_costattr_collector.bookings import Bookings
from otel_costattr_collector.ledger import (
    Line,
    amendment_of,
    as_mapping,
    lines_of,
    reversal_of,
)
from otel_costattr_collector.store import Store

from otel_costattr.model import Assessment, Owner

CALL = Decimal("0.00027")


def split_call(number: int = 1, *, tokens: int = 1000, **splits: str) -> Assessment:
    """Assess a call of acme's chat that is split; `tokens` input and 200 output tokens."""
    made = assessed(
        number,
        counts={"input": tokens, "output": 200},
        price=priced({"input": tokens, "output": 200}),
    )
    tags = {f"split.{name}": text for name, text in splits.items()}
    return replace(made, owner=Owner(values={"tenant": "acme", "feature": "chat"}, tags=tags))


def _line(assessment: Assessment) -> Line:
    return lines_of(assessment)[0]


def test_shares_are_moved_and_the_call_counts_once(store: Store) -> None:
    """0.00027 USD by chat 3, search 1: 0.0002025 and 0.0000675; one call, of chat."""
    booked = Bookings(store).book(lambda: [_line(split_call(feature="chat=3&search=1"))])

    assert booked.lines == 3
    assert by(store, "feature") == {"chat": Decimal("0.0002025"), "search": Decimal("0.0000675")}
    assert by(store, "feature", "entry != 'allocation'") == {"chat": CALL}
    assert store.query("SELECT sum(calls), sum(amount_usd) FROM ledger").rows == ((1, CALL),)


def test_two_dimensions_split_the_same_call(store: Store) -> None:
    """Halves by feature, thirds by team: each combination has its product."""
    call = split_call(feature="chat=1&search=1", team="a=1&b=2")
    Bookings(store).book(lambda: [_line(call)])

    assert by(store, "feature") == {"chat": CALL / 2, "search": CALL / 2}
    assert by(store, "team") == {"": Decimal(0), "a": CALL / 3, "b": CALL * 2 / 3}
    assert by(store, "concat(feature, team)", "team != ''") == {
        "chata": CALL / 6,
        "chatb": CALL / 3,
        "searcha": CALL / 6,
        "searchb": CALL / 3,
    }


def test_an_amendment_takes_its_split_along(store: Store) -> None:
    """The call turns out to have 3,000 tokens: the shares are those of 0.00057 USD."""
    first = _line(split_call(feature="chat=3&search=1"))
    corrected = _line(split_call(tokens=3000, feature="chat=3&search=1"))
    bookings = Bookings(store)
    bookings.book(lambda: [first])
    bookings.book(lambda: amendment_of(first, corrected, cause="reprice:b2"))

    # 3,000 x 0.15 + 200 x 0.60 USD per million = 0.00057 USD
    assert by(store, "feature") == {
        "chat": Decimal("0.0004275"),
        "search": Decimal("0.0001425"),
    }


@given(
    st.dictionaries(st.sampled_from("abcde"), st.integers(1, 10**6), min_size=1),
    st.integers(0, 10**6),
)
def test_taking_a_line_back_takes_its_split_back(weights: dict[str, int], tokens: int) -> None:
    """Line and reversal, each with its shares, leave nothing anywhere."""
    text = "&".join(f"{name}={weight}" for name, weight in weights.items())
    line = _line(split_call(tokens=tokens, feature=text))
    lines = with_splits([line, reversal_of(line, cause="late")])

    left: dict[object, Decimal] = {}
    for one in map(as_mapping, lines):
        amount = one["amount_usd"]
        assert isinstance(amount, Decimal)
        left[one["feature"]] = left.get(one["feature"], Decimal(0)) + amount
    assert set(left.values()) <= {Decimal(0)}


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([_line(split_call())], id="no split"),
        pytest.param([_line(split_call(feature="chat"))], id="a text that is none"),
        pytest.param([_line(split_call(colour="a=1&b=1"))], id="no dimension"),
        pytest.param([_line(split_call(feature="chat=4"))], id="all its own"),
        pytest.param(list(lines_of(duplicate(2, of=split_call()))), id="a copy"),
    ],
)
def test_what_is_not_split_stays_as_it_is(lines: list[Line]) -> None:
    """No line is added."""
    assert with_splits(lines) is lines
