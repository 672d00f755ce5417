"""The named query `budget_burn`: what it says of each budget is what the API says."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from assessed import assessed, unpriced
from budgets.test_budgets import BUDGET, NOW, NOW_NS, _app, _set, _spend
from fastapi.testclient import TestClient
from otel_costattr_collector import queries
from otel_costattr_collector.ledger import encode, lines_of
from otel_costattr_collector.store import Store

BUDGETS = (
    BUDGET,
    {"id": "all", "amount_usd": "100"},
    {"id": "week", "period": "week", "amount_usd": "5"},
    {"id": "day", "period": "day", "amount_usd": "5", "filters": {"tags.region": ["eu", ""]}},
    {"id": "model", "amount_usd": "50", "filters": {"model": ["gpt-4o-mini"], "plan": ["pro"]}},
    {"id": "nobody", "amount_usd": "1", "filters": {"tenant": [""]}},
    {"id": "over", "amount_usd": "1", "last_day": "2026-10-15"},
    {"id": "later", "amount_usd": "1", "first_day": "2026-10-17"},
    {"id": "now", "amount_usd": "1", "first_day": "2026-10-16", "last_day": "2026-10-16"},
)


def _burn(store: Store, moment: datetime = NOW) -> dict[str, tuple[Decimal | None, int, int]]:
    now = f"toDateTime({int(moment.timestamp())}, 'UTC')"
    rows = store.query(queries.render("budget_burn", {"now": now})).mappings()
    assert all(row["remaining"] in {None, row["amount"] - (row["cost"] or 0)} for row in rows)
    return {row["budget"]: (row["cost"], row["calls"], row["unpriced_calls"]) for row in rows}


@pytest.mark.parametrize("ended", [False, True])
def test_the_query_says_what_the_api_says(store: Store, ended: bool) -> None:  # noqa: FBT001 - a parameter
    """Cost, calls and calls without a price of every budget in force, filters and periods alike."""
    _spend(store, (0.2, "0.5"), (1, "4"), (5, "2"), (20, "9"))
    _spend(store, (1, "1"), (2, "3"), owner={"tenant": "globex", "plan": "pro"})
    more = [assessed(77, owner={}, start_ns=NOW_NS - 10**9), unpriced(78, start_ns=NOW_NS - 10**9)]
    lines = [line for one in more for line in lines_of(one)]
    store.insert(encode(lines, batch_id=7, recorded_ns=NOW_NS))
    with TestClient(_app(store)) as client:
        assert _set(client, *BUDGETS)[0] == 200
        if ended:
            client.post("/v1/budgets/end", json={"ids": ["acme", "all"]})
        stand = client.get("/v1/budgets").json()["data"]
    found = _burn(store)

    assert len(found) == (5 if ended else 7)
    assert {name: (cost or 0, unpriced) for name, (cost, _, unpriced) in found.items()} == {
        one["budget"]["id"]: (Decimal(one["spent"]), one["unpriced_calls"]) for one in stand
    }
    assert found["week"][1] == 6


def test_a_budget_of_which_nothing_is_spent_has_a_row(store: Store) -> None:
    """Unknown is not zero: its cost is NULL, and so is one of a dimension that no line has."""
    _spend(store, (0.5, "1"))
    odd = {"id": "odd", "amount_usd": "1", "filters": {"tenant_root": ["acme"]}}
    with TestClient(_app(store)) as client:
        _set(client, BUDGET, odd)

    assert _burn(store)["odd"] == (None, 0, 0)
    assert _burn(store, datetime(2026, 12, 1, tzinfo=UTC))["acme"] == (None, 0, 0)
