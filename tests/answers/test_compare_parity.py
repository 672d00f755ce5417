"""Two periods compared: every row equals a plain computation with fractions, and sums exactly."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from answers import plainly
from answers.plainly import Line, Lines
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otel_costattr_collector.store import Store

pytestmark = pytest.mark.no_cover  # the same lines as other tests, many times over

KINDS = (
    ("input_tokens", "input_usd"),
    ("cache_read_tokens", "cache_read_usd"),
    ("output_tokens", "output_usd"),
    ("reasoning_tokens", "reasoning_usd"),
)
PARTS = ("volume", "mix", "tokens_per_call", "price", "other")
Split = dict[str, Fraction]


@pytest.fixture(scope="module")
def lines(month_store: Store) -> Lines:
    """Every line of the month."""
    return plainly.raw_lines(month_store)


HOURS = st.integers(0, 31 * 24 - 1)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    edges=st.tuples(HOURS, st.integers(1, 400), HOURS, st.integers(1, 400)),
    by=st.sampled_from(["feature", "tenant", "prompt_version", "model", "tags.region"]),
)
@pytest.mark.timeout(120)
def test_the_split_equals_a_plain_computation(
    month_client: TestClient,
    lines: Lines,
    edges: tuple[int, int, int, int],
    by: str,
) -> None:
    """Each part agrees to 1e-9 USD, the five sum to the change exactly, and so do the columns."""
    after, before = _period(edges[0], edges[1]), _period(edges[2], edges[3])
    answer = month_client.get(
        "/v1/analytics/compare",
        params={
            "start_date": after[0], "end_date": after[1],
            "before_start": before[0], "before_end": before[1],
            "group_by": by, "limit": 10_000,
        },
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    body = answer.json()

    now, then = _within(lines, after), _within(lines, before)
    groups_now = plainly.grouped(now, lambda line: plainly.value_of(line, by))
    groups_then = plainly.grouped(then, lambda line: plainly.value_of(line, by))
    rows = {row["dimensions"][by]: row for row in body["data"]}
    assert set(rows) == set(groups_now) | set(groups_then)
    for value, row in rows.items():
        _check(row, groups_then.get(value, []), groups_now.get(value, []), by)
    _check(body["total"], then, now, by)
    _check_columns(body)


def _check(row: dict[str, Any], then: list[Line], now: list[Line], by: str) -> None:
    assert row["calls_before"] == sum(line["calls"] for line in then)
    assert row["calls_after"] == sum(line["calls"] for line in now)
    before, after = _cost(then), _cost(now)
    assert (_decimal(row["cost_before"]), _decimal(row["cost_after"])) == (before, after)
    if before is None or after is None:
        assert [row[part] for part in ("delta", *PARTS)] == [None] * 6
        return
    assert Decimal(row["delta"]) == after - before
    assert sum(Decimal(row[part]) for part in PARTS) == after - before
    for part, expected in _split(then, now, by).items():
        assert abs(Fraction(row[part]) - expected) < Fraction(1, 10**9), part


def _check_columns(body: dict[str, Any]) -> None:
    known = [row for row in body["data"] if row["delta"] is not None]
    if len(known) < len(body["data"]) or body["total"]["delta"] is None:
        return
    total = body["total"]
    for part in ("delta", "tokens_per_call", "price", "other"):
        assert sum(Decimal(row[part]) for row in known) == Decimal(total[part]), part
    mixed = sum(Decimal(row["volume"]) + Decimal(row["mix"]) for row in known)
    assert mixed == Decimal(total["volume"]) + Decimal(total["mix"])


def _cost(lines: list[Line]) -> Decimal | None:
    if sum(line["lines"] for line in lines) == 0:
        return Decimal(0)
    return plainly.sums(lines).cost


def _split(then: list[Line], now: list[Line], by: str) -> Split:
    old, new = (_segments([ln for ln in part if ln["amount_usd"] is not None], by) for part in (then, now))  # fmt: skip
    calls_old, usd_old = _whole(old)
    calls_new, _ = _whole(new)
    at_old_calls = at_old_rates = kinds_at_old_calls = kinds_new = Fraction(0)
    for key in set(old) | set(new):
        mine, was = new.get(key, []), old.get(key, [])
        n_old, n_new = _calls(was), _calls(mine)
        for tokens, usd in KINDS:
            spent, before = _sum(mine, usd), _sum(was, usd)
            used, had = _sum(mine, tokens), _sum(was, tokens)
            expected = before * n_new / n_old if n_old else spent
            at_old_calls += expected
            kinds_at_old_calls += expected
            at_old_rates += before * used / had if had else spent
            kinds_new += spent
        at_old_calls += _sum(was, "uses_usd") * n_new / n_old if n_old else _sum(mine, "uses_usd")
    average = usd_old * calls_new / calls_old if calls_old else at_old_calls
    parts = {
        "volume": average - usd_old,
        "mix": at_old_calls - average,
        "tokens_per_call": at_old_rates - kinds_at_old_calls,
        "price": kinds_new - at_old_rates,
    }
    delta = _sum(now, "amount_usd") - _sum(then, "amount_usd")
    return {**parts, "other": delta - sum(parts.values(), Fraction(0))}


def _segments(lines: list[Line], by: str) -> dict[Any, list[Line]]:
    names = (by, "provider", "model", "operation", "service_tier")
    return plainly.grouped(
        lines, lambda line: tuple(plainly.value_of(line, name) for name in names)
    )


def _whole(segments: dict[Any, list[Line]]) -> tuple[int, Fraction]:
    every = [line for lines in segments.values() for line in lines]
    names = (*(usd for _, usd in KINDS), "cache_write_usd", "uses_usd")
    return _calls(every), sum((_sum(every, name) for name in names), Fraction(0))


def _calls(lines: Iterable[Line]) -> int:
    return sum(line["calls"] for line in lines)


def _sum(lines: Iterable[Line], name: str) -> Fraction:
    return Fraction(sum((line[name] for line in lines if line[name] is not None), Decimal(0)))


def _period(first_hour: int, hours: int) -> tuple[str, str]:
    start = datetime(2026, 10, 1, tzinfo=UTC) + timedelta(hours=first_hour)
    end = start + timedelta(hours=hours)
    return start.isoformat(), end.isoformat()


def _within(lines: Iterable[Line], period: tuple[str, str]) -> list[Line]:
    start, end = (int(datetime.fromisoformat(word).timestamp()) * 10**9 for word in period)
    return [line for line in lines if start <= line["event_ns"] < end]


def _decimal(word: str | None) -> Decimal | None:
    return None if word is None else Decimal(word)
