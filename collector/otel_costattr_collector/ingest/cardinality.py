"""A bound on the distinct values of a dimension in a day: what comes beyond is one value.

Columns of few values are what makes the tables small and fast; an application that writes request
ids into `feature` would undo that. What is folded is still counted and priced: totals add up.
"""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import lru_cache
from threading import Lock
from typing import Final
from zoneinfo import ZoneInfo

from otel_costattr.attribution.splits import SPLIT
from otel_costattr.errors import StoreError
from otel_costattr.model import DIMENSIONS, Assessment, Dimension, ModelCall, Owner

from ..metrics import Metrics
from ..store import Store

OTHER: Final = "__other__"
UNBOUNDED: Final[frozenset[str]] = frozenset({"user", "session", "external_request_id"})
"""Dimensions that may have as many values as they like: their columns are made for it."""

MODEL: Final = "model"
TAGS: Final = "tags"
DAYS: Final = 8
"""Days whose values are remembered, those that were used last."""

_HOUR_NS: Final = 3_600 * 10**9
_FOLDED: Final = tuple(name for name in DIMENSIONS if name not in UNBOUNDED)
_IN_ROLLUP: Final = tuple(
    name for name in _FOLDED if name not in {"tenant", "plan", "employee", "data_mode"}
)

_SINCE: Final = "toStartOfDay(now(), {zone:String}) - INTERVAL {days:UInt16} DAY"
_DAY: Final = "toDate(moment, {zone:String}) AS day"
_KNOWN: Final = (
    (
        "SELECT day, uniq(tenant) AS tenant, uniq(plan) AS plan, uniq(data_mode) AS data_mode"
        " FROM spend_by_tenant_day WHERE day >= toDate(now(), {zone:String}) - {days:UInt16}"
        " GROUP BY day"
    ),
    (
        f"SELECT {_DAY.replace('moment', 'bucket')},"  # noqa: S608 - names of ours
        f" {', '.join(f'uniq({name}) AS {name}' for name in _IN_ROLLUP)}"
        f" FROM spend_by_feature_15m WHERE bucket >= {_SINCE} GROUP BY day"
    ),
    (
        f"SELECT {_DAY.replace('moment', 'event_ns')}, uniq(employee) AS employee,"  # noqa: S608 - likewise
        " each([request_model, response_model]) AS model, each(mapKeys(tags)) AS tags"
        f" FROM ledger WHERE event_ns >= {_SINCE} GROUP BY day"
    ),
)
"""What the ledger knows of the last days; `uniq` and `each` become arrays up to the limit."""

_log: Final = logging.getLogger(__name__)


class Fold:
    """Lets the first values of each dimension and reporting day pass; for any number of threads.

    What is folded stays as it is when it is folded again.

    Args:
        limit: Distinct values that each may have in a day.
        zone: IANA name of the reporting time zone.
        metrics: Where folded values are counted.
    """

    def __init__(self, *, limit: int, zone: str, metrics: Metrics) -> None:
        self._limit: Final = limit
        self._metrics: Final = metrics
        self._days: Final[OrderedDict[date, dict[str, set[str]]]] = OrderedDict()
        self._lock: Final = Lock()
        place = ZoneInfo(zone)

        @lru_cache(1024)
        def day_of(hour: int) -> date:
            return datetime.fromtimestamp(hour * 3_600, UTC).astimezone(place).date()

        self._day_of: Final = day_of

    def learn(self, day: date, values: Mapping[str, Iterable[str]]) -> None:
        """Take the values of a day that the ledger has, up to the limit.

        Args:
            day: The reporting day.
            values: Dimension, `model` or `tags` to its values, or names of tags.
        """
        with self._lock:
            seen = self._of(day)
            for name, known in values.items():
                mine = seen.setdefault(name, set())
                mine.update(sorted(set(known) - {"", OTHER})[: self._limit - len(mine)])

    def apply(self, assessments: Sequence[Assessment], *, count: bool = True) -> list[Assessment]:
        """Return the assessments with what is beyond the limit folded into `__other__`.

        Args:
            assessments: Of spans.
            count: Whether they are booked by this, so that what is folded is counted.
        """
        folded: Counter[str] = Counter()
        with self._lock:
            found = [self._folded(one, folded) for one in assessments]
        if count:
            self._count(folded)
        return found

    def note(self, booked: Iterable[Assessment]) -> None:
        """Count what was folded before it was known whether it would be booked."""
        self._count(Counter(name for one in booked for name in _folded_in(one)))

    def owner(self, owner: Owner, at_ns: int) -> Owner:
        """Return who owns a cost that is no call, likewise, and count what is folded.

        Args:
            owner: Who is said to own it.
            at_ns: When it happened, nanoseconds UTC.
        """
        folded: Counter[str] = Counter()
        with self._lock:
            found = self._owner(owner, self._of(self._day_of(at_ns // _HOUR_NS)), folded)
        self._count(folded)
        return found

    def _count(self, folded: Mapping[str, int]) -> None:
        for name, count in folded.items():
            self._metrics.folded.labels(name).inc(count)

    def _folded(self, one: Assessment, folded: Counter[str]) -> Assessment:
        seen = self._of(self._day_of(one.span.start_ns // _HOUR_NS))
        owner = self._owner(one.owner, seen, folded)
        call = self._call(one.call, seen, folded)
        if owner is one.owner and call is one.call:
            return one
        return replace(one, owner=owner, call=call)

    def _owner(self, owner: Owner, seen: dict[str, set[str]], folded: Counter[str]) -> Owner:
        over: list[Dimension] = [
            name
            for name, value in owner.values.items()
            if name not in UNBOUNDED
            and not self._fits(seen, name, value)
            # The operator makes keys: a tenant that is proven is never lost.
            and owner.sources.get(name) != "key"
        ]
        tags = [
            name
            for name in owner.tags
            if not name.startswith(SPLIT) and not self._fits(seen, TAGS, name)
        ]
        if not over and not tags:
            return owner
        folded.update(over)
        if tags:
            folded[TAGS] += len(tags)
        values = {**owner.values, **dict.fromkeys(over, OTHER)}
        kept = {name: value for name, value in owner.tags.items() if name not in tags}
        sources = {
            name: source
            for name, source in owner.sources.items()
            if not (name.startswith("tags.") and name[5:] in tags)
        }
        if tags:
            kept[OTHER] = str(len(tags))
        return replace(owner, values=values, tags=kept, sources=sources)

    def _call(self, call: ModelCall, seen: dict[str, set[str]], folded: Counter[str]) -> ModelCall:
        asked = self._fits(seen, MODEL, call.request_model)
        answered = self._fits(seen, MODEL, call.response_model)
        if asked and answered:
            return call
        folded[MODEL] += 1
        return replace(
            call,
            request_model=call.request_model if asked else OTHER,
            response_model=call.response_model if answered else OTHER,
        )

    def _fits(self, seen: dict[str, set[str]], name: str, value: str) -> bool:
        known = seen.get(name)
        if known is None:
            known = seen[name] = set()
        if value in known or not value or value == OTHER:
            return True
        if len(known) >= self._limit:
            return False
        known.add(value)
        return True

    def _of(self, day: date) -> dict[str, set[str]]:
        seen = self._days.get(day)
        if seen is None:
            seen = self._days[day] = {}
            if len(self._days) > DAYS:
                self._days.popitem(last=False)
        else:
            self._days.move_to_end(day)
        return seen


def _folded_in(one: Assessment) -> Iterator[str]:
    yield from (name for name, value in one.owner.values.items() if value == OTHER)
    if OTHER in one.owner.tags:
        yield TAGS
    if OTHER in {one.call.request_model, one.call.response_model}:
        yield MODEL


def learn_values(store: Store, fold: Fold, *, limit: int, days: int = 2) -> None:
    """Teach a fold what the ledger has of the last days, so that a restart opens no new limit.

    Args:
        store: Where the ledger is.
        fold: Learns.
        limit: Values of a dimension that are asked for.
        days: Today and the days before.
    """
    parameters = {"zone": store.layout.time_zone, "days": days - 1}
    try:
        for query in _KNOWN:
            sql = query.replace("uniq(", f"groupUniqArray({limit:d})(")
            sql = sql.replace("each(", f"groupUniqArrayArray({limit:d})(")
            for row in store.query(sql, parameters).mappings():
                day = row.pop("day")
                fold.learn(day, row)
    except StoreError as error:
        _log.warning("the limit of values begins anew: %s", error)
