"""The test behind `compare`: quantiles from the tables, and verdicts on simulated calls."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from otel_costattr_collector.analytics.statistics import Stratum, compare, upper_tail


@pytest.mark.parametrize(
    ("t", "degrees", "tail"),
    [
        (0.0, 5, 0.5),
        (12.706, 1, 0.025),
        (2.228, 10, 0.025),
        (1.6973, 30, 0.05),
        (2.0, 10, 0.036694),
        (-1.0, 5, 0.818391),
        (1.960, 1e7, 0.025),
    ],
)
def test_tails_are_those_of_the_tables(t: float, degrees: float, tail: float) -> None:
    """Student's t is worked out to the digits that a printed table has."""
    assert upper_tail(t, degrees) == pytest.approx(tail, abs=2e-5)


@given(t=st.floats(-50, 50), degrees=st.floats(1, 1e6))
def test_both_tails_sum_to_one(t: float, degrees: float) -> None:
    """What is not above is below."""
    assert upper_tail(t, degrees) + upper_tail(-t, degrees) == pytest.approx(1, abs=1e-9)


def _stratum(a: list[float], b: list[float]) -> Stratum:
    return Stratum(
        calls_a=len(a),
        calls_b=len(b),
        cost_a=sum(a),
        cost_b=sum(b),
        squares_a=sum(x * x for x in a),
        squares_b=sum(x * x for x in b),
    )


def _costs(mean: float, number: int, seed: int) -> list[float]:
    draw = random.Random(seed)  # noqa: S311 - a simulation
    return [mean * draw.lognormvariate(-0.125, 0.5) for _ in range(number)]


@pytest.mark.parametrize(
    ("rise", "allowed", "verdict"),
    [
        (1.30, 0.10, "regression"),
        (1.05, 0.10, "no regression"),
        (1.30, 0.40, "no regression"),
        (0.80, 0.00, "improvement"),
    ],
)
def test_a_rise_beyond_what_is_allowed_is_a_regression(
    rise: float, allowed: float, verdict: str
) -> None:
    """Two thousand skewed calls on each side tell 30 % from 10 %."""
    strata = [_stratum(_costs(0.01, 2000, 1), _costs(0.01 * rise, 2000, 2))]

    found = compare(strata, allowed=allowed)

    assert found.verdict == verdict
    assert found.change == pytest.approx(rise - 1, abs=0.06)


@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_false_alarms_are_as_rare_as_promised() -> None:
    """At the border of what is allowed, about 5 of 100 comparisons cry wolf."""
    alarms = sum(
        compare(
            [_stratum(_costs(0.01, 200, seed), _costs(0.011, 200, 10_000 + seed))], allowed=0.1
        ).verdict
        == "regression"
        for seed in range(400)
    )

    assert 5 <= alarms <= 40


def test_another_mix_of_models_is_not_a_regression() -> None:
    """B serves more of the dear model: its mean is far higher, the adjusted one is not."""
    cheap = _stratum(_costs(0.001, 900, 1), _costs(0.001, 100, 2))
    dear = _stratum(_costs(0.05, 100, 3), _costs(0.05, 900, 4))

    assert compare([cheap, dear], allowed=0.1).verdict == "no regression"
    assert compare([_pooled(cheap, dear)], allowed=0.1).verdict == "regression"


def _pooled(*strata: Stratum) -> Stratum:
    names = Stratum.__slots__
    return Stratum(**{name: sum(getattr(one, name) for one in strata) for name in names})


@pytest.mark.parametrize(
    "strata",
    [
        pytest.param([], id="nothing"),
        pytest.param([_stratum([1.0] * 20, [1.0] * 20)], id="too few calls"),
        pytest.param(
            [_stratum([1.0] * 50, []), _stratum([], [1.0] * 50), _stratum([1.0] * 40, [1.0] * 40)],
            id="most calls have no counterpart",
        ),
        pytest.param([_stratum([0.0] * 50, [0.0] * 50)], id="free calls"),
    ],
)
def test_what_cannot_be_decided_is_said_so(strata: list[Stratum]) -> None:
    """Too little evidence is neither a pass nor a regression."""
    found = compare(strata, allowed=0.1)

    assert (found.verdict, found.p_value) == ("undecided", None)


def test_calls_without_any_spread_are_decided_exactly() -> None:
    """Fifty calls that cost the same each leave nothing to chance."""
    same, dearer = [0.01] * 50, [0.0111] * 50

    assert compare([_stratum(same, dearer)], allowed=0.1).verdict == "regression"
    assert compare([_stratum(same, same)], allowed=0.0).verdict == "no regression"
