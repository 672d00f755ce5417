"""`POST /v1/costs`: each id once, in every total, and explained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from assessed import assessed
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otel_costattr_collector.access import KEYS_FILE, Gate
from otel_costattr_collector.access.keys import create_key
from otel_costattr_collector.api import create_api
from otel_costattr_collector.bookings import Bookings
from otel_costattr_collector.costs.book import CostBook
from otel_costattr_collector.costs.ids import CostIds, in_ledger
from otel_costattr_collector.costs.lines import CostLines
from otel_costattr_collector.ingest.cardinality import OTHER, Fold
from otel_costattr_collector.ledger import encode, lines_of
from otel_costattr_collector.metrics import Metrics
from otel_costattr_collector.store import Store

from otel_costattr.errors import RetryableError
from otel_costattr.pricing import read_overlay, shipped_book

CALL = Decimal("0.00027")
RATES = '[[metric]]\nsource="elevenlabs"\nmetric="characters"\nrate="0.00018"\n'
GPU: dict[str, object] = {
    "id": "gpu-1",
    "time": "2026-09-21T15:00:00Z",
    "amount_usd": "12.50",
    "cost_type": "compute",
    "description": "rented GPU",
    "tenant": "acme",
    "session": "s-1",
}
VOICE: dict[str, object] = {
    "id": "voice-1",
    "time": "2026-09-21T15:00:00Z",
    "source": "ElevenLabs",
    "metric": "characters",
    "quantity": 1200,
    "entity_type": "customer",
    "entity_id": "acme",
    "tags": {"voice": "anna"},
}


def api_over(store: Store, *, limit: int = 50_000) -> TestClient:
    """Open the API with a rate for characters and a limit of values, as after a start."""
    bookings = Bookings(store)
    book = shipped_book().with_overlay(read_overlay(RATES, source="rates.toml"))
    fold = Fold(limit=limit, zone="UTC", metrics=Metrics())
    lines = CostLines(book, fold=fold.owner)
    costs = CostBook(bookings, CostIds(in_ledger(store)), lines)
    return TestClient(create_api(store, bookings=bookings, costs=costs))


@pytest.fixture
def called(store: Store) -> Store:
    """One call of acme in session s-1."""
    made = assessed(1, owner={"tenant": "acme", "session": "s-1"})
    store.insert(encode(lines_of(made), batch_id=1, recorded_ns=1))
    return store


@pytest.fixture
def client(called: Store) -> Iterator[TestClient]:
    """The API over one call of acme in session s-1."""
    with api_over(called) as opened:
        yield opened


def post(client: TestClient, posted: object) -> tuple[int, dict[str, Any]]:
    """Post costs."""
    answer = client.post("/v1/costs", json=posted)
    found: dict[str, Any] = answer.json()
    return answer.status_code, found


def total(client: TestClient, **asked: str) -> Decimal:
    """Ask what things cost."""
    answer = client.get("/v1/analytics/costs", params=asked).json()
    summed = sum((Decimal(row["total_cost"] or 0) for row in answer["data"]), Decimal(0))
    found = Decimal(answer["total"]["total_cost"])
    assert summed == found
    return found


def test_a_cost_stands_beside_calls_in_every_total(client: TestClient) -> None:
    """12.50 posted and 1,200 x 0.00018 join the call in tenant, session and whole."""
    code, taken = post(client, [GPU, VOICE])

    assert (code, taken["accepted"], taken["duplicates"]) == (200, 2, 0)
    voice = 1200 * Decimal("0.00018")
    for dimension in ("tenant", "session", "feature", "provider", "entry", "tags.voice"):
        assert total(client, group_by=dimension) == CALL + Decimal("12.5") + voice
    rows = client.get("/v1/analytics/costs", params={"group_by": "tenant"}).json()["data"]
    assert [(row["entity_id"], row["calls"]) for row in rows] == [("acme", 1)]
    assert total(client, group_by="session", entity_id="s-1") == CALL + Decimal("12.5")


def test_a_dimension_with_too_many_values_is_folded_and_a_retry_is_known(store: Store) -> None:
    """Of three features one stays; 3 USD stay 3 USD; the same post again is three duplicates."""
    posted = [GPU | {"id": f"c{n}", "amount_usd": "1", "feature": f"f{n}"} for n in (1, 2, 3)]
    with api_over(store, limit=1) as client:
        code, taken = post(client, posted)
        assert (code, taken["accepted"]) == (200, 3)
        assert total(client, group_by="feature") == 3
        rows = client.get("/v1/analytics/costs", params={"group_by": "feature"}).json()["data"]
        assert {row["entity_id"]: Decimal(row["total_cost"]) for row in rows} == {
            "f1": 1,
            OTHER: 2,
        }
    for limit in (1, 50_000):
        with api_over(store, limit=limit) as client:
            code, again = post(client, posted)
            assert (code, again["accepted"], again["duplicates"]) == (200, 0, 3)
            assert post(client, [posted[2] | {"feature": "other"}])[0] == 409
            assert total(client, group_by="feature") == 3


def test_each_line_explains_itself(client: TestClient) -> None:
    """Amount as posted, quantity times rate with its entry, and who owns it."""
    _, taken = post(client, [GPU, VOICE])
    gpu, voice = (client.get(f"/v1/explain/{line}").json() for line in taken["lines"])

    assert gpu["formula"] == "12.5 USD, as posted"
    assert (gpu["owner"], gpu["line"]["source_key"]) == (
        {"tenant": "acme", "session": "s-1"},
        "cost:gpu-1",
    )
    assert voice["formula"] == "1200 characters x 0.00018/1 = 0.216 USD"
    assert voice["price"]["entry"] == "elevenlabs/characters"
    assert voice["owner"] == {"tenant": "acme", "tags.voice": "anna"}


def test_without_a_rate_a_cost_is_unpriced_and_no_zero(client: TestClient) -> None:
    """It is in the ledger with its reason, and adds nothing."""
    _, taken = post(client, VOICE | {"metric": "minutes"})
    found = client.get(f"/v1/explain/{taken['lines'][0]}").json()

    assert (found["amount_usd"], found["status"]) == (None, "unpriced")
    assert list(found["reasons"]) == ["unknown_metric"]
    assert total(client, group_by="tenant") == CALL


def test_posting_again_changes_nothing_even_after_a_restart(
    client: TestClient, store: Store
) -> None:
    """The same content is a duplicate, other content a conflict, whoever remembers."""
    post(client, GPU)

    for again in (client, api_over(store)):
        code, taken = post(again, [GPU | {"amount_usd": 12.5}, GPU])
        assert (code, taken["accepted"], taken["duplicates"]) == (200, 0, 2)
        code, refused = post(again, [VOICE, GPU | {"amount_usd": "12.51"}])
        assert (code, refused["code"]) == (409, "conflict")
        assert total(again, group_by="tenant") == CALL + Decimal("12.5")
    assert post(client, [VOICE, VOICE | {"quantity": 7}])[0] == 409


@pytest.mark.parametrize(
    "posted",
    [
        [],
        [GPU] * 1001,
        "text",
        GPU | {"time": "yesterday"},
        GPU | {"amount_usd": "1e12"},
        GPU | {"amount_usd": "NaN"},
        GPU | {"amount_usd": None},
        GPU | {"id": ""},
        GPU | {"colour": "red"},
        GPU | {"user": "anna@example.com"},
        GPU | {"tags": {"a b": "x"}},
        VOICE | {"quantity": -1},
        {**VOICE, "metric": ""},
        [VOICE, GPU | {"trace_id": "xyz"}],
    ],
)
@pytest.mark.usefixtures("called")
def test_a_cost_that_makes_no_sense_is_refused_and_none_is_booked(
    store_api: FastAPI, posted: object
) -> None:
    """The refusal says which one and why."""
    with TestClient(store_api) as client:
        code, refused = post(client, posted)

        assert (code, refused["code"]) == (400, "bad_request")
        assert total(client, group_by="tenant") == CALL


def test_a_number_is_taken_as_it_is_written(client: TestClient) -> None:
    """A JSON number never passes through a double."""
    exact = "1234567.123456789012"
    body = f'{{"id": "n", "time": "2026-09-21T15:00:00Z", "amount_usd": {exact}}}'
    assert client.post("/v1/costs", content=body).status_code == 200
    assert total(client, group_by="tenant") == CALL + Decimal(exact)


def test_what_could_not_be_written_may_be_posted_again(store: Store) -> None:
    """An id is taken only with its cost."""

    def refuse(blocks: Sequence[object]) -> None:
        raise RetryableError(f"{len(blocks)} blocks: not now")

    ids = CostIds(in_ledger(store))
    lines = CostLines(shipped_book())
    failing = CostBook(Bookings(store, write=refuse), ids, lines)
    working = CostBook(Bookings(store), ids, lines)
    with TestClient(create_api(store, costs=failing)) as client:
        assert post(client, GPU)[0] == 503
    with TestClient(create_api(store, costs=working)) as client:
        assert post(client, GPU)[1]["accepted"] == 1


def test_a_key_of_a_tenant_writes_as_that_tenant(store: Store, tmp_path: Path) -> None:
    """The tenant comes from the key; another one's is refused, and so is a key that only reads."""
    keys = tmp_path / KEYS_FILE
    _, acme = create_key(keys, name="acme", role="ingest", tenant="acme", now_ns=1)
    _, reader = create_key(keys, name="reader", role="read", tenant="", now_ns=1)
    gate = Gate(keys, open_without_keys=False)
    with TestClient(create_api(store, gate=gate)) as client:

        def posted(cost: object, key: str) -> int:
            headers = {"Authorization": f"Bearer {key}"}
            return client.post("/v1/costs", json=cost, headers=headers).status_code

        own = {name: value for name, value in GPU.items() if name != "tenant"}
        assert posted(own, acme) == 200
        assert posted(GPU | {"tenant": "other"}, acme) == 403
        assert posted(GPU, reader) == 403
        assert posted(GPU, "") == 401
    assert list(store.query("SELECT tenant, owner_source['tenant'] FROM ledger").rows) == [
        ("acme", "key")
    ]


NUMBERS = count(1)
AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=12)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    amounts=st.lists(AMOUNTS, min_size=1, max_size=5),
    tenants=st.lists(st.sampled_from(["", "acme", "org:user"]), min_size=5, max_size=5),
    again=st.booleans(),
)
@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_totals_grow_by_what_was_posted_in_every_dimension(
    client: TestClient, amounts: list[Decimal], tenants: list[str], *, again: bool
) -> None:
    """Whatever is posted, once or twice, each dimension adds up to the same exact total."""
    start = total(client, group_by="tenant")
    posted = [
        {
            "id": f"p-{next(NUMBERS)}",
            "time": "2026-09-21T15:00:00Z",
            "amount_usd": f"{amount:f}",
            "tenant": tenant,
        }
        for amount, tenant in zip(amounts, tenants, strict=False)
    ]
    post(client, posted)
    if again:
        post(client, posted)

    grown = start + sum(amounts, Decimal(0))
    for dimension in ("tenant", "session", "feature"):
        assert total(client, group_by=dimension) == grown
