"""Costs that are no call and change their owner: they stay costs, for every command and answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from amendments.test_reprice import CALL, SEPTEMBER, TENTH_OFF, fill, span
from fastapi.testclient import TestClient
from otel_costattr_collector import answers
from otel_costattr_collector.amendments.heads import heads_of_spans
from otel_costattr_collector.amendments.reattribute import Owners, reattribute
from otel_costattr_collector.amendments.reprice import Repricing, Supposed, reprice, what_if
from otel_costattr_collector.api import create_api
from otel_costattr_collector.bookings import Bookings
from otel_costattr_collector.commands.explain import _line
from otel_costattr_collector.ledger import CostLine, encode, line_of_cost
from otel_costattr_collector.store import Store

from otel_costattr.model import Owner, Span
from otel_costattr.testing import START_NS

VOICE = Decimal("6.21")
OLD_WORDS = (
    "ALTER TABLE ledger UPDATE entry = replaceOne(entry, 'cost_re', 're')"
    " WHERE startsWith(entry, 'cost_') SETTINGS mutations_sync = 1"
)
"""What a ledger looks like whose costs were amended before there were entries for that."""


def _asked(one: Span, request: str) -> Span:
    """Name the request that a call serves."""
    return replace(one, attributes={**one.attributes, "costattr.external_request_id": request})


@pytest.fixture
def books(store: Store) -> Bookings:
    """One call of acme and one of globex, each for a request, and a cost of acme for another."""
    fill(store, [_asked(span(1), "r-8"), _asked(span(2, tenant="globex"), "r-9")])
    cost = CostLine(
        entry="cost",
        identity=("key", "cost:voice"),
        event_ns=START_NS,
        amount_usd=VOICE,
        owner=Owner(
            values={"tenant": "acme", "external_request_id": "r-1"}, sources={"tenant": "local"}
        ),
        source_key="cost:voice",
    )
    store.insert(encode([line_of_cost(cost)], batch_id=9, recorded_ns=START_NS + 10**9))
    return Bookings(store)


@pytest.fixture
def client(store: Store, books: Bookings) -> Iterator[TestClient]:
    """The API over it."""
    with TestClient(create_api(store, bookings=books)) as opened:
        yield opened


def _move(store: Store, books: Bookings, old: str, new: str) -> None:
    """Give the cost alone to another tenant."""
    rows = f"match,set\ntenant={old};external_request_id=r-1,tenant={new}\n"
    assert reattribute(store, books, Owners(csv=rows)).booked == 2


def _by_entry(store: Store, tenant: str) -> dict[str, Decimal]:
    sql = "SELECT entry, sum(amount_usd) FROM ledger WHERE tenant = {t:String} GROUP BY entry"
    return dict(store.query(sql, {"t": tenant}).rows)


def test_a_cost_that_moves_stays_a_cost(store: Store, books: Bookings) -> None:
    """To globex and back: every pair is one of a cost, and acme has 6.21 - 6.21 + 6.21."""
    _move(store, books, "acme", "globex")
    _move(store, books, "globex", "acme")

    assert _by_entry(store, "acme") == {
        "call": CALL,
        "cost": VOICE,
        "cost_reversal": -VOICE,
        "cost_rebook": VOICE,
    }
    assert _by_entry(store, "globex") == {
        "call": CALL,
        "cost_rebook": VOICE,
        "cost_reversal": -VOICE,
    }


@pytest.mark.parametrize("words", ["new", "old"])
def test_nothing_prices_a_cost_as_a_call(store: Store, books: Bookings, words: str) -> None:
    """However its amendment was booked: two calls are looked at, and 6.21 stay."""
    _move(store, books, "acme", "globex")
    if words == "old":
        store.command(OLD_WORDS)

    supposed = what_if(store, Supposed(**SEPTEMBER, model="gpt-4o"))
    found = reprice(store, books, Repricing(**SEPTEMBER, overlays=[TENTH_OFF]))

    assert (supposed.looked_at, found.looked_at, found.changed) == (2, 2, 2)
    assert store.query("SELECT sum(amount_usd) FROM ledger").rows == (
        (VOICE + 2 * CALL * Decimal("0.9"),),
    )


@pytest.mark.parametrize("words", ["new", "old"])
def test_no_late_span_amends_a_cost(store: Store, books: Bookings, words: str) -> None:
    """What arrives under the key of the cost finds no call there."""
    _move(store, books, "acme", "globex")
    if words == "old":
        store.command(OLD_WORDS)

    assert heads_of_spans(store, ["cost:voice"], 0) == {}


def test_what_was_booked_in_old_words_goes_on_in_them(store: Store, books: Bookings) -> None:
    """Both sides of each pair stand in the same sums, so they still sum to nothing."""
    _move(store, books, "acme", "globex")
    store.command(OLD_WORDS)

    _move(store, books, "globex", "tiny")

    assert _by_entry(store, "globex") == {"call": CALL, "rebook": VOICE, "reversal": -VOICE}
    assert _by_entry(store, "tiny") == {"rebook": VOICE}


def _data(client: TestClient, path: str, **asked: str) -> list[dict[str, Any]]:
    answer = client.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        pytest.param("/v1/analytics/prompt-versions", {"group_by": "tenant"}, id="versions"),
        pytest.param("/v1/analytics/retries", {"group_by": "tenant"}, id="retries"),
        pytest.param("/v1/analytics/doctor", {}, id="doctor"),
    ],
)
def test_answers_about_calls_know_nothing_of_costs(
    client: TestClient, store: Store, books: Bookings, path: str, asked: dict[str, str]
) -> None:
    """They say the same with the cost, with its amendments, and of calls alone."""
    with_cost = _data(client, path, **asked)
    _move(store, books, "acme", "globex")
    amended = _data(client, path, **asked)
    store.command("DELETE FROM ledger WHERE startsWith(entry, 'cost')")
    alone = _data(client, path, **asked)

    assert with_cost == amended == alone != []


@pytest.mark.parametrize("period", [{}, SEPTEMBER], ids=["since ever", "a whole month"])
@pytest.mark.parametrize("path", ["/v1/analytics/top", "/v1/analytics/unit-costs"])
def test_a_call_costs_what_it_did_before(
    client: TestClient, store: Store, books: Bookings, path: str, period: dict[str, str]
) -> None:
    """Who loses a cost and who gets it have calls of 0.00027 USD; the cost is in the total."""
    _move(store, books, "acme", "globex")

    rows = {
        row["dimensions"]["tenant"]: row for row in _data(client, path, **period, group_by="tenant")
    }

    assert {name: Decimal(row["cost_per_call"]) for name, row in rows.items()} == {
        "acme": CALL,
        "globex": CALL,
    }
    assert {name: Decimal(row["total_cost"]) for name, row in rows.items()} == {
        "acme": CALL,
        "globex": CALL + VOICE,
    }


def test_focus_calls_a_cost_a_purchase_and_its_amendments_corrections(
    client: TestClient, store: Store, books: Bookings
) -> None:
    """A purchase of 6.21, its correction for acme and the one for globex; calls are usage."""
    _move(store, books, "acme", "globex")

    rows = _data(client, "/v1/exports/focus")

    said = ("ChargeCategory", "ChargeClass", "SubAccountId", "x_Entry")
    assert {tuple(row[name] for name in said): Decimal(row["BilledCost"]) for row in rows} == {
        ("Usage", None, "acme", "call"): CALL,
        ("Usage", None, "globex", "call"): CALL,
        ("Purchase", None, "acme", "cost"): VOICE,
        ("Purchase", "Correction", "acme", "cost_reversal"): -VOICE,
        ("Purchase", "Correction", "globex", "cost_rebook"): VOICE,
    }


@pytest.mark.parametrize("words", ["new", "old"])
def test_each_line_of_its_chain_explains_itself(store: Store, books: Bookings, words: str) -> None:
    """Cost, reversal and rebook: an amount as booked, and all three of the chain."""
    _move(store, books, "acme", "globex")
    if words == "old":
        store.command(OLD_WORDS)
    sql = "SELECT line_id, amount_usd FROM ledger WHERE call_key = '' ORDER BY recorded_ns"

    for line_id, amount in store.query(sql).rows:
        found = answers.explain(store, line_id)
        assert found is not None
        assert found.formula == f"{amount.normalize()} USD, as booked"
        assert [Decimal(one.amount_usd or 0) for one in found.chain] == [VOICE, -VOICE, VOICE]
        printed = list(_line(found.model_dump(mode="json")))
        assert f"cost: {found.formula}" in printed
