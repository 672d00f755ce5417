"""Runs over a real engine: shown, booked once, replaced, taken back, and always adding up."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from allocation.places import DAY_NS, OCTOBER, by, insert, shared
from assessed import assessed
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otel_costattr_collector.ledger import lines_of
from otel_costattr_collector.store import Store

NOON = OCTOBER + DAY_NS // 2
CALL = Decimal("0.00027")  # 1,000 x 0.15 + 200 x 0.60 USD per million
DIRECT = "entry != 'allocation'"
RULES = """
name = "monthly"

[[rule]]
name = "gpu"
pool = "gpu"
target = "tenant"
basis = "calls"
"""
ROLLUPS = ("spend_by_tenant_day", "spend_by_feature_15m", "spend_by_session")


@pytest.fixture
def client(store: Store, store_api: FastAPI) -> Iterator[TestClient]:
    """12 USD of GPU on 1 October and 6 on the 2nd; 3 calls of acme, 1 of globex, 1 free, 1 of nobody."""
    owners = ["acme", "acme", "acme", "globex", "tiny", ""]
    calls = [
        assessed(
            place,
            owner={"tenant": name, "plan": "free" if name == "tiny" else "pro", "feature": "chat"},
            start_ns=NOON + place,
        )
        for place, name in enumerate(owners)
    ]
    insert(
        store,
        shared("12", pool="gpu", feature="infra"),
        shared("6", pool="gpu", name="2", day=2, feature="infra"),
        *(line for one in calls for line in lines_of(one)),
    )
    with TestClient(store_api) as opened:
        yield opened


def _post(client: TestClient, rules: str = RULES, **more: object) -> dict[str, Any]:
    body = {"rules": rules, "first_day": "2026-10-01", "last_day": "2026-10-31", **more}
    answer = client.post("/v1/allocations", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _lines(store: Store) -> int:
    found: int = store.query("SELECT count() FROM ledger").rows[0][0]
    return found


def test_shared_costs_go_to_who_made_the_calls(client: TestClient, store: Store) -> None:
    """18 USD by calls 3:1:1 (nobody's call has no name): 10.80, 3.60 and 3.60."""
    before = by(store, "feature")
    run = _post(client)

    loaded = by(store, "tenant")
    assert loaded == {
        "acme": Decimal("10.8") + 3 * CALL,
        "globex": Decimal("3.6") + CALL,
        "tiny": Decimal("3.6") + CALL,
        "": CALL,
    }
    assert by(store, "tenant", DIRECT)[""] == 18 + CALL
    assert by(store, "feature") == before
    assert run["state"] == "posted"
    assert run["lines"] == 8  # two days, each one line away and three to tenants
    assert run["rules"][0]["moved_usd"] == "18"
    assert [share["amount_usd"] for share in run["rules"][0]["shares"]] == ["10.8", "3.6", "3.6"]


def test_a_dry_run_books_nothing(client: TestClient, store: Store) -> None:
    """It says what the run then does."""
    lines = _lines(store)
    shown = _post(client, dry_run=True)

    assert shown["state"] == "preview"
    assert _lines(store) == lines
    posted = _post(client)
    assert {**shown, "state": "posted"} == posted


def test_the_same_again_changes_nothing(client: TestClient, store: Store) -> None:
    """A second run finds that nothing changed and books no line; so does its dry run."""
    _post(client)
    lines = _lines(store)

    assert [_post(client)["state"], _post(client, dry_run=True)["state"]] == ["unchanged"] * 2
    assert _lines(store) == lines


def test_a_run_after_a_change_replaces_the_former_one(client: TestClient, store: Store) -> None:
    """A late GPU cost of 5 USD: 23 USD are allocated, once; the former run sums to zero."""
    _post(client)
    insert(store, shared("5", pool="gpu", name="late", day=3), batch_id=2)

    run = _post(client)

    assert run["replaces"] == [run["run_id"]]
    assert by(store, "tenant", f"NOT ({DIRECT})") == {
        "acme": Decimal("13.8"),
        "globex": Decimal("4.6"),
        "tiny": Decimal("4.6"),
        "": Decimal(-23),
    }
    assert _post(client)["state"] == "unchanged"


def test_other_rules_of_the_same_name_replace_the_former_run(
    client: TestClient, store: Store
) -> None:
    """Then back again to the first rules: each time exactly one run is in force."""
    first = _post(client)
    even = RULES.replace('"calls"', '"even"')
    second = _post(client, even)
    shares = by(store, "tenant", f"NOT ({DIRECT})")
    third = _post(client)

    assert second["replaces"] == [first["run_id"]]
    assert shares["acme"] == shares["globex"] == 6
    assert third["run_id"] == first["run_id"]
    assert by(store, "tenant")["acme"] == Decimal("10.8") + 3 * CALL
    runs = client.get("/v1/allocations").json()["runs"]
    assert [(run["posting"], run["in_force"]) for run in runs] == [
        (1, False),
        (1, False),
        (2, True),
    ]


def test_a_run_is_taken_back_whole(client: TestClient, store: Store) -> None:
    """Everything is as before, in ledger and rollups; again, nothing happens."""
    tables = ("ledger", *ROLLUPS)
    before = {table: _sums(store, table) for table in tables}
    run = _post(client)
    taken = [
        client.post("/v1/allocations/reverse", json={"run_id": run["run_id"]}).json()["lines"]
        for _ in range(2)
    ]

    assert taken == [8, 0]
    assert {table: _sums(store, table) for table in tables} == before
    assert by(store, "tenant")[""] == 18 + CALL


def _sums(store: Store, table: str) -> tuple[object, ...]:
    measures = "sum(t.calls), sum(t.amount_usd), sum(t.list_usd)"
    direct = "sumIf(t.amount_usd, t.entry != 'allocation')"
    return store.query(f"SELECT {measures}, {direct} FROM {table} AS t").rows[0]


def test_direct_and_fully_loaded_are_two_measures(client: TestClient) -> None:
    """The report says which; without a word it is direct. Both have the same total."""
    _post(client)
    answers = {
        measure: client.get("/v1/analytics/costs", params=parameters).json()
        for measure, parameters in (
            ("direct", {}),
            ("fully_loaded", {"measure": "fully_loaded"}),
        )
    }

    costs = {
        measure: {row["entity_id"]: row["total_cost"] for row in answer["data"]}
        for measure, answer in answers.items()
    }
    assert {answer["measure"] for answer in answers.values()} == set(answers)
    assert costs["direct"]["acme"] == str(3 * CALL)
    assert costs["fully_loaded"]["acme"] == "10.80081"
    assert {answer["total"]["total_cost"] for answer in answers.values()} == {"18.00162"}
    assert {answer["total"]["calls"] for answer in answers.values()} == {6}


def test_free_plans_go_to_a_cost_centre(client: TestClient, store: Store) -> None:
    """What tiny's free calls cost is the tenant free_users', after its share of the GPU."""
    free = '[[rule]]\nname="free"\nwhere=["plan=free"]\ntarget="tenant"\nvalue="free_users"\n'
    _post(client, RULES + free)

    loaded = by(store, "tenant")
    assert loaded["tiny"] == Decimal("3.6")  # the GPU's share has no plan, so it stays
    assert loaded["free_users"] == CALL


def test_provisioned_capacity_is_spread_by_the_use_of_committed_calls(
    client: TestClient, store: Store
) -> None:
    """100 USD of capacity by tokens of committed calls: 1,200 of acme and 3,600 of globex."""
    used = [
        assessed(
            50 + place,
            owner={"tenant": name},
            counts={"input": tokens, "output": 0},
            start_ns=NOON,
            status="committed",
        )
        for place, (name, tokens) in enumerate([("acme", 1200), ("globex", 3600)])
    ]
    lines = [line for one in used for line in lines_of(one)]
    committed = [_with_status(line, "committed") for line in lines]
    insert(store, shared("100", pool="ptu"), *committed, batch_id=3)
    _post(
        client,
        '[[rule]]\npool="ptu"\ntarget="tenant"\nbasis="tokens"\namong=["status=committed"]\n',
    )

    assert by(store, "tenant", "cost_pool = 'ptu'") == {
        "acme": Decimal(25),
        "globex": Decimal(75),
        "": Decimal(0),
    }


def _with_status(line: tuple[object, ...], status: str) -> tuple[object, ...]:
    from otel_costattr_collector.allocation.placing import placed  # noqa: PLC0415 - one test's

    return placed(line, status=status)


@pytest.mark.parametrize("grain", ["day", "month"])
def test_every_posted_line_explains_itself(client: TestClient, store: Store, grain: str) -> None:
    """Rule, weight, whole and the amount that was moved stand in what explain answers."""
    _post(client, f'grain="{grain}"\n{RULES}')
    sql = "SELECT line_id FROM ledger WHERE entry = 'allocation' AND tenant = 'acme' ORDER BY amount_usd"
    line_id = store.query(sql).rows[-1][0]
    body = client.get(f"/v1/explain/{line_id}").json()

    moved = {"day": ("12", "7.2"), "month": ("18", "10.8")}[grain]
    assert body["formula"] == f"gpu: 3 of 5 calls of {moved[0]} USD to tenant acme = {moved[1]} USD"
    assert body["line"]["provenance"]["allocation.rule"] == "gpu"
    assert body["line"]["cause"] == "allocate:gpu"
    assert body["line"]["run_id"].startswith("allocation:monthly:2026-10-01:2026-10-31:")


def test_a_line_that_was_taken_back_explains_itself(client: TestClient, store: Store) -> None:
    """It says so, and names the line that it takes back; that one names it as well."""
    run = _post(client)
    client.post("/v1/allocations/reverse", json={"run_id": run["run_id"]})
    sql = (
        "SELECT line_id, amends FROM ledger WHERE startsWith(cause, 'reverse:') AND tenant = 'tiny'"
    )
    back, first = store.query(sql).rows[0]
    found = [client.get(f"/v1/explain/{line_id}").json() for line_id in (back, first)]

    assert found[0]["formula"].startswith("taken back: gpu: 1 of 5 calls of ")
    assert [[one["line_id"] for one in body["chain"]] for body in found] == [[first, back]] * 2


def test_costs_without_a_price_are_named_and_stay(client: TestClient, store: Store) -> None:
    """Unknown is not moved as zero: the run says how many lines it could not move."""
    insert(store, shared(None, pool="gpu", name="?"), shared("1", pool="idle"), batch_id=2)
    run = _post(client)

    assert run["unpriced_lines"] == 1
    assert any("1 lines have no price" in note for note in run["notes"])
    assert any("pool 'idle' has costs in the period and no rule" in note for note in run["notes"])


def test_weights_by_revenue_may_come_with_the_order(client: TestClient, store: Store) -> None:
    """18 USD by revenue 100 to 200: 6 and 12."""
    rules = RULES.replace('"calls"', '"revenue"')
    _post(client, rules, weights={"": {"acme": "100", "globex": "200"}})

    assert by(store, "tenant", f"NOT ({DIRECT})") == {
        "acme": Decimal(6),
        "globex": Decimal(12),
        "": Decimal(-18),
    }


def test_revenue_that_is_kept_here_weighs(client: TestClient, store: Store) -> None:
    """Acme pays 310 USD for October, globex 610 for October and November: the same by day."""
    posted = [
        {"customer": "acme", "period": "2026-10", "amount": "310"},
        {"customer": "globex", "period": "2026-10-01/2026-11-30", "amount": "610"},
    ]
    revenue = [{"id": str(place), "currency": "USD", **one} for place, one in enumerate(posted)]
    answer = client.post("/v1/revenue", json={"revenue": revenue})
    assert answer.status_code == 200, answer.text
    _post(client, RULES.replace('"calls"', '"revenue"'))

    # globex: 610 USD for 61 days are 10 a day, 310 for the 31 days of October.
    moved = by(store, "tenant", f"NOT ({DIRECT})")
    assert moved == {"acme": Decimal(9), "globex": Decimal(9), "": Decimal(-18)}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param({"rules": "name = 3"}, "name: use", id="rules"),
        pytest.param({"first_day": "2026-11-01"}, "before it starts", id="period"),
        pytest.param({"weights": {"gpu": {"a": "1"}}}, "no rule by revenue", id="weights"),
        pytest.param(
            {"rules": RULES.replace("calls", "revenue").replace('"tenant"', '"team"')},
            "not by team",
            id="revenue of teams",
        ),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(
    client: TestClient, store: Store, body: dict[str, object], message: str
) -> None:
    """The message says what to do; nothing is booked."""
    lines = _lines(store)
    order = {"rules": RULES, "first_day": "2026-10-01", "last_day": "2026-10-31", **body}
    answer = client.post("/v1/allocations", json=order)

    assert answer.status_code == 400
    assert message in answer.json()["message"]
    assert _lines(store) == lines


def test_a_period_that_overlaps_a_run_in_force_is_refused(client: TestClient) -> None:
    """Else the same cost would be moved twice."""
    _post(client)
    order = {"rules": RULES, "first_day": "2026-10-15", "last_day": "2026-11-15"}
    answer = client.post("/v1/allocations", json=order)

    assert answer.status_code == 400
    assert "--reverse allocation:monthly:" in answer.json()["message"]


def test_a_second_set_of_rules_moves_on_what_the_first_moved(
    client: TestClient, store: Store
) -> None:
    """The pool is empty after the first set, so the second moves it no second time."""
    _post(client)
    again = _post(client, RULES.replace("monthly", "other"))

    assert again["rules"][0]["moved_usd"] == "0"
    assert sum(by(store, "tenant", f"NOT ({DIRECT})").values()) == 0


def test_an_unknown_run_cannot_be_taken_back(client: TestClient) -> None:
    """The message says where to look."""
    answer = client.post("/v1/allocations/reverse", json={"run_id": "allocation:x"})

    assert (answer.status_code, "allocate --list" in answer.text) == (400, True)


RULE = st.builds(
    '[[rule]]\nname="r{}"\n{}\ntarget="{}"\nbasis="{}"\n'.format,
    st.uuids(),
    st.sampled_from(['pool="gpu"', 'where=["tenant="]', 'where=["plan=free"]']),
    st.sampled_from(["tenant", "feature", "plan"]),
    st.sampled_from(["calls", "tokens", "cost", "even"]),
)


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(RULE, min_size=1, max_size=3))
def test_whatever_is_allocated_the_books_add_up(
    client: TestClient, store: Store, rules: list[str]
) -> None:
    """Ledger and rollups keep total, calls and every dimension that no rule moves; ids are unique."""
    before = _sums(store, "ledger")
    models = by(store, "model")
    _post(client, 'name="any"\n' + "".join(rules))

    assert [_sums(store, table) for table in ("ledger", *ROLLUPS)] == [before] * 4
    assert by(store, "model") == models
    twice = "SELECT count() FROM (SELECT line_id FROM ledger GROUP BY line_id HAVING count() > 1)"
    assert store.query(twice).rows[0][0] == 0
