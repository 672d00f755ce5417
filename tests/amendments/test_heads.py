"""Heads of a period: every one of them, in order, in few questions where little happened."""

from __future__ import annotations

from typing import Any

import pytest
from allocation.places import DAY_NS, OCTOBER
from assessed import assessed
from otel_costattr_collector.amendments import heads
from otel_costattr_collector.ledger import as_mapping, encode, lines_of
from otel_costattr_collector.store import Store

PERIOD = heads.Period(first_ns=OCTOBER, last_ns=OCTOBER + 60 * DAY_NS)


def _call_on(store: Store, *days: int) -> list[int]:
    """Book one call on each of these days, some on the same; return their times."""
    made = [
        assessed(place, start_ns=OCTOBER + day * DAY_NS + place) for place, day in enumerate(days)
    ]
    lines = [line for one in made for line in lines_of(one)]
    store.insert(encode(lines, batch_id=1, recorded_ns=OCTOBER))
    return [one.span.start_ns for one in made]


def _times(store: Store) -> list[Any]:
    return [as_mapping(line)["event_ns"] for line in heads.heads_between(store, PERIOD)]


def test_quiet_days_are_asked_for_together(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty days with two calls are 1 + 2 + 4 + 8 + 16 + 29 days: six questions."""
    times = _call_on(store, 0, 59)
    asked: list[str] = []
    query = Store.query

    def counting(self: Store, sql: str, *words: Any, **more: Any) -> Any:
        asked.append(sql)
        return query(self, sql, *words, **more)

    monkeypatch.setattr(Store, "query", counting)

    assert _times(store) == times
    assert len(asked) == 6 + 1  # whether a month was ever closed


@pytest.mark.parametrize("page", [1, 2, 3, 8])
@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_no_head_is_lost_between_pages_and_days(
    store: Store, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    """Quiet and busy days in turn, a page smaller than a day: each call once, the oldest first."""
    times = _call_on(store, 1, 1, 1, 1, 2, 9, 30, 30, 30, 30, 30, 31, 59)
    monkeypatch.setattr(heads, "PAGE", page)

    assert _times(store) == times
