"""Is a call of B dearer than one of A? A Welch test over strata, so that the mix cancels out.

Per stratum (model and operation, unless asked otherwise) the mean cost of a call is compared; the
strata are weighted by their share of all calls of both groups, so a group that happens to serve
more of a dear model is not blamed for it. Welch's test needs no equal variances and only counts,
sums and sums of squares, which the engine works out in one pass over any number of calls; with the
required number of calls the mean of even a skewed cost is close to normal. The numbers here are
floating point, because they are estimates; no amount is made of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["regression", "improvement", "no regression", "undecided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """Calls of both groups that may be compared with each other.

    Attributes:
        calls_a: Calls of A with a price.
        calls_b: Calls of B with a price.
        cost_a: Their cost, USD.
        cost_b: Their cost, USD.
        squares_a: Their sum of squares, USD^2.
        squares_b: Their sum of squares, USD^2.
    """

    calls_a: int
    calls_b: int
    cost_a: float
    cost_b: float
    squares_a: float
    squares_b: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The outcome of the test.

    Attributes:
        verdict: `regression` if B is dearer than allowed beyond chance; `improvement` if it is
            cheaper than A beyond chance; `undecided` with too few calls.
        change: Mix-adjusted cost of a call of B against A, 0.1 for 10 % more; None if unknown.
        low: Lower end of its 90 % interval.
        high: Upper end of it.
        p_value: Chance of a result like this if B were dearer by exactly what is allowed.
        degrees: Degrees of freedom.
        comparable: Share of the calls that lie in strata with enough calls of both groups.
    """

    verdict: Verdict
    change: float | None
    low: float | None
    high: float | None
    p_value: float | None
    degrees: float | None
    comparable: float


def compare(
    strata: Sequence[Stratum], *, allowed: float, alpha: float = 0.05, least_calls: int = 30
) -> Comparison:
    """Test whether a call of B costs more than one of A by more than is allowed.

    Args:
        strata: Calls that may be compared with each other.
        allowed: How much dearer B may be, 0.1 for 10 %.
        alpha: Chance of a false alarm that is accepted.
        least_calls: Calls with a price that a group must have in total.
    """
    both = [one for one in strata if one.calls_a > 1 and one.calls_b > 1]
    everything = sum(one.calls_a + one.calls_b for one in strata)
    used = sum(one.calls_a + one.calls_b for one in both)
    comparable = used / everything if everything else 0.0
    enough = all(sum(getattr(one, f"calls_{arm}") for one in both) >= least_calls for arm in "ab")
    if not enough or comparable < 0.5:
        return _undecided(comparable)
    mean_a, mean_b, var_a, var_b, degrees = _moments(both, allowed)
    if mean_a <= 0:
        return _undecided(comparable)
    error = math.sqrt(var_b + (1 + allowed) ** 2 * var_a)
    p_value = _chance(mean_b - (1 + allowed) * mean_a, error, degrees)
    cheaper = _chance(mean_a - mean_b, math.sqrt(var_b + var_a), degrees)
    change = mean_b / mean_a - 1
    half = 1.645 * math.sqrt(var_b / mean_a**2 + (mean_b / mean_a**2) ** 2 * var_a)
    dearer = p_value < alpha
    return Comparison(
        verdict="regression" if dearer else "improvement" if cheaper < alpha else "no regression",
        change=change,
        low=change - half,
        high=change + half,
        p_value=p_value,
        degrees=degrees,
        comparable=comparable,
    )


def _undecided(comparable: float) -> Comparison:
    return Comparison(
        verdict="undecided",
        change=None,
        low=None,
        high=None,
        p_value=None,
        degrees=None,
        comparable=comparable,
    )


def _moments(strata: Sequence[Stratum], allowed: float) -> tuple[float, float, float, float, float]:
    calls = sum(one.calls_a + one.calls_b for one in strata)
    mean_a = mean_b = var_a = var_b = spread = 0.0
    for one in strata:
        weight = (one.calls_a + one.calls_b) / calls
        own_a, error_a = _mean(one.calls_a, one.cost_a, one.squares_a)
        own_b, error_b = _mean(one.calls_b, one.cost_b, one.squares_b)
        mean_a, mean_b = mean_a + weight * own_a, mean_b + weight * own_b
        var_a, var_b = var_a + weight**2 * error_a, var_b + weight**2 * error_b
        scaled_a, scaled_b = weight**2 * (1 + allowed) ** 2 * error_a, weight**2 * error_b
        spread += scaled_a**2 / (one.calls_a - 1) + scaled_b**2 / (one.calls_b - 1)
    whole = var_b + (1 + allowed) ** 2 * var_a
    degrees = whole**2 / spread if spread > 0 else float(calls - 2)
    return mean_a, mean_b, var_a, var_b, degrees


def _mean(calls: int, cost: float, squares: float) -> tuple[float, float]:
    mean = cost / calls
    variance = max(squares - calls * mean**2, 0.0) / (calls - 1)
    if variance < 1e-12 * mean**2:
        variance = 0.0
    return mean, variance / calls


def _chance(difference: float, error: float, degrees: float) -> float:
    if error == 0:
        return 0.0 if difference > 0 else 1.0
    return upper_tail(difference / error, degrees)


def upper_tail(t: float, degrees: float) -> float:
    """Chance that Student's t with these degrees of freedom exceeds `t`."""
    tail = 0.5 * _beta(degrees / (degrees + t * t), degrees / 2, 0.5)
    return tail if t >= 0 else 1 - tail


def _beta(x: float, a: float, b: float) -> float:
    """Work out the regularised incomplete beta function by its continued fraction."""
    if x <= 0 or x >= 1:
        return min(max(x, 0.0), 1.0)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(1 - x, b, a)
    log = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log + a * math.log(x) + b * math.log1p(-x)) / a
    return front * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1 / max(1 - (a + b) * x / (a + 1), tiny)
    value = d
    for m in range(1, 500):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / (1 + numerator * d or tiny)
            c = 1 + numerator / c or tiny
            value *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return value
