"""Movers, versions, traces, backlog, FOCUS and quality equal plain Python over the raw lines.

Periods are days of time zones that are off by half and quarter hours, and days on which clocks
change; filters are drawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from answers import plainly
from answers.plainly import Line, Lines
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from otel_costattr_collector.store import Store

pytestmark = pytest.mark.no_cover  # the same lines as other tests, many times over

ZONES = (
    "UTC",
    "Europe/Berlin",  # the reporting zone of the fixture
    "Asia/Kathmandu",  # +05:45
    "Asia/Kolkata",  # +05:30
    "America/St_Johns",  # -02:30
    "Australia/Lord_Howe",  # moves by half an hour on 4 October
    "Pacific/Chatham",  # +13:45
)
FILTERS = ((), ("environment=production",), ("tenant!=", "feature!=chat"), ("model=gpt-4o",))
MOVED = ("feature", "tenant", "model", "session", "error_type", "tags.region")
VERSION = ("feature", "prompt", "prompt_version")
OWNERS = ("tenant", "feature", "prompt_version")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Days of a time zone, and filters."""

    zone: str
    first: date
    last: date
    where: tuple[str, ...]

    def of(self, lines: Lines) -> list[Line]:
        """Keep what was asked for."""
        return plainly.kept(plainly.within(lines, self.zone, self.first, self.last), self.where)

    def get(self, client: TestClient, path: str, **more: object) -> dict[str, Any]:
        """Ask the API."""
        words = {
            "time_zone": self.zone,
            "start_date": self.first.isoformat(),
            "end_date": self.last.isoformat(),
            "where": list(self.where),
            "limit": 10_000,
            **more,
        }
        answer = client.get(path, params=words)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    """Up to twelve days of October somewhere."""
    first = draw(st.dates(date(2026, 10, 2), date(2026, 10, 31)))
    return Asked(
        zone=draw(st.sampled_from(ZONES)),
        first=first,
        last=first + timedelta(days=draw(st.integers(0, 11))),
        where=draw(st.sampled_from(FILTERS)),
    )


CLOCKS_BACK = Asked(
    zone="Europe/Berlin", first=date(2026, 10, 25), last=date(2026, 10, 25), where=()
)
HALF_AN_HOUR = Asked(
    zone="Australia/Lord_Howe", first=date(2026, 10, 4), last=date(2026, 10, 4), where=()
)
random_days = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def lines(month_store: Store) -> Lines:
    """Every line of the month."""
    return plainly.raw_lines(month_store)


def _decimal(word: str | None) -> Decimal | None:
    return None if word is None else Decimal(word)


def _by(lines: Iterable[Line], *names: str) -> dict[tuple[str, ...], list[Line]]:
    return plainly.grouped(
        lines, lambda line: tuple(plainly.value_of(line, name) for name in names)
    )


def _time(ns: int) -> str:
    seconds, rest = divmod(ns, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


@pytest.mark.timeout(60)
@random_days
@given(asked=questions())
@example(asked=CLOCKS_BACK)
@example(asked=HALF_AN_HOUR)
def test_movers(month_client: TestClient, lines: Lines, asked: Asked) -> None:
    """Each dimension is counted whole, before and after, whichever table answers for it."""
    body = asked.get(month_client, "/v1/analytics/movers", group_by=MOVED)

    since, until = (
        plainly.midnight_ns(asked.zone, day)
        for day in (asked.first, asked.last + timedelta(days=1))
    )
    mine = plainly.kept(lines, asked.where)
    then = [ln for ln in mine if 2 * since - until <= ln["event_ns"] < since]
    now = [ln for ln in mine if since <= ln["event_ns"] < until]
    expected = {}
    for name in MOVED:
        before, after = _by(then, name), _by(now, name)
        for value in {*before, *after}:
            expected[name, *value] = _moved(before.get(value, []), after.get(value, []))
    found = {
        (row["dimension"], row["value"]): {
            "calls": (row["calls_before"], row["calls_after"]),
            "failed": (row["failed_before"], row["failed_after"]),
            "unpriced": row["unpriced_after"],
            "cost": (_decimal(row["cost_before"]), _decimal(row["cost_after"])),
            "delta": _decimal(row["delta"]),
        }
        for row in body["data"]
    }
    assert found == expected


def _moved(then: list[Line], now: list[Line]) -> dict[str, object]:
    before, after = plainly.sums(then), plainly.sums(now)
    return {
        "calls": (before.calls, after.calls),
        "failed": (before.failed, after.failed),
        "unpriced": after.unpriced,
        "cost": (before.cost, after.cost),
        "delta": (after.cost or Decimal(0)) - (before.cost or Decimal(0)),
    }


@pytest.mark.timeout(60)
@random_days
@given(asked=questions())
@example(asked=CLOCKS_BACK)
def test_prompt_versions(month_client: TestClient, lines: Lines, asked: Asked) -> None:
    """Cost, tokens, failures and speed of a call of each version, other costs left out."""
    body = asked.get(month_client, "/v1/analytics/prompt-versions")

    of_calls = [line for line in asked.of(lines) if not line["entry"].startswith("cost")]
    groups = _by(of_calls, *VERSION)
    expected = {key: own for key, own in groups.items() if plainly.sums(own).calls}
    rows = {tuple(row["dimensions"][name] for name in VERSION): row for row in body["data"]}
    assert set(rows) == set(expected)
    for key, own in expected.items():
        _check_version(rows[key], own)


def _check_version(row: dict[str, Any], own: list[Line]) -> None:
    found = plainly.sums(own)
    used = sum(line["usage_calls"] for line in own)
    sent = sum(line["input_tokens"] + line["cache_read_tokens"] for line in own)
    cached = sum(line["cache_read_tokens"] for line in own)
    made = sum(line["output_tokens"] + line["reasoning_tokens"] for line in own)
    thought = sum(line["reasoning_tokens"] for line in own)
    took = sorted(
        line["duration_ns"] for line in own if line["calls"] > 0 and line["duration_ns"] is not None
    )
    assert row["first_time"] == _time(min(line["event_ns"] for line in own))
    assert row["last_time"] == _time(max(line["event_ns"] for line in own))
    assert (row["calls"], row["unpriced_calls"]) == (found.calls, found.unpriced)
    assert _decimal(row["total_cost"]) == found.cost
    assert {name: _decimal(row[name]) for name in row if name.endswith(("_call", "_share"))} == {
        "failed_share": plainly.divided(found.failed, found.calls, 6),
        "cost_per_call": plainly.divided(found.cost, found.calls - found.unpriced, 12),
        "input_per_call": plainly.divided(sent, used, 3),
        "cached_share": plainly.divided(cached, sent, 6),
        "output_per_call": plainly.divided(made, used, 3),
        "reasoning_per_call": plainly.divided(thought, used, 3),
    }
    for name, level in (("p50_ms", 0.5), ("p95_ms", 0.95)):
        assert (row[name] is None) == (not took)
        assert not took or abs(row[name] - _quantile(took, level) / 10**6) <= 1


def _quantile(values: list[int], level: float) -> float:
    place = level * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


@pytest.mark.timeout(60)
@random_days
@given(asked=questions())
@example(asked=HALF_AN_HOUR)
def test_traces(month_client: TestClient, lines: Lines, asked: Asked) -> None:
    """A trace's sums are those of its lines; its owner is that of its first line."""
    body = asked.get(month_client, "/v1/traces")

    groups = _by(asked.of(lines), "trace_id")
    assert {(row["trace_id"],) for row in body["data"]} == set(groups)
    for row in body["data"]:
        own = groups[row["trace_id"],]
        found, start = plainly.sums(own), min(line["event_ns"] for line in own)
        first = [line for line in own if line["event_ns"] == start]
        assert row["first_time"] == _time(start)
        for name in ("tenant", "user", "feature", "session"):
            assert row[name] in {line[name] for line in first}
        assert (row["calls"], row["unpriced_calls"], row["failed_calls"]) == (
            found.calls,
            found.unpriced,
            found.failed,
        )
        assert _decimal(row["total_cost"]) == found.cost
        assert row["models"] == sorted({line["model"] for line in own})


@pytest.mark.timeout(60)
@random_days
@given(asked=questions())
@example(asked=CLOCKS_BACK)
def test_backlog(month_client: TestClient, lines: Lines, asked: Asked) -> None:
    """What nobody owns or can price, by service and scope, with its share of the whole cost."""
    body = asked.get(month_client, "/v1/analytics/backlog")

    counted = [line for line in asked.of(lines) if line["status"] != "duplicate_of"]
    whole = plainly.sums(counted).cost
    expected = {}
    for key, own in plainly.grouped(counted, _place).items():
        found = plainly.sums(own)
        if key[3] and (found.calls or found.cost is not None):
            share = None if not whole else plainly.divided_by(found.cost, whole)
            most = _sum(own, "most_usd")
            expected[key] = (found.calls, found.unpriced, found.cost, most, share)
    assert {
        (row["service_name"], row["scope_name"], row["scope_version"], tuple(row["missing"])): (
            row["calls"],
            row["unpriced_calls"],
            _decimal(row["total_cost"]),
            _decimal(row["most_cost"]),
            _decimal(row["share"]),
        )
        for row in body["data"]
    } == expected


def _place(line: Line) -> tuple[str, str, str, tuple[str, ...]]:
    missing = [name for name in OWNERS if not line[name]]
    missing += ["price"] if line["status"] == "unpriced" else []
    return line["service_name"], line["scope_name"], line["scope_version"], tuple(missing)


def _sum(lines: Iterable[Line], name: str) -> Decimal | None:
    known = [line[name] for line in lines if line[name] is not None]
    return sum(known, Decimal(0)) if known else None


@pytest.mark.timeout(60)
@random_days
@given(asked=questions())
@example(asked=CLOCKS_BACK)
@example(asked=HALF_AN_HOUR)
def test_focus(month_client: TestClient, lines: Lines, asked: Asked) -> None:
    """A day of the export is one of the time zone, 23, 24, 24.5 or 25 hours long."""
    body = asked.get(month_client, "/v1/exports/focus")

    assert not body["truncated"]
    counted = [line for line in asked.of(lines) if line["status"] != "duplicate_of"]
    expected = {
        key: (plainly.sums(own).calls, plainly.sums(own).cost, plainly.sums(own).tokens)
        for key, own in plainly.grouped(counted, lambda line: _charge(line, asked.zone)).items()
    }
    found: dict[tuple[str, ...], tuple[int, Decimal | None, int]] = {}
    for row in body["data"]:
        keys = ("ChargePeriodStart", "ChargePeriodEnd", "ResourceId", "x_Entry", "x_Status")
        key = (*(row[name] for name in keys), row["SubAccountId"] or "")
        calls, cost, tokens = found.get(key, (0, None, 0))
        more = _decimal(row["BilledCost"])
        cost = cost if more is None else (cost or Decimal(0)) + more
        found[key] = (calls + row["x_Calls"], cost, tokens + row["ConsumedQuantity"])
    assert found == expected


def _charge(line: Line, zone: str) -> tuple[str, ...]:
    day = date.fromisoformat(plainly.bucket_of(line, "day", zone))
    ends = (plainly.midnight_ns(zone, one) for one in (day, day + timedelta(days=1)))
    starts = (f"{datetime.fromtimestamp(ns // 10**9, UTC):%Y-%m-%dT%H:%M:%S}Z" for ns in ends)
    return (*starts, line["model"], line["entry"], line["status"], line["tenant"])


@pytest.mark.timeout(60)
@random_days
@given(asked=questions())
@example(asked=CLOCKS_BACK)
@example(asked=HALF_AN_HOUR)
def test_quality(month_client: TestClient, lines: Lines, asked: Asked) -> None:
    """Every figure behind the gates."""
    body = asked.get(month_client, "/v1/analytics/quality", limit=1)

    mine = asked.of(lines)
    calls = {name: _calls(mine, name) for name in (*OWNERS, "data_mode")}
    status = {name: [line for line in mine if line["status"] == name] for name in STATUSES}
    unowned = [line for line in mine if not all(line[name] for name in OWNERS)]
    expected = {
        "calls": plainly.sums(mine).calls,
        "duplicates": sum(line["lines"] for line in status["duplicate_of"]),
        "unpriced_calls": plainly.sums(status["unpriced"]).calls,
        "estimated_calls": plainly.sums(status["estimated"]).calls,
        **{f"{name}_calls": number for name, number in calls.items()},
        "total_cost": plainly.sums(mine).cost,
        "estimated_cost": plainly.sums(status["estimated"]).cost,
        "unowned_cost": plainly.sums(unowned).cost,
        "demo_cost": plainly.sums(ln for ln in mine if ln["data_mode"] in {"test", "demo"}).cost,
    }
    found = body["figures"]
    assert {
        name: _decimal(found[name]) if name.endswith("_cost") else found[name] for name in expected
    } == expected
    assert found["rollup_difference"] == 0


STATUSES = ("duplicate_of", "unpriced", "estimated")


def _calls(lines: list[Line], dimension: str) -> int:
    return plainly.sums(line for line in lines if line[dimension]).calls
