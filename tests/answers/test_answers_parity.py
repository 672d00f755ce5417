"""The other answers over HTTP equal plain Python over the raw lines, for filters and groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import pytest
from answers import plainly
from answers.plainly import Line, Lines
from fastapi.testclient import TestClient
from otel_costattr_collector.store import Store

pytestmark = pytest.mark.no_cover  # the same lines as other tests, many times over

FILTERS = ((), ("environment=production",), ("tenant!=", "feature!=chat"), ("prompt_version=v5",))
PICO = Decimal("0.000000000001")


@pytest.fixture(scope="module")
def lines(month_store: Store) -> Lines:
    """Every line of the month."""
    return plainly.raw_lines(month_store)


def _get(client: TestClient, path: str, where: Iterable[str], **more: object) -> dict[str, Any]:
    words = {"where": list(where), "limit": 10_000, **more}
    answer = client.get(path, params=words)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def _by(lines: list[Line], name: str) -> dict[str, list[Line]]:
    return plainly.grouped(lines, lambda line: plainly.value_of(line, name))


def _decimal(word: str | None) -> Decimal | None:
    return None if word is None else Decimal(word)


def _each(lines: list[Line], key: Callable[[Line], Any], known: str) -> tuple[int, Decimal | None]:
    named = [line for line in lines if line[known]]
    different = len({key(line) for line in named if line["lines"] > 0})
    cost = plainly.sums(named).cost
    if not different or cost is None:
        return different, None
    return different, (cost / different).quantize(PICO, rounding="ROUND_DOWN")


@pytest.mark.parametrize("where", FILTERS, ids=str)
def test_unit_costs(month_client: TestClient, lines: Lines, where: tuple[str, ...]) -> None:
    """Cost per session, user, request and trace divide what names one by how many there are."""
    body = _get(month_client, "/v1/analytics/unit-costs", where)

    groups = _by(plainly.kept(lines, where), "feature")
    rows = {row["dimensions"]["feature"]: row for row in body["data"]}
    assert set(rows) == set(groups)
    for value, row in rows.items():
        mine = groups[value]
        assert (row["calls"], _decimal(row["total_cost"])) == (
            plainly.sums(mine).calls,
            plainly.sums(mine).cost,
        )
        for plural, singular, known, key in (
            ("sessions", "session", "session", lambda ln: (ln["tenant"], ln["session"])),
            ("users", "user", "user", lambda ln: (ln["tenant"], ln["user"])),
            ("requests", "request", "external_request_id", lambda ln: ln["external_request_id"]),
            ("traces", "trace", "trace_id", lambda ln: ln["trace_id"]),
        ):
            found = (row[plural], _decimal(row[f"cost_per_{singular}"]))
            assert found == _each(mine, key, known), (value, plural)


def test_unit_costs_count_what_is_asked_for_alone(month_client: TestClient) -> None:
    """Units that nobody asked for stay null, the others do not change."""
    every = _get(month_client, "/v1/analytics/unit-costs", ())
    some = _get(month_client, "/v1/analytics/unit-costs", (), per=["user"])

    for all_units, one in zip(every["data"], some["data"], strict=True):
        unasked = {f"{unit}s": None for unit in ("session", "request", "trace")}
        unasked |= {f"cost_per_{unit}": None for unit in ("session", "request", "trace")}
        assert one == all_units | unasked


@pytest.mark.parametrize("where", FILTERS, ids=str)
def test_retries(month_client: TestClient, lines: Lines, where: tuple[str, ...]) -> None:
    """A retry is a further call of the same request, step, prompt and operation."""
    body = _get(month_client, "/v1/analytics/retries", where)

    kept = [line for line in plainly.kept(lines, where) if line["status"] != "duplicate_of"]
    groups = _by(kept, "feature")
    for row in body["data"]:
        mine = groups[row["dimensions"]["feature"]]
        tries = _tries([line for line in mine if line["external_request_id"]])
        assert row["requests"] == len(tries)
        assert row["tries"] == sum(tries)
        assert row["retried_requests"] == sum(count > 1 for count in tries)
        assert row["most_tries"] == max(tries, default=0)


def _tries(lines: list[Line]) -> list[int]:
    calls = plainly.grouped(
        lines,
        lambda ln: (
            (ln["external_request_id"], ln["step"], ln["prompt"], ln["operation"]), ln["call_key"]
        ),
    )  # fmt: skip
    counted: dict[Any, int] = {}
    for (request, _), own in calls.items():
        made = sum(line["calls"] for line in own)
        if made > 0:
            counted[request] = counted.get(request, 0) + made
    return list(counted.values())


@pytest.mark.parametrize("where", FILTERS, ids=str)
def test_coverage(month_client: TestClient, lines: Lines, where: tuple[str, ...]) -> None:
    """Known and all calls and cost of each dimension."""
    body = _get(month_client, "/v1/analytics/coverage", where)

    kept = plainly.kept(lines, where)
    for row in body["data"]:
        known = plainly.sums(line for line in kept if line[row["dimension"]])
        every = plainly.sums(kept)
        assert (row["calls"], row["known_calls"]) == (every.calls, known.calls)
        assert _decimal(row["total_cost"]) == every.cost
        assert _decimal(row["known_cost"]) == known.cost


@pytest.mark.parametrize("by", ["user", "tenant", "session", "tags.region"])
@pytest.mark.parametrize("where", FILTERS, ids=str)
def test_top(month_client: TestClient, lines: Lines, by: str, where: tuple[str, ...]) -> None:
    """The largest come first, and the rows sum to the total."""
    body = _get(month_client, "/v1/analytics/top", where, group_by=by)

    kept = plainly.kept(lines, where)
    expected = {value: plainly.sums(own) for value, own in _by(kept, by).items()}
    rows = {row["dimensions"][by]: row for row in body["data"]}
    assert {v: (r["calls"], _decimal(r["total_cost"])) for v, r in rows.items()} == {
        v: (s.calls, s.cost) for v, s in expected.items() if s.calls or s.cost is not None
    }
    assert _decimal(body["total"]["total_cost"]) == plainly.sums(kept).cost


def test_sessions_lead_down_to_their_lines(month_client: TestClient, lines: Lines) -> None:
    """A session's sums are those of its lines, other costs among them, page by page."""
    sessions = _get(month_client, "/v1/sessions", ())["data"]
    sessions = [one for one in sessions if one["session"]][:5]

    for one in sessions:
        expected = [
            line
            for line in lines
            if (line["tenant"], line["session"]) == (one["tenant"], one["session"])
        ]
        where = [f"session={one['session']}", f"tenant={one['tenant']}"]
        got: list[dict[str, Any]] = []
        cursor: str | None = None
        while cursor is not None or not got:
            more = [] if cursor is None else [("cursor", cursor)]
            page = _get(month_client, "/v1/calls", where, **dict([("limit", "2"), *more]))
            got += page["data"]
            cursor = page["next_cursor"]
        assert sorted(row["line_id"] for row in got) == sorted(ln["line_id"] for ln in expected)
        found = plainly.sums(expected)
        assert (one["calls"], _decimal(one["total_cost"])) == (found.calls, found.cost)
        detail = _get(month_client, f"/v1/sessions/{one['session']}", [where[1]])
        assert detail["session"]["total_cost"] == one["total_cost"]
    assert month_client.get("/v1/sessions/nobody").status_code == 404
