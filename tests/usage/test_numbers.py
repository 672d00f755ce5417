"""Numbers in every spelling that telemetry uses."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_costattr.model import MAX_COUNT
from otel_costattr.usage.numbers import BAD, count, usd


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(1000, 1000, id="int"),
        pytest.param(1000.0, 1000, id="double"),
        pytest.param("1000", 1000, id="string"),
        pytest.param("1000.0", 1000, id="double-string"),
        pytest.param(" 1000 ", 1000, id="spaces"),
        pytest.param("1e3", 1000, id="exponent"),
        pytest.param(0, 0, id="zero"),
        pytest.param(MAX_COUNT, MAX_COUNT, id="largest"),
    ],
)
def test_a_count_is_read_however_it_is_spelled(value: object, expected: int) -> None:
    """Int, double and string say the same number."""
    assert expected == count(value)


@pytest.mark.parametrize("value", [None, "", "  ", "None", "null"], ids=repr)
def test_nothing_said_is_no_count(value: object) -> None:
    """An absent value is unknown, not zero."""
    assert count(value) is None


@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        -1,
        -0.5,
        "-3",
        1.5,
        "1.5",
        float("nan"),
        "nan",
        float("inf"),
        "inf",
        MAX_COUNT + 1,
        1e13,
        "9" * 39,
        "1" * 41,
        "many",
        "12 tokens",
        b"1000",
        (1000,),
        {"tokens": 1000},
        "\N{ARABIC-INDIC DIGIT ONE}",
    ],
    ids=repr,
)
def test_what_cannot_be_a_count_is_bad(value: object) -> None:
    """A bool, a fraction, NaN, a negative or an absurd number is refused, never clamped."""
    assert count(value) == BAD


@given(st.one_of(st.integers(), st.floats(), st.text(), st.binary(), st.none(), st.booleans()))
def test_a_count_is_nothing_bad_or_in_range(value: object) -> None:
    """Whatever comes in, the answer is None, BAD or a whole number from 0 to MAX_COUNT."""
    answer = count(value)

    assert answer is None or answer == BAD or 0 <= answer <= MAX_COUNT


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.025745, Decimal("0.025745")),
        ("0.1", Decimal("0.1")),
        (0, Decimal(0)),
        (True, None),
        (-1, None),
        ("free", None),
        (float("nan"), None),
        (1e300, None),
        ("1" * 50, None),
        (None, None),
    ],
    ids=repr,
)
def test_a_reported_cost_is_exact_or_absent(value: object, expected: Decimal | None) -> None:
    """A double enters by its shortest spelling; what is no amount is absent."""
    assert expected == usd(value)
