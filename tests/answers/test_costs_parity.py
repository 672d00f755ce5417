"""Costs over HTTP equal a plain computation over the raw lines, whatever is asked."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from answers import plainly
from answers.plainly import Line, Lines
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otel_costattr_collector.store import Store

pytestmark = pytest.mark.no_cover  # the same lines as other tests, many times over

ZONES = (
    "UTC",
    "Europe/Berlin",  # the reporting zone of the fixture; summer time ends on 25 October
    "Asia/Kathmandu",  # +05:45
    "Asia/Kolkata",  # +05:30
    "America/St_Johns",  # -02:30 and -03:30
    "Australia/Lord_Howe",  # moves by half an hour on 4 October
    "Pacific/Chatham",  # +12:45 and +13:45
    "Africa/Cairo",  # leaves summer time at midnight of 30 October
    "America/New_York",
    "Pacific/Kiritimati",  # +14:00
)
DIMENSIONS = (
    "tenant", "feature", "prompt_version", "model", "provider", "session", "user", "environment",
    "data_mode", "status", "service_name", "tags.region",
)  # fmt: skip
_NS = 10**9


@pytest.fixture(scope="module")
def lines(month_store: Store) -> Lines:
    """Every line of the month."""
    return plainly.raw_lines(month_store)


DAYS = st.dates(date(2026, 9, 30), date(2026, 11, 2))
INSTANTS = st.builds(
    lambda minutes: datetime(2026, 10, 1, tzinfo=UTC) + timedelta(minutes=minutes),
    st.integers(0, 31 * 1440) | st.integers(0, 31 * 96).map(lambda quarters: quarters * 15),
)


@st.composite
def questions(draw: st.DrawFn) -> dict[str, Any]:
    """A question: zone, grain, dimensions, filters, and a period of days or of instants."""
    edges = draw(st.one_of(st.lists(DAYS, min_size=2, max_size=2), st.lists(INSTANTS, min_size=2, max_size=2)))  # fmt: skip
    first, last = sorted(edges)
    if first == last and isinstance(first, datetime):
        last = first + timedelta(minutes=15)
    group_by = draw(st.lists(st.sampled_from(DIMENSIONS), min_size=1, max_size=3, unique=True))
    filtered = draw(st.lists(st.sampled_from(DIMENSIONS), max_size=2, unique=True))
    return {
        "time_zone": draw(st.sampled_from(ZONES)),
        "grain": draw(st.none() | st.sampled_from(sorted(plainly.GRAINS))),
        "group_by": group_by,
        "first": first,
        "last": last,
        "filters": {name: draw(st.integers(0, 10**6)) for name in filtered},
        "negated": draw(st.booleans()),
    }


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(question=questions())
@pytest.mark.timeout(120)
def test_costs_equal_a_plain_computation_over_the_raw_lines(
    month_client: TestClient, lines: Lines, question: dict[str, Any]
) -> None:
    """Rows and total agree to the last digit; rollups and ledger give the same answer."""
    chosen, words = _chosen(lines, question)

    body = _all_pages(month_client, question, words)

    key = _key(question)
    expected = {
        name: (found.calls, found.cost, found.failed)
        for name, found in ((n, plainly.sums(g)) for n, g in plainly.grouped(chosen, key).items())
        if found.calls or found.cost is not None or found.unpriced
    }
    got = {
        (row["bucket"], *row["dimensions"].values()): (
            row["calls"],
            _decimal(row["total_cost"]),
            row["failed_calls"],
        )
        for row in body["data"]
    }
    assert {k: v for k, v in got.items() if v != (0, None, 0)} == expected
    total = plainly.sums(chosen)
    assert (body["total"]["calls"], _decimal(body["total"]["total_cost"])) == (total.calls, total.cost)  # fmt: skip
    assert sum(row["calls"] for row in body["data"]) == total.calls


def _chosen(lines: Lines, question: dict[str, Any]) -> tuple[list[Line], list[str]]:
    since, until = (_ns(question, edge) for edge in ("first", "last"))
    within = [line for line in lines if since <= line["event_ns"] < until]
    words = []
    for name, number in question["filters"].items():
        values = sorted({plainly.value_of(line, name) for line in lines})
        value = values[number % len(values)]
        negated = question["negated"]
        words.append(f"{name}{'!' if negated else ''}={value}")
        within = [ln for ln in within if (plainly.value_of(ln, name) == value) != negated]
    return within, words


def _ns(question: dict[str, Any], edge: str) -> int:
    moment = question[edge]
    if isinstance(moment, datetime):
        return int(moment.timestamp()) * _NS
    day = moment + timedelta(days=edge == "last")
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(question["time_zone"]))
    return int(midnight.timestamp()) * _NS


def _key(question: dict[str, Any]) -> Any:
    grain, zone = question["grain"], question["time_zone"]

    def key(line: Line) -> tuple[str | None, ...]:
        started = plainly.bucket_of(line, grain, zone) if grain else None
        return (started, *(plainly.value_of(line, name) for name in question["group_by"]))

    return key


def _all_pages(client: TestClient, question: dict[str, Any], words: list[str]) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "start_date": _word(question["first"]),
        "end_date": _word(question["last"]),
        "time_zone": question["time_zone"],
        "group_by": question["group_by"],
        "where": words,
        "limit": 3000,
    }
    if question["grain"]:
        parameters["grain"] = question["grain"]
    rows: list[Any] = []
    while True:
        answer = client.get("/v1/analytics/costs", params=parameters)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        rows += body["data"]
        if body["next_cursor"] is None:
            return {**body, "data": rows}
        parameters["cursor"] = body["next_cursor"]


def _word(moment: date | datetime) -> str:
    if isinstance(moment, datetime):
        return moment.isoformat().replace("+00:00", "Z")
    return moment.isoformat()


def _decimal(word: str | None) -> Decimal | None:
    return None if word is None else Decimal(word)
