"""The API over a real engine: sums that add up, unknown that stays unknown, clear refusals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from assessed import assessed, duplicate, priced, unpriced
from fastapi import FastAPI
from fastapi.testclient import TestClient
from otel_costattr_collector.api import create_api
from otel_costattr_collector.ledger import as_mapping, encode, lines_of
from otel_costattr_collector.store import Store

from otel_costattr.model import Assessment

S = 1_000_000_000
CALL = Decimal("0.00027")
NOON = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()) * S
NEXT_DAY = int(datetime(2026, 11, 21, 0, 10, tzinfo=UTC).timestamp()) * S


def _write(store: Store, *assessments: Assessment, batch_id: int = 1) -> None:
    lines = [line for one in assessments for line in lines_of(one)]
    store.insert(encode(lines, batch_id=batch_id, recorded_ns=NEXT_DAY))


@pytest.fixture
def client(store: Store, store_api: FastAPI) -> Iterator[TestClient]:
    """The API over a ledger of 6 calls: acme 3, globex 1 and 1 unpriced, 1 of nobody."""
    first = assessed(1, owner={"tenant": "acme", "feature": "chat"}, start_ns=NOON)
    _write(
        store,
        first,
        assessed(2, owner={"tenant": "acme", "feature": "search"}, start_ns=NOON),
        assessed(3, owner={"tenant": "acme", "feature": "chat"}, start_ns=NEXT_DAY),
        assessed(4, owner={"tenant": "globex", "feature": "chat"}, start_ns=NOON),
        unpriced(5, owner={"tenant": "globex", "feature": "plan"}, start_ns=NOON),
        assessed(6, owner={}, start_ns=NOON),
        duplicate(7, of=first),
    )
    with TestClient(store_api) as opened:
        yield opened


def _costs(client: TestClient, **parameters: object) -> dict[str, object]:
    answer = client.get("/v1/analytics/costs", params=parameters)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert isinstance(body, dict)
    return body


def _table(body: dict[str, object]) -> dict[str, tuple[object, object]]:
    rows = body["data"]
    assert isinstance(rows, list)
    return {row["entity_id"]: (row["total_cost"], row["calls"]) for row in rows}


def test_costs_by_tenant_are_the_default(client: TestClient) -> None:
    """Without any parameter the answer is cost and calls by tenant, the most expensive first."""
    body = _costs(client)

    assert _table(body) == {
        "acme": (str(3 * CALL), 3),
        "globex": (str(CALL), 2),
        "": (str(CALL), 1),
    }
    assert body["total"]["total_cost"] == str(5 * CALL)  # type: ignore[index]
    assert body["group_by"] == ["tenant"]


@pytest.mark.parametrize(
    "group_by",
    ["tenant", "feature", "tenant,feature,prompt_version", "session", "model,status", "tags.k"],
)
def test_the_sum_over_any_dimensions_is_the_total(client: TestClient, group_by: str) -> None:
    """Whatever is asked for, rows sum to the total, those of unknown owners among them."""
    body = _costs(client, group_by=group_by)
    rows, total = body["data"], body["total"]
    assert isinstance(rows, list)
    assert isinstance(total, dict)

    assert sum(row["calls"] for row in rows) == total["calls"] == 6
    assert sum(Decimal(row["total_cost"] or 0) for row in rows) == 5 * CALL
    assert total["duplicates"] == 1


def test_a_group_with_unpriced_calls_only_has_no_cost(client: TestClient) -> None:
    """Unknown is null and counted, never 0."""
    body = _costs(client, group_by="feature", entity_type="feature", entity_id="plan")
    row = body["data"][0]  # type: ignore[index]

    assert (row["total_cost"], row["list_cost"]) == (None, None)
    assert (row["unpriced_calls"], row["unpriced_lines"], row["price_coverage"]) == (1, 1, "0")
    assert row["input_tokens"] == 1000


def test_tokens_that_nobody_reported_are_unknown(store: Store, store_api: FastAPI) -> None:
    """A call without usage has null tokens."""
    _write(store, unpriced(1, reason="no_usage", usage=None))
    with TestClient(store_api) as client:
        total = _costs(client)["total"]

    assert total["calls"] == 1  # type: ignore[index]
    assert total["input_tokens"] is None  # type: ignore[index]


def test_coverage_is_the_share_of_calls(client: TestClient) -> None:
    """5 of 6 calls have a price, and 5 of 6 a tenant."""
    total = _costs(client, group_by="tenant")["total"]
    assert isinstance(total, dict)

    assert total["price_coverage"] == "0.833333"
    assert total["attribution_coverage"] == "0.833333"
    assert total["attributed_cost"] == str(4 * CALL)


@pytest.mark.parametrize(
    ("start", "end", "calls"),
    [
        pytest.param("2026-11-20", "2026-11-20", 5, id="a day, from the rollup"),
        pytest.param("2026-11-21", None, 1, id="from a day on"),
        pytest.param(None, "2026-11-20", 5, id="until a day"),
        pytest.param("2026-11-20T12:00:00Z", "2026-11-20T12:00:01Z", 5, id="a second"),
        pytest.param("2026-11-20T13:00:00+01:00", "2026-11-21T00:10:00Z", 5, id="with an offset"),
        pytest.param("2026-11-20", "2026-11-21", 6, id="two days"),
    ],
)
def test_a_period_holds_what_happened_in_it(
    client: TestClient, start: str | None, end: str | None, calls: int
) -> None:
    """A last day is included, a last instant is not."""
    given = {"start_date": start, "end_date": end}
    body = _costs(client, **{name: word for name, word in given.items() if word is not None})

    assert body["total"]["calls"] == calls  # type: ignore[index]


def test_a_customer_is_a_tenant(client: TestClient) -> None:
    """Another word for a dimension asks the same question, with one value of it."""
    body = _costs(client, entity_type="customer", entity_id="acme", group_by="feature")

    assert body["entity_type"] == "tenant"
    assert [(row["entity_id"], row["dimensions"], row["calls"]) for row in body["data"]] == [  # type: ignore[attr-defined]
        ("acme", {"feature": "chat"}, 2),
        ("acme", {"feature": "search"}, 1),
    ]


def test_filters_narrow_the_question(client: TestClient) -> None:
    """Each `where` keeps the calls with that value."""
    body = _costs(client, where=["tenant=acme", "feature=chat"])

    assert body["total"]["calls"] == 2  # type: ignore[index]


def test_a_limit_says_that_it_cut(client: TestClient) -> None:
    """The total stays whole when rows are cut off, and the answer says so."""
    body = _costs(client, limit=1)

    assert body["truncated"] is True
    assert len(body["data"]) == 1  # type: ignore[arg-type]
    assert body["total"]["calls"] == 6  # type: ignore[index]


def test_nothing_recorded_is_no_row_and_no_cost(store_api: FastAPI) -> None:
    """An empty ledger has 0 calls and no known cost."""
    with TestClient(store_api) as client:
        body = _costs(client)

    assert body["data"] == []
    assert body["total"]["calls"] == 0  # type: ignore[index]
    assert body["total"]["total_cost"] is None  # type: ignore[index]
    assert body["total"]["price_coverage"] is None  # type: ignore[index]


@pytest.mark.parametrize(
    ("parameters", "code", "message"),
    [
        pytest.param({"group_by": "colour"}, 400, "unknown dimension 'colour'", id="dimension"),
        pytest.param({"group_by": "tenant; DROP TABLE ledger"}, 400, "unknown", id="sql"),
        pytest.param({"group_by": "amount_usd"}, 400, "unknown dimension", id="no dimension"),
        pytest.param({"entity_type": "nobody"}, 400, "unknown dimension", id="entity type"),
        pytest.param({"start_date": "yesterday"}, 400, "'yesterday' is no time", id="word"),
        pytest.param({"start_date": "2026-13-01"}, 400, "no time", id="month"),
        pytest.param({"end_date": "9999-12-31"}, 400, "no time", id="end of time"),
        pytest.param({"start_date": "2026-11-20T10:00:00"}, 400, "no time", id="no offset"),
        pytest.param(
            {"start_date": "2026-11-21", "end_date": "2026-11-19"}, 400, "ends before", id="order"
        ),
        pytest.param({"where": "tenant"}, 400, "use dimension=value", id="filter"),
        pytest.param({"limit": "0"}, 422, "limit", id="limit"),
        pytest.param({"limit": "many"}, 422, "limit", id="no number"),
        pytest.param({"start_date": "x" * 65}, 422, "start_date", id="too long"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    client: TestClient, parameters: dict[str, str], code: int, message: str
) -> None:
    """The refusal says what was wrong, as JSON."""
    answer = client.get("/v1/analytics/costs", params=parameters)

    assert answer.status_code == code
    assert message in answer.json()["message"]


@pytest.mark.parametrize("value", ["' OR 1=1 --", "acme\\", "{x:String}", "a\nb", "日本", "a\x00b"])
def test_a_value_is_never_sql(client: TestClient, value: str) -> None:
    """Hostile values match nothing and break nothing."""
    assert _costs(client, entity_id=value)["total"]["calls"] == 0  # type: ignore[index]
    assert _costs(client, group_by=f"tags.{value}")["total"]["calls"] == 6  # type: ignore[index]


def test_a_line_explains_itself(client: TestClient, store: Store) -> None:
    """Counts, rates, formula, entry and owner of one line, from the ledger alone."""
    owner = assessed(20, owner={"tenant": "acme"}, start_ns=NOON)
    line_id = as_mapping(lines_of(owner)[0])["line_id"]
    _write(store, owner, batch_id=2)
    body = client.get(f"/v1/explain/{line_id}").json()

    assert body["amount_usd"] == str(CALL)
    assert body["formula"] == "1000 x 0.15/1000000 + 200 x 0.6/1000000 = 0.00027 USD"
    assert [(one["unit"], one["amount"]) for one in body["units"]] == [
        ("input", "0.00015"),
        ("output", "0.00012"),
    ]
    assert body["price"]["entry"] == "openai/gpt-4o-mini"
    assert body["owner"] == {"tenant": "acme"}
    assert body["owner_source"] == {"tenant": "span"}
    assert body["line"]["event_ns"] == "2026-11-20T12:00:00.000000000Z"
    assert body["amendments"] == []


def test_an_unpriced_line_explains_why(client: TestClient, store: Store) -> None:
    """The reason comes with the sentence that explains it, and no amount is made up."""
    one = unpriced(21, start_ns=NOON)
    line_id = as_mapping(lines_of(one)[0])["line_id"]
    _write(store, one, batch_id=2)
    body = client.get(f"/v1/explain/{line_id}").json()

    assert body["amount_usd"] is None
    assert body["formula"] == "no amount: unpriced"
    assert body["reasons"] == {"unknown_model": "The price book has no entry for this model name."}
    assert [one["amount"] for one in body["units"]] == [None, None]


@pytest.mark.parametrize(("line_id", "code"), [("0" * 24, 404), ("x", 422)])
def test_a_line_that_is_not_there_is_not_found(client: TestClient, line_id: str, code: int) -> None:
    """A missing line and a malformed id are different refusals."""
    assert client.get(f"/v1/explain/{line_id}").status_code == code


def test_health_and_readiness(own_store: Store) -> None:
    """Alive is not ready: readiness asks the service and the engine."""
    reasons = ["migrating"]
    with TestClient(create_api(own_store, ready=lambda: reasons[0])) as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        waiting = client.get("/readyz")
        assert (waiting.status_code, waiting.headers["retry-after"]) == (503, "5")
        assert "migrating" in waiting.json()["message"]
        reasons[0] = ""
        assert client.get("/readyz").status_code == 200
        own_store.close()
        assert client.get("/readyz").status_code == 500
        assert client.get("/healthz").status_code == 200


def test_the_api_describes_itself(client: TestClient) -> None:
    """OpenAPI lists every path, and every failure in the shape that is sent."""
    document = client.get("/openapi.json").json()

    assert set(document["paths"]) >= {
        "/healthz",
        "/readyz",
        "/v1/analytics/costs",
        "/v1/explain/{line_id}",
    }
    failure = document["paths"]["/v1/analytics/costs"]["get"]["responses"]["422"]
    assert failure["content"]["application/json"]["schema"]["$ref"].endswith("/Failure")


def test_free_is_not_unknown(store: Store, store_api: FastAPI) -> None:
    """A measured 0 is shown as 0."""
    _write(store, assessed(1, price=priced({"input": 1000}, {"input": Decimal(0)})))
    with TestClient(store_api) as client:
        assert _costs(client)["total"]["total_cost"] == "0"  # type: ignore[index]
