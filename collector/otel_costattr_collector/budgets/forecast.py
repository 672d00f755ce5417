"""Where spend is heading: a straight trend and a level for each weekday, with an interval.

By least squares, cost = level of the weekday + slope * day, over up to eight weeks of whole days.
It needs two weeks; with less the mean of the days there are stands for each day to come, and with
fewer than three no interval is told. The interval is the usual one for the sum of new days: it
holds the scatter of the days and how little is known of trend and levels, by Student's t. These
are estimates in floating point; nothing is booked from them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from otel_costattr_collector.analytics.statistics import upper_tail

HISTORY_DAYS: Final = 56
LEAST_DAYS: Final = 14
_LEAST_SPREAD: Final = 3
_TAIL: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What the days to come may cost.

    Attributes:
        expected: USD.
        low: USD: it is less in one case of ten; None if nobody can say.
        high: USD: it is more in one case of ten; None likewise.
        method: `trend and weekday`, `mean`, or `none` without a single whole day.
    """

    expected: float
    low: float | None
    high: float | None
    method: str


def forecast(
    history: Sequence[float], first: date, ahead: Sequence[tuple[date, float]]
) -> Forecast:
    """Tell what some days may cost, together.

    Args:
        history: Cost of whole days, USD, one after the other.
        first: The first of them.
        ahead: The days to come, each with the part of it that is still to come, up to 1.
    """
    start = max(len(history) - HISTORY_DAYS, 0)
    costs, begin = list(history[start:]), first + timedelta(days=start)
    if not costs or not ahead:
        none = 0.0 if not ahead else None
        method = "none" if not costs else "mean"
        return Forecast(expected=0.0, low=none, high=none, method=method)
    design = [_row(begin + timedelta(days=n), n) for n in range(len(costs))]
    future = [[part * value for value in _row(day, (day - begin).days)] for day, part in ahead]
    if len(costs) < LEAST_DAYS:
        design, future = [[1.0]] * len(costs), [[part] for _, part in ahead]
    return _told(design, costs, future, "mean" if len(costs) < LEAST_DAYS else "trend and weekday")


def _row(day: date, number: int) -> list[float]:
    return [*(float(day.weekday() == weekday) for weekday in range(7)), float(number)]


def _told(
    design: Sequence[Sequence[float]],
    costs: Sequence[float],
    future: Sequence[Sequence[float]],
    method: str,
) -> Forecast:
    width = len(design[0])
    squares = [[sum(row[i] * row[j] for row in design) for j in range(width)] for i in range(width)]
    products = [
        sum(row[i] * cost for row, cost in zip(design, costs, strict=True)) for i in range(width)
    ]
    fitted = _solved(squares, products)
    together = [sum(row[i] for row in future) for i in range(width)]
    expected = max(_dot(together, fitted), 0.0)
    freedom = len(costs) - width
    if len(costs) < _LEAST_SPREAD:
        return Forecast(expected=expected, low=None, high=None, method=method)
    errors = (cost - _dot(row, fitted) for row, cost in zip(design, costs, strict=True))
    variance = sum(error * error for error in errors) / freedom
    parts = sum(max(row) ** 2 if width == 1 else sum(row[:7]) ** 2 for row in future)
    unknown = _dot(together, _solved(squares, together))
    half = quantile(_TAIL, freedom) * math.sqrt(variance * (parts + unknown))
    return Forecast(
        expected=expected, low=max(expected - half, 0.0), high=expected + half, method=method
    )


def _dot(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


def _solved(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """Solve a system by elimination with pivots; two weeks of days make it regular."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for place in range(len(rows)):
        pivot = max(range(place, len(rows)), key=lambda n: abs(rows[n][place]))
        rows[place], rows[pivot] = rows[pivot], rows[place]
        for n, row in enumerate(rows):
            if n != place:
                factor = row[place] / rows[place][place]
                rows[n] = [a - factor * b for a, b in zip(row, rows[place], strict=True)]
    return [row[-1] / row[place] for place, row in enumerate(rows)]


def quantile(tail: float, degrees: float) -> float:
    """Return what Student's t exceeds with this chance.

    Args:
        tail: The chance, below one half.
        degrees: Degrees of freedom.
    """
    low, high = 0.0, 1.0
    while upper_tail(high, degrees) > tail:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if upper_tail(middle, degrees) > tail else (low, middle)
    return high
