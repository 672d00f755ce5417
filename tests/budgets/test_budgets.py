"""Budgets over HTTP: set once, in force when they say, spent as the ledger knows, told to guards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from assessed import assessed, priced, unpriced
from fastapi import FastAPI
from fastapi.testclient import TestClient
from otel_costattr_collector import api as apis
from otel_costattr_collector.access import KEYS_FILE, create_key
from otel_costattr_collector.access.gate import Gate
from otel_costattr_collector.budgets.book import window_at
from otel_costattr_collector.budgets.records import read_budgets
from otel_costattr_collector.budgets.router import budgets_router
from otel_costattr_collector.ledger import encode, lines_of
from otel_costattr_collector.store import Store

from otel_costattr.errors import BadSettings
from otel_costattr.guard import BudgetGuard
from otel_costattr.model import Dimension, Owner

DAY_NS = 86_400 * 10**9
NOW = datetime(2026, 10, 16, tzinfo=UTC)  # 15 of 31 days are over
NOW_NS = int(NOW.timestamp()) * 10**9
ACME: Mapping[Dimension, str] = {"tenant": "acme"}
BUDGET: dict[str, Any] = {
    "id": "acme",
    "filters": {"tenant": ["acme"]},
    "amount_usd": "10",
    "thresholds": [
        {"percent": "50"},
        {"percent": "80", "action": "degrade", "model": "gpt-4o-mini"},
        {"percent": "100", "action": "block"},
    ],
}


def _app(store: Store, gate: Gate | None = None) -> FastAPI:
    app = FastAPI()
    app.include_router(budgets_router(store, gate, now_ns=lambda: NOW_NS))
    apis._add_failures(app)
    return app


def _spend(store: Store, *costs: tuple[float, str], owner: Mapping[Dimension, str] = ACME) -> None:
    """Book calls: days before now, and USD."""
    lines = [
        line
        for number, (days, amount) in enumerate(costs, start=1)
        for line in lines_of(
            assessed(
                number,
                owner=owner,
                start_ns=NOW_NS - round(days * DAY_NS),
                price=priced({"input": 1_000_000}, {"input": Decimal(amount)}),
            )
        )
    ]
    store.insert(encode(lines, batch_id=len(lines) + hash(str(owner)) % 1000, recorded_ns=NOW_NS))


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    """Budgets over a ledger without lines, in the middle of October."""
    with TestClient(_app(store)) as opened:
        yield opened


def _set(client: TestClient, *budgets: dict[str, Any]) -> tuple[int, Any]:
    answer = client.post("/v1/budgets", json={"budgets": list(budgets)})
    return answer.status_code, answer.json()


def _one(client: TestClient, **words: str) -> dict[str, Any]:
    (found,) = client.get("/v1/budgets", params=words).json()["data"]
    return dict(found)


def test_a_budget_is_set_once_and_never_changes(client: TestClient) -> None:
    """The same again is a duplicate, another amount under its id a conflict."""
    assert _set(client, BUDGET) == (200, {"accepted": 1, "duplicates": 0})
    assert _set(client, BUDGET | {"amount_usd": "10.00"})[1] == {"accepted": 0, "duplicates": 1}
    assert _set(client, BUDGET | {"amount_usd": "20"})[0] == 409


def test_a_budget_ends_by_another_one_or_by_word(client: TestClient) -> None:
    """Replaced, ended, out of its days: what is left is in force."""
    _set(
        client,
        BUDGET,
        BUDGET | {"id": "new", "replaces": ["acme"]},
        BUDGET | {"id": "past", "last_day": "2026-10-15"},
        BUDGET | {"id": "future", "first_day": "2026-10-17"},
        BUDGET | {"id": "gone"},
    )
    for accepted in (1, 0):
        assert client.post("/v1/budgets/end", json={"ids": ["gone"]}).json()["accepted"] == accepted

    assert _one(client)["budget"]["id"] == "new"
    assert client.post("/v1/budgets/end", json={"ids": ["never"]}).status_code == 400
    assert client.get("/v1/budgets", params={"budget": "gone"}).status_code == 404


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"filters": {"colour": ["red"]}}, 400),
        ({"filters": {"customer": ["acme"]}}, 400),
        ({"filters": {"tenant": []}}, 400),
        ({"time_zone": "Mars"}, 400),
        ({"amount_usd": "0"}, 422),
        ({"period": "year"}, 422),
        ({"thresholds": [{"percent": "80", "action": "degrade"}]}, 422),
        ({"thresholds": [{"percent": "80", "model": "x"}]}, 422),
        ({"id": "end:x"}, 422),
    ],
    ids=str,
)
def test_a_budget_that_makes_no_sense_is_refused(
    client: TestClient, change: dict[str, Any], code: int
) -> None:
    """A dimension that is none, nothing to spend, a degradation to nowhere."""
    assert _set(client, BUDGET | change)[0] == code


def test_a_budget_stands_as_the_ledger_knows(client: TestClient, store: Store) -> None:
    """6 of 10 USD in October, half of the month over; others' and September's calls do not count."""
    _spend(store, (1, "4"), (2, "2"), (20, "99"))
    _spend(store, (1, "50"), owner={"tenant": "globex"})
    _set(client, BUDGET)
    found = _one(client)

    assert (found["spent"], found["spent_percent"], found["calls"]) == ("6", "60", 2)
    assert (found["first_day"], found["last_day"]) == ("2026-10-01", "2026-10-31")
    assert found["elapsed_percent"] == "48.39"  # 15 of 31 days
    assert found["burn_per_day"] == "0.40"
    assert (found["reached"], found["action"], found["model"]) == (["50"], "warn", "")


def test_unpriced_calls_are_shown_and_no_amount(client: TestClient, store: Store) -> None:
    """Nothing has a price: spent is unknown, not 0; with no call at all it is 0."""
    _set(client, BUDGET)
    assert _one(client)["spent"] == "0"
    lines = lines_of(unpriced(1, owner=ACME, start_ns=NOW_NS - DAY_NS))
    store.insert(encode(lines, batch_id=1, recorded_ns=1))

    assert (_one(client)["spent"], _one(client)["unpriced_calls"]) == (None, 1)


def test_the_forecast_adds_what_is_to_come(client: TestClient, store: Store) -> None:
    """A dollar on each of 40 days: 15 in October so far, 31 at its end."""
    _spend(store, *((n + 0.5, "1") for n in range(40)))
    _set(client, BUDGET | {"amount_usd": "62"})
    found = _one(client)

    assert (found["spent"], found["forecast"], found["forecast_percent"]) == ("15", "31.00", "50")
    assert (found["forecast_low"], found["forecast_high"]) == ("31.00", "31.00")
    assert found["method"] == "trend and weekday"


def test_the_variance_is_explained_to_the_last_digit(client: TestClient, store: Store) -> None:
    """Twice the calls of September: the plan was off by some, volume tells the rest."""
    _spend(store, (1, "1"), (2, "1"), (3, "1"), (4, "1"), (40, "1"), (41, "1"))
    _set(client, BUDGET)
    found = _one(client, explain="true")["variance"]

    parts = ("expected_change", "volume", "mix", "tokens_per_call", "price", "other")
    assert (found["actual"], found["before"], found["volume"]) == ("4", "2", "2")
    assert Decimal(found["variance"]) == 4 - Decimal(found["planned"])
    assert sum(Decimal(found[part]) for part in parts) == Decimal(found["variance"])


@pytest.mark.parametrize(
    ("period", "zone", "first", "after"),
    [
        ("month", "UTC", date(2026, 10, 1), date(2026, 11, 1)),
        ("week", "UTC", date(2026, 10, 12), date(2026, 10, 19)),
        ("day", "UTC", date(2026, 10, 16), date(2026, 10, 17)),
        ("day", "America/New_York", date(2026, 10, 15), date(2026, 10, 16)),
    ],
)
def test_a_period_is_that_of_the_time_zone(
    period: Any, zone: str, first: date, after: date
) -> None:
    """Midnight in UTC is still the day before in New York; weeks begin on Monday."""
    found = window_at(period, zone, NOW_NS)

    assert (found.first, found.after) == (first, after)
    assert found.start_ns <= NOW_NS < found.end_ns


def test_a_day_of_a_change_of_clocks_has_its_hours() -> None:
    """25 October 2026 has 25 hours in Berlin."""
    noon = int(datetime(2026, 10, 25, 12, tzinfo=UTC).timestamp()) * 10**9
    found = window_at("day", "Europe/Berlin", noon)

    assert found.end_ns - found.start_ns == 25 * 3600 * 10**9


def test_a_guard_follows_the_ledger_and_its_own_calls(client: TestClient, store: Store) -> None:
    """9.70 of 10 USD are in the ledger, the guard gets half of the rest: a dime fits, two do not."""
    _spend(store, (1, "9.70"))
    _set(client, BUDGET, BUDGET | {"id": "unknowable", "filters": {"status": ["priced"]}})

    def fetch(report: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = client.post("/v1/limits", json=dict(report))
        assert answer.status_code == 200, answer.text
        found: Mapping[str, Any] = answer.json()
        return found

    guard = BudgetGuard("http://api", estimate_usd=Decimal("0.10"), fetch=fetch)
    assert guard.refresh() is True
    owner = Owner(values=ACME)
    first = guard.reserve(owner)

    assert (first.action, first.model) == ("degrade", "gpt-4o-mini")
    assert guard.reserve(owner).action == "block"
    first.spent(Decimal("0.01"))
    assert guard.refresh() is True
    assert guard.reserve(owner).action == "degrade"
    assert guard.reserve(Owner()).action == "allow"
    assert guard.failures == {}


def test_who_only_looks_sees_the_limits(client: TestClient, store: Store) -> None:
    """What is spent, and the thresholds in USD."""
    _spend(store, (1, "4"))
    _set(client, BUDGET)
    (found,) = client.get("/v1/limits").json()["limits"]

    assert (found["budget"], found["others_usd"], found["cap_usd"]) == (
        "acme", "4.000000000000", None,
    )  # fmt: skip
    assert [(step["at_usd"], step["action"]) for step in found["steps"]] == [
        ("5", "warn"), ("8", "degrade"), ("10", "block"),
    ]  # fmt: skip


def test_keys_see_what_is_theirs(store: Store, tmp_path: Path) -> None:
    """Admins set; a key of a tenant sees the budgets of that tenant alone."""
    path = tmp_path / KEYS_FILE
    keys = {
        name: create_key(path, name=name, role=role, tenant=tenant, now_ns=1)[1]  # type: ignore[arg-type]
        for name, role, tenant in (
            ("admin", "admin", ""), ("reads", "read", "acme"), ("sends", "ingest", "globex"),
        )
    }  # fmt: skip
    with TestClient(_app(store, Gate(path, open_without_keys=False))) as client:

        def status(name: str, method: str, url: str, **more: Any) -> Any:
            answer = client.request(method, url, headers={"x-api-key": keys[name]}, **more)
            return answer.status_code if answer.status_code != 200 else answer.json()

        body = {"json": {"budgets": [BUDGET, BUDGET | {"id": "all", "filters": {}}]}}
        assert status("sends", "POST", "/v1/budgets", **body) == 403
        assert status("admin", "POST", "/v1/budgets", **body)["accepted"] == 2
        assert [one["budget"]["id"] for one in status("reads", "GET", "/v1/budgets")["data"]] == [
            "acme"
        ]
        assert status("reads", "GET", "/v1/limits") == 403
        assert status("sends", "GET", "/v1/limits")["limits"] == []
        assert len(status("admin", "GET", "/v1/limits")["limits"]) == 2


def test_a_file_of_budgets_is_exact_or_refused(tmp_path: Path) -> None:
    """0.1 is 0.1; a misspelt word is named."""
    path = tmp_path / "budgets.toml"
    path.write_text("[[budgets]]\nid = 'a'\namount_usd = 0.1\n")
    assert read_budgets(path).budgets[0].amount_usd == Decimal("0.1")
    for text in ("[[budgets]]\nid = 'a'\namount = 3\n", "="):
        path.write_text(text)
        with pytest.raises(BadSettings, match=r"budgets\.toml"):
            read_budgets(path)
