"""Statements over a real engine: arithmetic visible, issued once, chained, provisional if in doubt."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from allocation.places import DAY_NS, OCTOBER, insert, shared
from assessed import assessed, unpriced
from fastapi import FastAPI
from fastapi.testclient import TestClient
from otel_costattr_collector.invoices.charging import Used, charged
from otel_costattr_collector.invoices.pages import as_csv, as_html, as_usage
from otel_costattr_collector.invoices.plans import Charge, read_plans
from otel_costattr_collector.invoices.statements import StatementBook
from otel_costattr_collector.ledger import lines_of
from otel_costattr_collector.store import Store

from otel_costattr.errors import BadInput

NOON = OCTOBER + DAY_NS // 2
PLANS = """
issuer = "Example Inc."
[plans.pro]
[[plans.pro.charge]]
name = "Platform"
kind = "fee"
usd = 49.00
[[plans.pro.charge]]
name = "Model usage"
kind = "margin"
margin = 0.30
by = ["feature"]
[[plans.pro.charge]]
name = "Calls"
kind = "allowance"
unit = "calls"
included = 1
usd = 0.50
"""


@pytest.fixture
def client(store: Store, store_api: FastAPI) -> Iterator[TestClient]:
    """October: acme has 2 calls of chat, 1 of search and a cost of 10 USD; globex 1 call."""
    owners = [("acme", "chat"), ("acme", "chat"), ("acme", "search"), ("globex", "chat")]
    calls = [
        assessed(place, owner={"tenant": name, "feature": feature, "plan": "pro"}, start_ns=NOON)
        for place, (name, feature) in enumerate(owners)
    ]
    insert(
        store,
        shared("10", pool="", tenant="acme", feature="search"),
        *(line for one in calls for line in lines_of(one)),
    )
    with TestClient(store_api) as opened:
        yield opened


def _bill(client: TestClient, customer: str = "acme", **more: object) -> dict[str, Any]:
    body = {"customer": customer, "month": "2026-10", "plans": PLANS, **more}
    answer = client.post("/v1/statements", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_statement_says_how_each_amount_came_about(client: TestClient) -> None:
    """49 + (0.00054 x 1.3 -> 0.00) + (10.00027 x 1.3 -> 13.00) + (3 - 1) x 0.5."""
    content = _bill(client)["content"]

    assert [(one["name"], one["detail"], one["amount_usd"]) for one in content["lines"]] == [
        ("Platform", "", "49.00"),
        ("Model usage", "chat", "0.00"),
        ("Model usage", "search", "13.00"),
        ("Calls", "", "1.00"),
    ]
    assert content["lines"][2]["exact_usd"] == str(Decimal("10.00027") * Decimal("1.3"))
    assert content["lines"][2]["formula"] == "10.00027 x 1.3"
    assert content["total_usd"] == "63"
    assert content["cost_usd"] == str(10 + 3 * Decimal("0.00027"))
    assert (content["state"], content["reasons"]) == ("final", [])


def test_an_organisation_is_billed_for_what_rolls_up_to_it(
    client: TestClient, store: Store
) -> None:
    """Three calls of two users of `org_1`, and none of `org_12`: 49 + (3 - 1) x 0.5."""
    names = ("org_1:user_1", "org_1:user_1", "org_1:user_2", "org_12:user_1")
    calls = [
        assessed(20 + place, owner={"tenant": name, "plan": "pro"}, start_ns=NOON)
        for place, name in enumerate(names)
    ]
    insert(store, *(line for one in calls for line in lines_of(one)), batch_id=2)
    plans = f'customer = "tenant_root"\n{PLANS}'
    content = _bill(client, "org_1", plans=plans)["content"]

    assert (content["customer"], content["total_usd"]) == ("org_1", "50")
    assert content["cost_usd"] == str(3 * Decimal("0.00027"))
    answer = client.post(
        "/v1/statements", json={"customer": "org_1", "month": "2026-10", "plans": PLANS}
    )
    assert (answer.status_code, "no plan" in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("charge", "quantity", "exact"),
    [
        # 10 x 8 + 15 x 5 USD, by the million
        (
            {"kind": "tiered", "per": 10**6, "tiers": [{"up_to": 10, "usd": 8}, {"usd": 5}]},
            25 * 10**6,
            155,
        ),
        ({"kind": "tiered", "tiers": [{"up_to": 10, "usd": 8}, {"usd": 5}]}, 10, 80),
        ({"kind": "tiered", "tiers": [{"usd": 5}]}, 0, 0),
        ({"kind": "allowance", "included": 100, "usd": 2, "per": 10}, 150, 10),
        ({"kind": "allowance", "included": 100, "usd": 2}, 100, 0),
        ({"kind": "fee", "usd": 49}, 7, 49),
    ],
)
def test_charges(charge: dict[str, object], quantity: int, exact: int) -> None:
    """Tiers, allowance with overage, and fees."""
    made = Charge.model_validate({"name": "x", "unit": "tokens", **charge})
    used = [Used(detail=(), quantities={"tokens": Decimal(quantity)})]
    (line,) = charged(made, used, Decimal("0.01"))

    assert (line.exact_usd, line.amount_usd) == (Decimal(exact), Decimal(exact))


def test_the_same_again_gives_the_same_statement(client: TestClient, store: Store) -> None:
    """A late call makes a revision that points to the former one; the chain is whole."""
    first, again = _bill(client), _bill(client)
    other = _bill(client, "globex")
    late = assessed(
        77, owner={"tenant": "acme", "feature": "chat", "plan": "pro"}, start_ns=NOON + 1
    )
    insert(store, *lines_of(late), batch_id=2)
    revised = _bill(client)

    assert (first["new"], again["new"], again["sha256"]) == (True, False, first["sha256"])
    assert (other["sequence"], other["previous"], other["revision"]) == (2, first["sha256"], 1)
    assert (revised["revision"], revised["supersedes"]) == (2, first["sha256"])
    verdict = client.get("/v1/statements/verify").json()
    assert verdict == {"statements": 3, "head": revised["sha256"], "problems": []}
    assert client.get(f"/v1/statements/{first['sha256']}").json()["content"] == first["content"]
    assert len(client.get("/v1/statements").json()["statements"]) == 3


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("UPDATE content = replaceOne(content, '49', '48') WHERE sequence = 1", "was changed"),
        ("DELETE WHERE sequence = 1", "one is missing"),
        ("UPDATE customer = 'initech' WHERE sequence = 2", "was changed"),
    ],
)
def test_a_change_of_the_past_is_seen(
    client: TestClient, store: Store, change: str, problem: str
) -> None:
    """Whoever edits a statement, or takes one out, breaks the chain."""
    _bill(client)
    _bill(client, "globex")
    store.command(f"ALTER TABLE statements {change} SETTINGS mutations_sync = 2")

    assert any(problem in one for one in StatementBook(store).verify().problems)


def test_what_the_gates_doubt_is_provisional_or_refused(client: TestClient, store: Store) -> None:
    """A call of acme without a price: the statement says so, --strict refuses it."""
    insert(store, *lines_of(unpriced(5, owner={"tenant": "acme"}, start_ns=NOON)), batch_id=2)
    found = _bill(client, dry_run=True, plans='default="pro"\n' + PLANS)
    body = {"customer": "acme", "month": "2026-10", "plans": PLANS, "strict": True}
    refused = client.post("/v1/statements", json=body)

    assert found["state"] == "provisional"
    assert "1 lines of the customer have no price" in found["content"]["reasons"]
    assert any(one.startswith("gate unpriced fails") for one in found["content"]["reasons"])
    assert refused.status_code == 400
    assert refused.json()["message"].startswith("refused: ")
    assert client.get("/v1/statements").json() == {"statements": []}


def test_a_month_that_is_not_over_is_provisional(client: TestClient) -> None:
    """Nobody is billed for good before the month has ended."""
    found = _bill(client, month="2198-12", dry_run=True, plans='default="pro"\n' + PLANS)

    assert found["content"]["reasons"] == ["the month is not over"]


def test_pages_say_the_same(client: TestClient) -> None:
    """CSV, usage export and page carry the statement's figures; texts are never markup or formula."""
    statement = _bill(client, plans=PLANS.replace('"Platform"', '"=<b>Platform</b>"'))
    page, lines, usage = as_html(statement), as_csv(statement), as_usage(statement)

    assert "=&lt;b&gt;Platform&lt;/b&gt;" in page
    assert "<b>" not in page
    assert "http" not in page.replace("https://", "").replace("http://", "")
    assert ",'=<b>Platform</b>,," in lines
    assert lines.splitlines()[3].endswith(",search,10.00027,cost,10.00027 x 1.3,13.000351,13.00")
    assert usage.splitlines()[0] == (
        "customer,period,feature,model,calls,input_tokens,output_tokens,cost"
    )
    assert "acme,2026-10,chat,gpt-4o-mini,2,2000,400,0.00054" in usage.splitlines()


@pytest.mark.parametrize(
    ("plans", "message"),
    [
        ("[[", "cannot be read as TOML"),
        ("", "plans: plans: Field required"),
        ('[plans.a]\ncharge=[{name="x",kind="fee"}]', "of kind fee needs usd"),
        ('[plans.a]\ncharge=[{name="x",kind="margin"}]', "needs margin"),
        ('[plans.a]\ncharge=[{name="x",kind="tiered"}]', "needs tiers"),
        ('[plans.a]\ncharge=[{name="x",kind="fee",usd=1,by=["feature"]}]', "`by` goes with"),
        ('[plans.a]\ncharge=[{name="x",kind="tiered",tiers=[{up_to=1,usd=1}]}]', "no up_to"),
        (
            '[plans.a]\ncharge=[{name="x",kind="tiered",tiers=[{usd=2},{usd=1}]}]',
            "up_to has to rise",
        ),
        ('default="b"\n[plans.a]\ncharge=[{name="x",kind="fee",usd=1}]', "no plan 'b'"),
        ('gates=["b"]\n[plans.a]\ncharge=[{name="x",kind="fee",usd=1}]', "'b' is no gate"),
    ],
)
def test_plans_that_make_no_sense_are_refused(plans: str, message: str) -> None:
    """The message says what is wrong."""
    with pytest.raises(BadInput) as refusal:
        read_plans(plans)

    assert message in str(refusal.value)


def test_a_customer_without_a_plan_is_refused(client: TestClient) -> None:
    """Nobody guesses what somebody pays."""
    body = {"customer": "nobody", "month": "2026-10", "plans": PLANS}

    assert "has no plan" in client.post("/v1/statements", json=body).json()["message"]
