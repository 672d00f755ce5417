"""The window of a spike and what it is compared with: the same hours of the weeks before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from otel_costattr_collector import spend
from otel_costattr_collector.spend import Edge, Question
from otel_costattr_collector.store import Store

HOUR_NS: Final = 3_600 * 10**9
_DAY_NS: Final = 24 * HOUR_NS
_WEEK_NS: Final = 7 * _DAY_NS
_LOOK_BACK_NS: Final = 4 * _WEEK_NS + _DAY_NS
_LONGEST_HOURS: Final = 24
_RAISED: Final = Decimal("1.3")

_ZERO: Final = Decimal(0)
Hours = Mapping[int, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """What is compared.

    Attributes:
        after: Start and end of the window, nanoseconds UTC.
        before: Start and end of each window that it is compared with.
        rule: How these were chosen, in words.
    """

    after: tuple[int, int]
    before: tuple[tuple[int, int], ...]
    rule: str


def windows_around(
    store: Store, question: Question, around_ns: int, *, fixed: tuple[int, int] | None = None
) -> Windows:
    """Find the raised hours around an instant and what to compare them with.

    The window grows from the hour of the instant in both directions as long as an hour costs 1.3
    times what the same hour cost in the weeks before, a day at most.

    Args:
        store: Where the hours come from.
        question: Filters; its period is not looked at.
        around_ns: The instant, nanoseconds UTC.
        fixed: The window, if somebody chose it.

    Raises:
        StoreError: The store refused or did not answer.
    """
    hours = _hours(store, question, around_ns, fixed)
    first = min(hours, default=around_ns)
    after = fixed or _raised(hours, around_ns // HOUR_NS * HOUR_NS, first)
    for step, name, most in ((_WEEK_NS, "weeks", 4), (_DAY_NS, "days", 7)):
        shifts = [n for n in range(1, most + 1) if after[0] - n * step >= first]
        if shifts:
            before = tuple((after[0] - n * step, after[1] - n * step) for n in shifts)
            return Windows(after=after, before=before, rule=_rule(len(shifts), name))
    length = after[1] - after[0]
    return Windows(
        after=after,
        before=((after[0] - length, after[0]),),
        rule="the hours just before, since there is no older data",
    )


def _rule(number: int, name: str) -> str:
    if number == 1:
        return f"the same hours one {name.removesuffix('s')} before"
    return f"the mean of the same hours in the {number} {name} before"


def _raised(hours: Hours, hour: int, first: int) -> tuple[int, int]:
    start, end = hour, hour + HOUR_NS
    while end - start < _LONGEST_HOURS * HOUR_NS and _is_raised(hours, end, first):
        end += HOUR_NS
    while end - start < _LONGEST_HOURS * HOUR_NS and _is_raised(hours, start - HOUR_NS, first):
        start -= HOUR_NS
    return start, end


def _is_raised(hours: Hours, hour: int, first: int) -> bool:
    cost = hours.get(hour, _ZERO)
    return cost > 0 and cost > _RAISED * _usual(hours, hour, first)


def _usual(hours: Hours, hour: int, first: int) -> Decimal:
    for step, most in ((_WEEK_NS, 4), (_DAY_NS, 7)):
        known = [hour - n * step for n in range(1, most + 1) if hour - n * step >= first]
        if known:
            return sum((hours.get(one, _ZERO) for one in known), _ZERO) / len(known)
    older: Sequence[Decimal] = [cost for one, cost in hours.items() if one < hour]
    return sum(older, _ZERO) / len(older) if older else _ZERO


def _hours(
    store: Store, question: Question, around_ns: int, fixed: tuple[int, int] | None
) -> dict[int, Decimal]:
    start, end = fixed or (around_ns, around_ns)
    since = max(start // HOUR_NS * HOUR_NS - _LOOK_BACK_NS, 0)
    until = end // HOUR_NS * HOUR_NS + (_LONGEST_HOURS + 1) * HOUR_NS
    asked = replace(
        question,
        group_by=("data_mode",),
        since=Edge(ns=since, day=None),
        until=Edge(ns=until, day=None),
        grain="hour",
        time_zone="UTC",
        limit=spend.MAX_ROWS,
        offset=0,
    )
    sql, parameters = spend.ask(asked)
    hours: dict[int, Decimal] = {}
    for row in store.query(sql, parameters).mappings():
        if not row["is_total"]:
            start_ns = _ns(row["bucket"])
            hours[start_ns] = hours.get(start_ns, _ZERO) + (row["total_cost"] or _ZERO)
    return hours


def _ns(bucket: datetime) -> int:
    return int((bucket.replace(tzinfo=None) - datetime(1970, 1, 1)).total_seconds()) * 10**9  # noqa: DTZ001 - both are UTC
