"""Margins: revenue by its days minus cost, unknown never zero, sums that add up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from assessed import assessed, unpriced
from fastapi import FastAPI
from fastapi.testclient import TestClient
from otel_costattr_collector import ledger
from otel_costattr_collector.access import KEYS_FILE, create_key
from otel_costattr_collector.access.gate import Gate
from otel_costattr_collector.api import create_api
from otel_costattr_collector.ledger import CostLine, encode, lines_of
from otel_costattr_collector.margins.review import Plan, read_plans, review
from otel_costattr_collector.store import Store

from otel_costattr.errors import BadSettings
from otel_costattr.model import Dimension, Owner
from otel_costattr.testing import START_NS

CALL = Decimal("0.00027")
DAY_NS = 86_400 * 10**9
HEAD = {"period": "2026-09", "plan": "pro"}
OWNERS: Sequence[tuple[Mapping[Dimension, str], int]] = (
    ({"tenant": "acme", "plan": "pro", "feature": "chat"}, 5),
    ({"tenant": "acme", "plan": "pro", "feature": "search"}, 1),
    ({"tenant": "globex", "plan": "pro"}, 2),
    ({"tenant": "free-rider", "plan": "free"}, 3),
)


def _cost(number: int, tenant: str, entry: Any, amount: str) -> CostLine:
    return CostLine(
        entry=entry,
        identity=(f"{number}",),
        event_ns=START_NS,
        amount_usd=Decimal(amount),
        owner=Owner(values={"tenant": tenant} if tenant else {}),
    )


@pytest.fixture
def client(store: Store, store_api: FastAPI) -> Iterator[TestClient]:
    """Calls of three customers in September, one without price, a GPU allocated by halves."""
    made = [
        assessed(number * 100 + place, owner=owner)
        for number, (owner, count) in enumerate(OWNERS)
        for place in range(count)
    ]
    made.append(unpriced(900, owner={"tenant": "globex", "plan": "pro"}))
    gpu = [
        _cost(1, "", "cost", "1"),
        _cost(2, "", "allocation", "-1"),
        _cost(3, "acme", "allocation", "0.5"),
        _cost(4, "globex", "allocation", "0.5"),
    ]
    lines = [line for one in made for line in lines_of(one)]
    lines += [ledger.line_of_cost(one) for one in gpu]
    store.insert(encode(lines, batch_id=1, recorded_ns=1))
    with TestClient(store_api) as opened:
        yield opened


def _earn(client: TestClient, *records: dict[str, object]) -> None:
    body = {"revenue": [{"id": f"r{n}", **HEAD, **one} for n, one in enumerate(records)]}
    answer = client.post("/v1/revenue", json=body)
    assert answer.status_code == 200, answer.text


def _margins(client: TestClient, **words: str) -> tuple[dict[str, Any], dict[str, Any]]:
    answer = client.get("/v1/analytics/margins", params=words)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    rows = {",".join(row["dimensions"].values()): row for row in body["data"]}
    return rows, body["total"]


def test_a_margin_is_revenue_minus_cost(client: TestClient) -> None:
    """acme: 6 calls and half the GPU; free-rider pays nobody knows what; unpriced calls shown."""
    _earn(
        client,
        {"customer": "acme", "amount": "0.10"},
        {"customer": "globex", "amount": "0.0002"},
    )
    rows, total = _margins(client)

    acme, globex, free, nobody = (rows[name] for name in ("acme", "globex", "free-rider", ""))
    assert Decimal(acme["direct_cost"]) == 6 * CALL
    assert Decimal(acme["loaded_cost"]) == 6 * CALL + Decimal("0.5")
    assert Decimal(acme["margin"]) == Decimal("0.10") - 6 * CALL
    assert Decimal(acme["margin_percent"]) == Decimal("98.38")  # 0.09838 of 0.10
    assert Decimal(acme["loaded_margin"]) == Decimal("0.10") - 6 * CALL - Decimal("0.5")
    assert (globex["calls"], globex["unpriced_calls"]) == (3, 1)
    assert Decimal(globex["margin"]) == Decimal("0.0002") - 2 * CALL
    assert (free["revenue"], free["margin"], free["margin_percent"]) == (None, None, None)
    assert nobody["revenue"] is None
    assert Decimal(nobody["direct_cost"]) == 1
    assert Decimal(nobody["loaded_cost"]) == 0
    assert Decimal(total["margin"]) == Decimal("0.1002") - 11 * CALL - 1
    assert Decimal(total["loaded_cost"]) == Decimal(total["direct_cost"]) == 11 * CALL + 1


def test_the_smallest_margin_stands_first(client: TestClient) -> None:
    """Customers who cost more than they pay are what one looks for."""
    _earn(client, {"customer": "acme", "amount": "9"}, {"customer": "globex", "amount": "0"})

    assert list(_margins(client)[0])[:2] == ["globex", "acme"]


def test_only_unpriced_calls_cost_nobody_knows_what(client: TestClient, store: Store) -> None:
    """Neither a cost of 0 nor a margin is told of them."""
    line = [*lines_of(unpriced(950, owner={"tenant": "dark"}))]
    store.insert(encode(line, batch_id=2, recorded_ns=1))
    _earn(client, {"customer": "dark", "amount": "5"})
    row = _margins(client)[0]["dark"]

    assert (row["direct_cost"], row["margin"], row["unpriced_calls"]) == (None, None, 1)


def test_revenue_without_any_call_is_all_margin(client: TestClient) -> None:
    """Nothing was used: the cost is 0, measured."""
    _earn(client, {"customer": "silent", "amount": "5"})
    row = _margins(client)[0]["silent"]

    assert (row["direct_cost"], row["margin"], row["margin_percent"]) == ("0", "5", "100")


@pytest.mark.parametrize("by", ["tenant", "plan", "feature", "tenant,plan", "tenant,plan,feature"])
def test_every_division_adds_up_to_the_total(client: TestClient, by: str) -> None:
    """Revenue, cost and calls: the rows of any dimensions sum to the same total."""
    _earn(
        client,
        {"customer": "acme", "amount": "10"},
        {"customer": "acme", "amount": "1", "feature": "chat", "plan": ""},
        {"customer": "globex", "amount": "-3.333333333333"},
    )
    rows, total = _margins(client, group_by=by)

    for name in ("revenue", "direct_cost", "loaded_cost"):
        assert sum(Decimal(row[name] or 0) for row in rows.values()) == Decimal(total[name]), name
    assert sum(row["calls"] for row in rows.values()) == total["calls"] == 12
    assert Decimal(total["revenue"]) == Decimal("7.666666666667")


def test_the_days_of_a_period_add_up_to_its_amount(client: TestClient) -> None:
    """10 USD over three days: 3.333333333333 twice and the rest, one after the other."""
    _earn(client, {"customer": "acme", "amount": "10", "period": "2026-09-29/2026-10-01"})
    days = [
        _margins(client, start_date=day, end_date=day)[1]["revenue"]
        for day in ("2026-09-28", "2026-09-29", "2026-09-30", "2026-10-01", "2026-10-02")
    ]

    assert days == [None, "3.333333333333", "3.333333333333", "3.333333333334", None]


def test_any_window_is_the_sum_of_its_days(client: TestClient) -> None:
    """A month of 29.99 USD split at each day: both parts sum to the whole, to the last digit."""
    _earn(client, {"customer": "acme", "amount": "29.99"})
    for after in (1, 7, 13, 29):
        last = date(2026, 9, 1) + timedelta(days=after - 1)
        parts = (
            _margins(client, start_date="2026-09-01", end_date=str(last)),
            _margins(client, start_date=str(last + timedelta(days=1)), end_date="2026-09-30"),
        )
        assert sum(Decimal(part[1]["revenue"]) for part in parts) == Decimal("29.99")


def test_what_belongs_to_an_organisation_stands_beside_what_it_pays(
    client: TestClient, store: Store
) -> None:
    """`org_1` pays 5 USD for two of its users, who are tenants of their own in the ledger."""
    made = [assessed(800 + n, owner={"tenant": f"org_1:user_{n}"}) for n in range(2)]
    insert = [line for one in made for line in lines_of(one)]
    store.insert(encode(insert, batch_id=3, recorded_ns=1))
    _earn(client, {"customer": "org_1", "amount": "5"})
    row = _margins(client, group_by="tenant_root")[0]["org_1"]

    assert (row["revenue"], row["calls"]) == ("5", 2)
    assert Decimal(row["margin"]) == 5 - 2 * CALL


def test_a_proposal_leaves_the_margin_that_was_asked_for(client: TestClient) -> None:
    """60 % margin on 0.50162 USD of loaded cost: 1.25405, so 1.26 with the cent rounded up."""
    row = _margins(client, propose="0.6")[0]["acme"]

    assert Decimal(row["proposed_revenue"]) == Decimal("1.26")


def test_outcomes_stand_beside_the_margin(client: TestClient) -> None:
    """Two wanted ones of acme cost a half of its loaded cost each; a plan has none."""
    outcomes = [
        {"id": f"o{n}", "kind": "resolved", "time": "2026-09-21T15:00:00Z", "tenant": "acme",
         "session": "s", "success": n < 2}
        for n in range(3)
    ]  # fmt: skip
    client.post("/v1/outcomes", json={"outcomes": outcomes})
    rows, _ = _margins(client, start_date="2026-09-01", end_date="2026-09-30")

    assert rows["acme"]["successes"] == 2
    assert Decimal(rows["acme"]["cost_per_success"]) == (6 * CALL + Decimal("0.5")) / 2
    assert rows["globex"]["successes"] is None
    assert _margins(client, group_by="plan")[1]["successes"] is None


@pytest.mark.parametrize(
    "words",
    [
        {"group_by": "user"},
        {"where": "environment=prod"},
        {"start_date": "2026-09-01T12:00:00Z"},
        {"as_of": "2026-09-01"},
    ],
    ids=str,
)
def test_what_revenue_cannot_be_told_apart_by_is_refused(
    client: TestClient, words: dict[str, str]
) -> None:
    """A user, an environment, half a day, a former state of knowledge."""
    assert client.get("/v1/analytics/margins", params=words).status_code == 400


def test_filters_and_files_are_those_of_every_question(client: TestClient) -> None:
    """One customer only; as CSV without the total."""
    _earn(client, {"customer": "acme", "amount": "1"}, {"customer": "globex", "amount": "2"})
    rows, total = _margins(client, where="tenant=acme")
    text = client.get(
        "/v1/analytics/margins", params={"format": "csv", "where": "tenant=acme"}
    ).text

    assert (list(rows), total["revenue"]) == (["acme"], "1")
    assert len(text.splitlines()) == 2


def test_a_customer_does_not_ask_what_we_earn(store: Store, tmp_path: Any) -> None:
    """A key with a tenant is refused."""
    keys = tmp_path / KEYS_FILE
    key = create_key(keys, name="acme", role="read", tenant="acme", now_ns=1)[1]
    with TestClient(create_api(store, gate=Gate(keys, open_without_keys=False))) as client:
        answer = client.get("/v1/analytics/margins", headers={"x-api-key": key})

    assert answer.status_code == 403


def _row(tenant: str, cost: str | None, revenue: str | None = "1", **more: Any) -> dict[str, Any]:
    margin = None if None in {cost, revenue} else str(Decimal(revenue or 0) - Decimal(cost or 0))
    return {
        "dimensions": {"tenant": tenant, "plan": "pro"},
        "direct_cost": cost,
        "revenue": revenue,
        "margin": margin,
        "loaded_cost": cost,
        "loaded_margin": margin,
        "calls": 10,
        "unpriced_calls": 0,
        **more,
    }


def test_a_review_names_who_stands_out() -> None:
    """The median cost of the four with a known one is 1: 2 is heavy, 0.5 is efficient."""
    rows = [
        _row("a", "2.00"),
        _row("b", "1.00", revenue=None),
        _row("c", "1.00"),
        _row("d", "0.50", unpriced_calls=1),
        _row("e", None),
        _row("", "9"),
    ]
    found = {one.tenant: one.words for one in review(rows, {})}

    assert found == {
        "a": ("negative margin", "heavy"),
        "b": ("no revenue posted",),
        "c": (),
        "d": ("efficient", "margin too high: calls without a price"),
        "e": (),
    }


def _shared(tenant: str, loaded: str, *, direct: str | None = "0") -> dict[str, Any]:
    """Make what of a customer names no plan: its part of a shared cost."""
    row = _row(tenant, direct, revenue=None, calls=0, loaded_cost=loaded)
    return {**row, "dimensions": {"tenant": tenant, "plan": ""}}


def test_a_part_of_a_shared_cost_counts_in_the_plan_of_its_customer() -> None:
    """1 is paid, 0.4 is spent, 0.7 is shared: a loss once all is counted, and one row a customer."""
    found = review([_row("a", "0.4"), _shared("a", "0.7"), _shared("b", "0.7")], {})

    assert [(one.tenant, one.plan, one.words) for one in found] == [
        ("a", "pro", ("negative margin when fully loaded",)),
        ("b", "", ("no revenue posted",)),
    ]


def test_a_customer_on_two_plans_keeps_what_names_none_apart() -> None:
    """Nobody knows which of them it belongs to."""
    other = _row("a", "0.2")
    other["dimensions"] = {"tenant": "a", "plan": "scale"}
    found = review([_row("a", "0.4"), other, _shared("a", "0.7")], {})

    assert [one.plan for one in found] == ["pro", "scale", ""]


def test_a_part_of_nothing_makes_no_cost_of_calls_without_a_price() -> None:
    """What cannot be priced has no margin, whatever is shared."""
    (one,) = review([_row("a", None, unpriced_calls=10), _shared("a", "0.7")], {})
    assert one.words == ("margin too high: calls without a price",)


@pytest.mark.parametrize(
    ("plan", "months", "used"),
    [
        (Plan(allowance_usd=Decimal(4)), 1, "50"),
        (Plan(allowance_usd=Decimal(4)), 2, "25"),
        (Plan(allowance_usd=Decimal(4), allowance_calls=8), 1, "125"),
        (Plan(), 1, None),
    ],
)
def test_an_allowance_is_used_by_cost_or_by_calls(
    plan: Plan, months: int, used: str | None
) -> None:
    """2 USD of 4, 10 calls of 8: the larger share counts."""
    (one,) = review([_row("a", "2.00")], {"pro": plan}, months=months)

    assert one.used_percent == (None if used is None else Decimal(used))
    assert ("over the allowance" in one.words) == (used == "125")


@pytest.mark.parametrize(
    "text", ["[plans.pro]\nallowance_eur = 3\n", "[plans.pro]\nallowance_usd = 0\n", "=", "x = 1\n"]
)
def test_a_broken_file_of_plans_is_refused(tmp_path: Any, text: str) -> None:
    """A misspelt allowance must not be unlimited."""
    path = tmp_path / "plans.toml"
    path.write_text(text)
    with pytest.raises(BadSettings, match=r"plans\.toml"):
        read_plans(path)


def test_a_file_of_plans_is_exact(tmp_path: Any) -> None:
    """0.1 is 0.1."""
    path = tmp_path / "plans.toml"
    path.write_text("[plans.pro]\nallowance_usd = 0.1\n")

    assert read_plans(path) == {"pro": Plan(allowance_usd=Decimal("0.1"))}
