"""Dividing an amount: exact to the last 1e-12 USD, fair and deterministic."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from otel_costattr_collector.allocation.shares import divide

PICO = Decimal("1E-12")
AMOUNTS = st.decimals(-(10**11), 10**11, places=12)
WEIGHTS = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3),
    st.decimals(0, 10**9, places=6),
    min_size=1,
    max_size=12,
)


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        pytest.param("12", {"a": 3, "b": 1}, {"a": "9", "b": "3"}, id="in proportion"),
        pytest.param(
            "1",
            {"a": 1, "b": 1, "c": 1},
            {"a": "0.333333333334", "b": "0.333333333333", "c": "0.333333333333"},
            id="what is left goes to the first by name of equals",
        ),
        pytest.param(
            "0.000000000003",
            {"a": 1, "b": 5},
            {"a": "0.000000000001", "b": "0.000000000002"},
            id="0.5 and 2.5 units: the tie goes to the first by name",
        ),
        pytest.param("-12", {"a": 3, "b": 1}, {"a": "-9", "b": "-3"}, id="negative"),
        pytest.param("12", {"a": 3, "b": 0, "c": -1}, {"a": "12"}, id="nothing for no weight"),
        pytest.param("0.000000000001", {"a": 1, "b": 1}, {"a": "0.000000000001"}, id="one unit"),
        pytest.param("12", {}, {}, id="nobody"),
        pytest.param("0", {"a": 1}, {}, id="nothing"),
    ],
)
def test_amounts_are_divided(amount: str, weights: dict[str, int], parts: dict[str, str]) -> None:
    """Each part is its share, to the unit."""
    divided = divide(Decimal(amount), {name: Decimal(w) for name, w in weights.items()})

    assert divided == {name: Decimal(part) for name, part in parts.items()}


@given(AMOUNTS, WEIGHTS)
def test_parts_sum_to_the_amount_and_none_is_a_unit_off(
    amount: Decimal, weights: dict[str, Decimal]
) -> None:
    """The sum is exact, and each part is less than 1e-12 USD from its exact share."""
    parts = divide(amount, weights)
    whole = sum(map(Fraction, weights.values()))

    assert sum(map(Fraction, parts.values())) == (Fraction(amount) if whole else 0)
    for name, weight in weights.items():
        if whole:
            share = Fraction(amount) * Fraction(weight) / whole
            assert abs(Fraction(parts.get(name, Decimal(0))) - share) < Fraction(PICO)


@given(AMOUNTS, WEIGHTS)
def test_taking_back_gives_the_same_parts_negated(
    amount: Decimal, weights: dict[str, Decimal]
) -> None:
    """Order of weights and sign of the amount change nothing else."""
    backwards = dict(reversed(weights.items()))

    assert divide(-amount, backwards) == {
        name: -part for name, part in divide(amount, weights).items()
    }
