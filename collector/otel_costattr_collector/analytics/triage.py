"""Spike triage: which owners drove the spend of a window up, and why, in the order an on-call asks.

The walk: window and difference; the value that explains most of the difference beyond its usual
share; inside it the next one; then tokens per call, retries and prices inside what was found. What
one driver explains is left out before the next one is looked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final, Literal

from otel_costattr_collector import queries, spend
from otel_costattr_collector.analytics.periods import Period, Periods, any_of, compare, movers
from otel_costattr_collector.analytics.windows import Windows
from otel_costattr_collector.spend import Edge, Question
from otel_costattr_collector.store import Store

Hypothesis = Literal[
    "volume", "efficiency", "routing", "retries", "abuse", "price", "other", "none"
]
Values = Mapping[str, str]
Row = Mapping[str, Any]

DRILLED: Final = ("feature", "tenant", "user", "prompt_version", "model")
"""Where a driver is looked for, in the order of the investigation."""

SHOWN: Final = (*DRILLED, "service_name", "error_type")
_LEAST_EXPLAINED: Final = Decimal("0.5")
_LEAST_LIFT: Final = Decimal("0.25")
_TIE: Final = Decimal("0.05")
_LEAST_LEFT: Final = Decimal("0.1")
_MOST_DRIVERS: Final = 5
_ZERO: Final = Decimal(0)
_EFFECTS: Final[Mapping[str, Hypothesis]] = {
    "volume": "volume",
    "mix": "routing",
    "tokens_per_call": "efficiency",
    "price": "price",
    "other": "other",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """One cause of the difference.

    Attributes:
        values: Dimensions and values that single it out; empty if the rise is everywhere.
        hypothesis: What kind of cause it is.
        delta_usd: What it adds to the window, USD.
        explained: Share of the whole difference, 0 to 1.
        split: Volume, mix, tokens per call, price and other, USD.
        change: The comparison that the split is from: before and after.
        split_of: What was compared: without what did not exist before.
        retries_before: Tries, requests and retry cost in the windows before.
        retries_after: Tries, requests and retry cost in the window.
    """

    values: Values
    hypothesis: Hypothesis
    delta_usd: Decimal
    explained: Decimal
    split: Mapping[str, Decimal]
    change: Row
    split_of: Values
    retries_before: Row
    retries_after: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """What triage found.

    Attributes:
        windows: What was compared.
        total: The comparison of everything.
        movers: Dimension to the values that moved most, with their sums.
        drivers: The causes, the largest first.
        left_usd: Of the difference, what no driver explains.
    """

    windows: Windows
    total: Row
    movers: Mapping[str, Sequence[Row]]
    drivers: tuple[Driver, ...]
    left_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Part of the spend that is looked into.

    Attributes:
        values: What is inside.
        without: What is left out.
    """

    values: Values = field(default_factory=dict)
    without: tuple[Values, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """How the part of the spend that is looked into is usually divided.

    Attributes:
        cost_usd: All of it in the windows before, USD.
        values: What is inside; without what did not exist before.
        movers: Dimension to the values that moved most, with their sums.
    """

    cost_usd: Decimal
    values: Values = field(default_factory=dict)
    movers: Mapping[str, Sequence[Row]]


class Walk:
    """Asks the questions of one investigation.

    Args:
        store: Where the answers come from.
        question: Filters that hold throughout.
        windows: What is compared.
    """

    def __init__(self, store: Store, question: Question, windows: Windows) -> None:
        self._store = store
        self._question = question
        self.windows = windows
        self.after = _period(windows.after)
        self.before = tuple(map(_period, windows.before))
        self._periods = Periods(after=self.after, before=self.before)

    def movers(self, segment: Segment) -> dict[str, list[Row]]:
        """Find what moved most in each dimension, the largest rise first."""
        sql, parameters = movers(
            self._asked(segment, SHOWN), self._periods, limit=20, order="delta"
        )
        found: dict[str, list[Row]] = {name: [] for name in SHOWN}
        for row in self._store.query(sql, parameters).mappings():
            found[row["dimension"]].append(row)
        return found

    def compare(self, segment: Segment) -> Row:
        """Compare the two periods and split the difference."""
        sql, parameters = compare(self._asked(segment, ("data_mode",)), self._periods, limit="1")
        return self._store.query(sql, parameters).mappings()[0]

    def retries(self, segment: Segment, periods: Sequence[Period]) -> Row:
        """Count tries and what they cost in periods."""
        frame = spend.frame(self._asked(segment, ("data_mode",)), table="ledger")
        within = any_of(frame.source, "tried", periods, frame.parameters)
        parts = frame.parts
        condition = f"{within} AND {parts['filter']}"
        sql = queries.render("retries", {**parts, "filter": condition, "limit": "1"})
        return self._store.query(sql, frame.parameters).mappings()[0]

    def _asked(self, segment: Segment, group_by: Sequence[str]) -> Question:
        return replace(
            self._question,
            group_by=tuple(group_by),
            since=None,
            until=None,
            grain="",
            filters={**self._question.filters, **segment.values},
            without=(*self._question.without, *segment.without),
        )


def _period(window: tuple[int, int]) -> Period:
    since, until = (Edge(ns=ns, day=None) for ns in window)
    return since, until


def triage(store: Store, question: Question, windows: Windows) -> Triage:
    """Find the drivers of a window's spend.

    Args:
        store: Where the answers come from.
        question: Filters that hold throughout; its period is not looked at.
        windows: What is compared.

    Raises:
        StoreError: The store refused or did not answer.
    """
    walk = Walk(store, question, windows)
    everything = Segment()
    total, movers = walk.compare(everything), walk.movers(everything)
    whole = _delta(total)
    usual = Usual(cost_usd=_before(walk, total), movers=movers)
    drivers: list[Driver] = []
    left = whole
    without: tuple[Values, ...] = ()
    while whole > 0 and left > whole * _LEAST_LEFT and len(drivers) < _MOST_DRIVERS:
        found = _driver(walk, without, left, whole, usual)
        if found is None:
            break
        drivers.append(found)
        left -= found.delta_usd
        without = (*without, found.values)
    if whole > 0 and not drivers:
        drivers.append(_described(walk, Segment(), whole, whole))
        left = _ZERO
    drivers.sort(key=lambda driver: driver.delta_usd, reverse=True)
    return Triage(
        windows=windows, total=total, movers=movers, drivers=tuple(drivers), left_usd=left
    )


def _driver(
    walk: Walk,
    without: tuple[Values, ...],
    left: Decimal,
    whole: Decimal,
    usual: Usual,
) -> Driver | None:
    segment, delta = Segment(without=without), left
    while len(segment.values) < len(DRILLED):
        step = _step(walk.movers(segment), segment, delta, usual)
        if step is None:
            break
        dimension, value, delta = step
        segment = replace(segment, values={**segment.values, dimension: value})
        usual = _inside(walk, usual, dimension, value)
    if not segment.values or delta <= whole * _LEAST_LEFT:
        return None
    return _described(walk, segment, delta, whole)


def _step(
    movers: Mapping[str, Sequence[Row]],
    segment: Segment,
    delta: Decimal,
    usual: Usual,
) -> tuple[str, str, Decimal] | None:
    best: tuple[Decimal, str, Row] | None = None
    for dimension in DRILLED:
        if dimension in segment.values or not movers[dimension]:
            continue
        row = movers[dimension][0]
        explained = row["delta"] / delta
        lift = explained - _share(_cost_before(usual, dimension, row["value"]), usual.cost_usd)
        if explained < _LEAST_EXPLAINED or lift < _LEAST_LIFT:
            continue
        if best is None or lift > best[0] + _TIE:
            best = (lift, dimension, row)
    return None if best is None else (best[1], best[2]["value"], best[2]["delta"])


def _inside(walk: Walk, usual: Usual, dimension: str, value: str) -> Usual:
    """Go one step down, unless there was nothing like it before."""
    cost_usd = _cost_before(usual, dimension, value)
    if cost_usd <= 0:
        return usual
    values = {**usual.values, dimension: value}
    return Usual(cost_usd=cost_usd, values=values, movers=walk.movers(Segment(values=values)))


def _cost_before(usual: Usual, dimension: str, value: str) -> Decimal:
    rows = usual.movers[dimension]
    return next((row["cost_before"] for row in rows if row["value"] == value), None) or _ZERO


def _share(part: Decimal, whole: Decimal) -> Decimal:
    return part / whole if whole else _ZERO


def _described(walk: Walk, segment: Segment, delta: Decimal, whole: Decimal) -> Driver:
    change, compared = _comparable(walk, segment)
    before = walk.retries(compared, walk.before)
    after = walk.retries(compared, (walk.after,))
    split = {name: change[name] or _ZERO for name in _EFFECTS}
    extra = (after["retry_cost"] or _ZERO) - (before["retry_cost"] or _ZERO) / len(
        walk.windows.before
    )
    return Driver(
        values=segment.values,
        hypothesis=_hypothesis(segment, split, _delta(change), extra),
        delta_usd=delta,
        explained=delta / whole,
        split=split,
        change=change,
        split_of=compared.values,
        retries_before=before,
        retries_after=after,
    )


def _comparable(walk: Walk, segment: Segment) -> tuple[Row, Segment]:
    """Widen what did not exist before, or is itself what changed, until there is a before."""
    values = {name: one for name, one in segment.values.items() if name != "model"}
    wider = replace(segment, values=values)
    change = walk.compare(wider)
    for dimension in ("prompt_version", "user", "tenant", "feature"):
        if change["calls_before"] > 0:
            break
        if dimension in values:
            values = {name: one for name, one in values.items() if name != dimension}
            wider = replace(segment, values=values)
            change = walk.compare(wider)
    return change, wider


def _hypothesis(
    segment: Segment, split: Mapping[str, Decimal], delta: Decimal, retried: Decimal
) -> Hypothesis:
    if retried >= delta * _LEAST_EXPLAINED:
        return "retries"
    used = split["volume"] + split["tokens_per_call"] + split["mix"]
    if segment.values.get("user") and used >= delta * _LEAST_EXPLAINED:
        return "abuse"
    return _EFFECTS[max(split, key=lambda name: split[name])]


def _before(walk: Walk, total: Row) -> Decimal:
    """Sum up all windows before; the comparison gives their mean."""
    return Decimal(total["cost_before"] or _ZERO) * len(walk.before)


def _delta(change: Row) -> Decimal:
    found = change["delta"]
    return found if isinstance(found, Decimal) else _ZERO
