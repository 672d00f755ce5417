"""Outcomes: taken once, refused when they change, joined to what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

import pytest
from assessed import assessed, unpriced
from fastapi import FastAPI
from fastapi.testclient import TestClient
from otel_costattr_collector.ledger import encode, lines_of
from otel_costattr_collector.store import Store

from otel_costattr.model import Dimension

CALL = Decimal("0.00027")
SESSION: Mapping[Dimension, str] = {"tenant": "acme", "session": "s-1"}
OUTCOME: dict[str, object] = {
    "id": "o-1",
    "kind": "resolved",
    "time": "2026-09-21T15:00:00Z",
    "tenant": "acme",
    "session": "s-1",
}


@pytest.fixture
def client(store: Store, store_api: FastAPI) -> Iterator[TestClient]:
    """Three calls in one session of acme, one call elsewhere, one without a price."""
    made = [
        *(assessed(number, owner=SESSION) for number in (1, 2, 3)),
        assessed(4, owner={"tenant": "acme", "external_request_id": "r-1"}),
        unpriced(5, owner={"tenant": "acme", "session": "s-2"}),
    ]
    lines = [line for one in made for line in lines_of(one)]
    store.insert(encode(lines, batch_id=1, recorded_ns=1))
    with TestClient(store_api) as opened:
        yield opened


def _post(client: TestClient, *outcomes: dict[str, object]) -> tuple[int, dict[str, object]]:
    answer = client.post("/v1/outcomes", json={"outcomes": list(outcomes)})
    body = answer.json()
    assert isinstance(body, dict)
    return answer.status_code, body


def test_an_outcome_costs_what_led_to_it(client: TestClient) -> None:
    """Two outcomes of one session share its cost; one by request adds its own."""
    _post(
        client,
        OUTCOME,
        OUTCOME | {"id": "o-2", "success": False},
        OUTCOME | {"id": "o-3", "session": "", "external_request_id": "r-1"},
    )

    row = client.get("/v1/analytics/outcomes").json()["data"][0]

    assert (row["outcomes"], row["successes"], row["joined"]) == (3, 2, 3)
    assert Decimal(row["total_cost"]) == 4 * CALL
    assert Decimal(row["cost_per_outcome"]) == 4 * CALL / 3
    assert Decimal(row["cost_per_success"]) == 4 * CALL / 2


def test_an_outcome_of_unpriced_calls_has_no_cost(client: TestClient) -> None:
    """Unknown stays unknown."""
    _post(client, OUTCOME | {"session": "s-2"})

    row = client.get("/v1/analytics/outcomes").json()["data"][0]

    assert (row["joined"], row["unpriced_calls"]) == (1, 1)
    assert (row["total_cost"], row["cost_per_outcome"]) == (None, None)


def test_posting_again_changes_nothing_and_other_content_is_refused(client: TestClient) -> None:
    """The same id with the same content is a duplicate, with other content a conflict."""
    assert _post(client, OUTCOME) == (200, {"accepted": 1, "duplicates": 0})
    assert _post(client, OUTCOME, OUTCOME) == (200, {"accepted": 0, "duplicates": 2})
    assert _post(client, OUTCOME | {"kind": "refunded"})[0] == 409
    assert _post(client, OUTCOME | {"id": "o-9"}, OUTCOME | {"id": "o-9", "kind": "x"})[0] == 409
    assert client.get("/v1/analytics/outcomes").json()["data"][0]["outcomes"] == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"session": ""}, 400),
        ({"time": "yesterday"}, 400),
        ({"kind": ""}, 422),
        ({"trace_id": "xyz"}, 422),
        ({"colour": "red"}, 422),
    ],
)
def test_an_outcome_that_makes_no_sense_is_refused(
    client: TestClient, change: dict[str, object], code: int
) -> None:
    """It joins nothing, has no time, no kind, a broken trace or a field that nobody knows."""
    assert _post(client, OUTCOME | change)[0] == code
