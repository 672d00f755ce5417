"""The forecast: exact where the series is, honest about its interval elsewhere."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest
from otel_costattr_collector.budgets.forecast import forecast, quantile

FIRST = date(2026, 9, 1)
LEVELS = (10.0, 12.0, 11.0, 13.0, 15.0, 4.0, 3.0)


def _cost(number: int, slope: float = 0.5) -> float:
    return LEVELS[(FIRST + timedelta(days=number)).weekday()] + slope * number


def _ahead(start: int, days: int) -> list[tuple[date, float]]:
    return [(FIRST + timedelta(days=start + n), 1.0) for n in range(days)]


@pytest.mark.parametrize("days", [14, 30, 56, 80])
def test_a_straight_trend_with_weekdays_is_told_exactly(days: int) -> None:
    """Levels by weekday plus half a dollar a day: the next ten days, with no doubt left."""
    found = forecast([_cost(n) for n in range(days)], FIRST, _ahead(days, 10))

    assert found.method == "trend and weekday"
    assert found.expected == pytest.approx(sum(_cost(days + n) for n in range(10)))
    assert [found.low, found.high] == pytest.approx([found.expected] * 2)


def test_the_rest_of_a_day_is_a_part_of_it() -> None:
    """At noon half of today is still to come."""
    history = [_cost(n) for n in range(28)]
    whole = forecast(history, FIRST, [(FIRST + timedelta(days=28), 1.0)])
    half = forecast(history, FIRST, [(FIRST + timedelta(days=28), 0.5)])

    assert half.expected == pytest.approx(whole.expected / 2)


@pytest.mark.parametrize(
    ("history", "expected", "method", "interval"),
    [
        ([], 0.0, "none", False),
        ([4.0], 12.0, "mean", False),
        ([4.0, 6.0], 15.0, "mean", False),
        ([4.0, 6.0, 5.0], 15.0, "mean", True),
        ([5.0] * 13, 15.0, "mean", True),
    ],
)
def test_little_history_is_a_mean(
    history: list[float], expected: float, method: str, interval: object
) -> None:
    """Under two weeks its mean for each of three days; under three days no interval."""
    found = forecast(history, FIRST, _ahead(len(history), 3))

    assert found.expected == pytest.approx(expected)
    assert found.method == method
    assert (found.low is not None) is interval


def test_nothing_to_come_costs_nothing() -> None:
    """At the last instant of a period the forecast is what was spent."""
    found = forecast([5.0] * 20, FIRST, [])

    assert (found.expected, found.low, found.high) == (0.0, 0.0, 0.0)


def test_spend_is_never_negative() -> None:
    """A series that falls to nothing stays there."""
    found = forecast([float(28 - n) for n in range(28)], FIRST, _ahead(30, 10))

    assert found.expected == 0.0


@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_the_interval_holds_what_it_promises() -> None:
    """Of 400 noisy series the sum of the next ten days lies within it in 80 of 100, about."""
    draw = random.Random(7)  # noqa: S311 - a known series
    inside = 0
    for _ in range(400):
        series = [_cost(n) + draw.gauss(0, 2) for n in range(45)]
        found = forecast(series[:35], FIRST, _ahead(35, 10))
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= sum(series[35:]) <= found.high

    assert 0.74 < inside / 400 < 0.86


@pytest.mark.parametrize(("degrees", "value"), [(1, 3.0777), (5, 1.4759), (30, 1.3104)])
def test_quantiles_are_those_of_the_tables(degrees: int, value: float) -> None:
    """Student's t that is exceeded in one case of ten."""
    assert quantile(0.1, degrees) == pytest.approx(value, abs=1e-4)
