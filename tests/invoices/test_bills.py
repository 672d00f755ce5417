"""Reconciliation over a real engine: compared, booked once, and the ledger then says what was billed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from allocation.places import DAY_NS, OCTOBER, insert
from assessed import assessed, priced, unpriced
from fastapi.testclient import TestClient
from otel_costattr_collector.api import create_api
from otel_costattr_collector.bookings import Bookings
from otel_costattr_collector.closing.closer import Closer
from otel_costattr_collector.commands.reconcile import comparison_text
from otel_costattr_collector.ledger import lines_of
from otel_costattr_collector.ledger.dates import dated
from otel_costattr_collector.store import Store

from otel_costattr.pricing import read_overlay, shipped_book

NOON = OCTOBER + DAY_NS // 2
CALL = Decimal("0.00027")
BILL: dict[str, Any] = {
    "id": "oct",
    "provider": "openai",
    "lines": [
        {"day": "2026-10-01", "model": "gpt-4o-mini-2024-07-18", "amount_usd": "0.00027"},
        {"day": "2026-10-02", "model": "gpt-4o-mini", "amount_usd": "0.00100"},
        {"day": "2026-10-02", "kind": "tax", "amount_usd": "0.00005"},
        {"day": "2026-10-03", "model": "gpt-4o-mini", "amount_usd": "0.00027"},
    ],
}


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    """One call of 0.00027 USD on 1 and 2 October; on the 2nd one without a price as well."""
    calls = [
        assessed(1, start_ns=NOON),
        assessed(2, start_ns=NOON + DAY_NS),
        unpriced(3, start_ns=NOON + DAY_NS, request_model="gpt-4o-mini", response_model=""),
    ]
    insert(store, *(line for one in calls for line in lines_of(one)))
    with TestClient(create_api(store)) as opened:
        assert opened.post("/v1/invoices", json=BILL).json() == {"accepted": 1, "duplicates": 0}
        yield opened


def _reconcile(client: TestClient, bill: str = "oct", **more: object) -> dict[str, Any]:
    body = {"bill": bill, "first_day": "2026-10-01", "last_day": "2026-10-31", **more}
    answer = client.post("/v1/reconcile", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_gap_is_split_into_its_causes(client: TestClient) -> None:
    """0.00100 - 0.00027 of the 2nd has no price, the call of the 3rd was not traced, and the tax."""
    found = _reconcile(client)
    causes = {cause: usd for cause, usd in found["causes"].items() if usd != "0"}

    assert causes == {"tax": "0.00005", "unpriced": "0.00073", "untraced": "0.00027"}
    assert found["gap_usd"] == str(Decimal("0.00159") - 2 * CALL)
    assert [(cell["day"], cell["model"]) for cell in found["cells"]] == [
        ("2026-10-02", ""),
        ("2026-10-02", "gpt-4o-mini"),
        ("2026-10-03", "gpt-4o-mini"),
    ]


def test_true_ups_make_the_ledger_say_what_was_billed(client: TestClient, store: Store) -> None:
    """Three lines, once; each explains itself."""
    posted = [_reconcile(client, post=True)["lines"] for _ in range(2)]
    sql = "SELECT toDate(event_ns), sum(amount_usd) FROM ledger GROUP BY 1 ORDER BY 1"
    days = [usd for _, usd in store.query(sql).rows]
    line_id = store.query(
        "SELECT line_id FROM ledger WHERE entry = 'true_up' AND cost_type = 'untraced'"
    ).rows[0][0]

    assert posted == [3, 0]
    assert days == [CALL, Decimal("0.00105"), CALL]
    explained = client.get(f"/v1/explain/{line_id}").json()
    assert explained["formula"] == (
        "bill oct: untraced on 2026-10-03, billed 0.00027 USD, booked 0 USD = 0.00027 USD"
    )
    assert explained["line"]["cause"] == "reconcile:oct:untraced"


def test_what_comes_later_changes_the_true_up(client: TestClient, store: Store) -> None:
    """The call of the 3rd arrives late: its true-up is taken back, and again nothing happens."""
    _reconcile(client, post=True)
    insert(store, *lines_of(assessed(9, start_ns=NOON + 2 * DAY_NS)), batch_id=2)
    posted = [_reconcile(client, post=True)["lines"] for _ in range(2)]

    assert posted == [1, 0]
    total = store.query("SELECT sum(amount_usd) FROM ledger").rows[0][0]
    assert total == sum(Decimal(str(line["amount_usd"])) for line in BILL["lines"])


def test_a_bill_is_kept_once(client: TestClient) -> None:
    """The same again is a duplicate, other lines under its id are a conflict."""
    again = client.post("/v1/invoices", json=BILL)
    other = client.post("/v1/invoices", json={**BILL, "lines": BILL["lines"][:1]})

    assert again.json() == {"accepted": 0, "duplicates": 1}
    assert other.status_code == 409


@pytest.mark.parametrize(
    ("body", "message"),
    [({"bill": "nov"}, "there is no bill 'nov'"), ({"last_day": "2026-09-30"}, "ends before")],
)
def test_an_order_that_makes_no_sense_is_refused(
    client: TestClient, body: dict[str, object], message: str
) -> None:
    """The message says why."""
    order = {"bill": "oct", "first_day": "2026-10-01", "last_day": "2026-10-31", **body}
    answer = client.post("/v1/reconcile", json=order)

    assert answer.status_code == 400
    assert message in answer.json()["message"]


def _causes(found: dict[str, Any]) -> dict[str, str]:
    return {cause: usd for cause, usd in found["causes"].items() if usd != "0"}


def _revised(client: TestClient, name: str, **amounts: str) -> dict[str, Any]:
    """Post the bill again with other amounts, by day of October, and book the gap."""
    lines = [
        {**line, "amount_usd": amounts.get(f"of_{line['day'][-1]}", line["amount_usd"])}
        for line in BILL["lines"]
        if "kind" not in line
    ]
    bill = {**BILL, "id": name, "lines": lines}
    assert client.post("/v1/invoices", json=bill).status_code == 200
    return _reconcile(client, name, post=True)


def test_a_revised_bill_books_what_was_revised(client: TestClient, store: Store) -> None:
    """The tax is gone and the 2nd costs 0.0001 more; causes are those of the ledger before."""
    _reconcile(client, post=True)
    found = _revised(client, "oct-2", of_2="0.00110")

    assert _causes(found) == {"unpriced": "0.00083", "untraced": "0.00027"}
    assert found["lines"] == 2
    rows = store.query(
        "SELECT cost_type, amount_usd FROM ledger WHERE run_id = 'reconcile:oct-2' ORDER BY 1"
    ).rows
    assert rows == (("tax", Decimal("-0.00005")), ("unpriced", Decimal("0.0001")))
    total = store.query("SELECT sum(amount_usd) FROM ledger").rows[0][0]
    assert total == Decimal("0.00027") + Decimal("0.00110") + Decimal("0.00027")


def test_the_bill_that_was_posted_last_stands(client: TestClient, store: Store) -> None:
    """Back and forth between two bills, each time only the difference, however often."""
    totals = []
    for _ in range(2):
        _reconcile(client, post=True)
        totals.append(store.query("SELECT sum(amount_usd) FROM ledger").rows[0][0])
        _revised(client, "oct-2", of_2="0.00110")
        totals.append(store.query("SELECT sum(amount_usd) FROM ledger").rows[0][0])

    first, second = Decimal("0.00159"), Decimal("0.00164")
    assert totals == [first, second, first, second]


def test_a_closed_month_is_held_against_a_bill_as_it_happened(
    client: TestClient, store: Store
) -> None:
    """A call of October that is dated later counts, and so do the true-ups, once."""
    books = Bookings(store)
    (line,) = lines_of(assessed(9, start_ns=NOON + 2 * DAY_NS))
    later = dated(line, NOON + 60 * DAY_NS, closed="2026-10")
    insert(store, later, batch_id=2)
    Closer(store, books.closed, books.amending, clock=lambda: NOON + 60 * DAY_NS).close(
        "2026-10", who="test", note=""
    )
    before = store.query(OCTOBERS).rows
    found = [_reconcile(client, post=True) for _ in range(2)]

    assert [one["lines"] for one in found] == [2, 0]
    assert found[0]["closed_months"] == ["2026-10"]
    assert "note: 2026-10 is closed: true-ups are dated" in comparison_text(found[0])
    assert store.query(OCTOBERS).rows == before
    total = store.query("SELECT sum(amount_usd) FROM ledger").rows[0][0]
    assert total == sum(Decimal(str(one["amount_usd"])) for one in BILL["lines"])


OCTOBERS = "SELECT sum(amount_usd), sum(lines) FROM ledger WHERE toYYYYMM(event_ns) = 202610"


def test_the_service_s_book_names_models_and_prices_metrics(store: Store) -> None:
    """A contract of the operator counts for bills and for posted costs, not the shipped book."""
    text = (
        '[[model]]\nprovider = "openai"\nmodel = "acme-7b"\n'
        "rates = {input = 1, output = 2}\n"
        '[[alias]]\nprovider = "openai"\nname = "prod-chat"\nmodel = "acme-7b"\n'
        '[[metric]]\nsource = "gpu"\nmetric = "hours"\nrate = 3\n'
    )
    book = shipped_book().with_overlay(read_overlay(text, source="contract.toml"))
    calls = [assessed(1, start_ns=NOON, price=replace(priced({"input": 1}), model="acme-7b"))]
    insert(store, *(line for one in calls for line in lines_of(one)))
    bill = {
        "id": "own",
        "provider": "openai",
        "lines": [{"day": "2026-10-01", "model": "prod-chat", "amount_usd": "0.00000015"}],
    }
    cost = {
        "id": "1",
        "time": "2026-10-02T00:00:00Z",
        "source": "gpu",
        "metric": "hours",
        "quantity": 2,
    }
    with TestClient(create_api(store, book=book)) as client:
        client.post("/v1/invoices", json=bill)
        found = _reconcile(client, "own")
        posted = client.post("/v1/costs", json=cost)

    assert (found["gap_usd"], found["cells"]) == ("0", [])
    assert posted.status_code == 200, posted.text
    amount = store.query("SELECT amount_usd FROM ledger WHERE entry = 'cost'").rows[0][0]
    assert amount == 6
