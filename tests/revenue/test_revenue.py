"""Revenue: taken once, told in USD by the rate of its day, refused where nobody knows one."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from otel_costattr_collector.access import KEYS_FILE, create_key
from otel_costattr_collector.access.gate import Gate
from otel_costattr_collector.api import create_api
from otel_costattr_collector.store import Store

OCTOBER: dict[str, object] = {
    "id": "in_1",
    "customer": "acme",
    "period": "2026-10",
    "amount": "49.00",
    "plan": "pro",
}
EURO: dict[str, object] = {
    "currency": "EUR",
    "first_day": "2026-10-01",
    "last_day": "2026-10-31",
    "usd": "1.0850",
    "source": "the bank",
}
RESULT = (
    "SELECT tenant, toString(first_day), toString(last_day), amount, currency, rate_usd, amount_usd"
    " FROM revenue ORDER BY id"
)


@pytest.fixture
def client(store_api: FastAPI) -> Iterator[TestClient]:
    """The API over empty books."""
    with TestClient(store_api) as opened:
        yield opened


def _post(client: TestClient, *records: dict[str, object]) -> tuple[int, Any]:
    answer = client.post("/v1/revenue", json={"revenue": list(records)})
    return answer.status_code, answer.json()


def _rates(client: TestClient, *rates: dict[str, object]) -> tuple[int, Any]:
    answer = client.post("/v1/currency-rates", json={"rates": list(rates)})
    return answer.status_code, answer.json()


def test_revenue_is_taken_once_and_other_content_is_refused(
    client: TestClient, store: Store
) -> None:
    """The same id with the same content is a duplicate, 49.0 is 49.00, 48 is a conflict."""
    assert _post(client, OCTOBER) == (200, {"accepted": 1, "duplicates": 0})
    assert _post(client, OCTOBER | {"amount": "49.0"}, OCTOBER) == (
        200,
        {"accepted": 0, "duplicates": 2},
    )
    assert _post(client, OCTOBER | {"amount": "48"})[0] == 409
    assert _post(client, OCTOBER | {"id": "in_2"}, OCTOBER | {"id": "in_2", "plan": "x"})[0] == 409
    assert store.query(RESULT).rows == (
        ("acme", "2026-10-01", "2026-10-31", Decimal(49), "USD", Decimal(1), Decimal(49)),
    )


def test_another_currency_counts_at_the_rate_of_its_day(client: TestClient, store: Store) -> None:
    """49 EUR at 1.0850 are 53.165 USD; a record that takes back is negative."""
    _rates(client, EURO)
    back = {"id": "in_3", "currency": "EUR", "amount": "-9.00", "rate_day": "2026-10-31"}
    assert _post(client, OCTOBER | {"currency": "EUR"}, OCTOBER | back)[0] == 200

    assert [row[-1] for row in store.query(RESULT).rows] == [Decimal("53.165"), Decimal("-9.765")]


def test_no_rate_for_the_day_is_a_refusal_and_nothing_is_written(
    client: TestClient, store: Store
) -> None:
    """A rate of October says nothing of November: the whole request is refused, in words."""
    _rates(client, EURO)
    code, body = _post(
        client, OCTOBER, OCTOBER | {"id": "in_2", "period": "2026-11", "currency": "EUR"}
    )

    assert (code, body["code"]) == (400, "bad_request")
    assert "no rate for EUR on 2026-11-01" in body["message"]
    assert store.query(RESULT).rows == ()


def test_what_is_known_stays_known_whatever_the_rates_say(client: TestClient) -> None:
    """A record that was taken is a duplicate later, with no look at any rate."""
    _rates(client, EURO)
    _post(client, OCTOBER | {"currency": "EUR"})

    assert _rates(client, EURO) == (200, {"accepted": 0, "duplicates": 1})
    assert _post(client, OCTOBER | {"currency": "EUR"})[1] == {"accepted": 0, "duplicates": 1}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"usd": "1.1"}, 409, id="another rate for the same days"),
        pytest.param({"first_day": "2026-10-31"}, 400, id="overlap"),
        pytest.param({"currency": "USD"}, 400, id="USD itself"),
        pytest.param({"currency": "GBP", "last_day": "2026-09-30"}, 400, id="ends before"),
        pytest.param({"currency": "GBP", "usd": "0"}, 422, id="worth nothing"),
        pytest.param({"currency": "pound"}, 422, id="no code"),
        pytest.param({"currency": "GBP", "first_day": "1492-10-12"}, 422, id="too long ago"),
        pytest.param({"first_day": "2026-11-01", "last_day": None}, 200, id="the day after"),
    ],
)
def test_rates_never_contradict_each_other(
    client: TestClient, change: dict[str, object], code: int
) -> None:
    """One rate a day and currency; each says how long it holds and who says so."""
    assert _rates(client, EURO)[0] == 200
    assert _rates(client, EURO | change)[0] == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"period": "October"}, 400),
        ({"period": "2026-10-31/2026-10-01"}, 400),
        ({"period": "2026-13"}, 400),
        ({"period": "2150-01"}, 400),
        ({"amount": "1000000000001"}, 422),
        ({"amount": "999999999999.999999999999", "currency": "EUR"}, 400),
        ({"amount": "NaN"}, 422),
        ({"currency": "EURO"}, 422),
        ({"customer": ""}, 422),
        ({"colour": "red"}, 422),
    ],
)
def test_what_makes_no_sense_is_refused(
    client: TestClient, change: dict[str, object], code: int
) -> None:
    """No period, an amount that cannot be true, a field that nobody knows."""
    _rates(client, EURO)
    assert _post(client, OCTOBER | change)[0] == code


@pytest.mark.parametrize(
    ("words", "days"),
    [
        ("2024-02", ("2024-02-01", "2024-02-29")),
        ("2026-10-05", ("2026-10-05", "2026-10-05")),
        ("2026-10-15/2026-11-14", ("2026-10-15", "2026-11-14")),
    ],
)
def test_a_period_is_a_month_a_day_or_two_days(
    client: TestClient, store: Store, words: str, days: tuple[str, str]
) -> None:
    """Both ends belong to it."""
    assert _post(client, OCTOBER | {"period": words})[0] == 200
    assert store.query(RESULT).rows[0][1:3] == days


def test_a_key_of_one_tenant_does_not_tell_what_it_pays(store: Store, tmp_path: Any) -> None:
    """Revenue and rates are ours to tell: 403, and a key that only reads likewise."""
    keys = tmp_path / KEYS_FILE
    made = {
        name: create_key(keys, name=name, role=role, tenant=tenant, now_ns=1)[1]  # type: ignore[arg-type]
        for name, role, tenant in (
            ("bound", "ingest", "acme"),
            ("reader", "read", ""),
            ("billing", "ingest", ""),
        )
    }
    gate = Gate(keys, open_without_keys=False)
    with TestClient(create_api(store, gate=gate)) as client:
        codes = {
            name: [
                client.post(path, json=body, headers={"x-api-key": key}).status_code
                for path, body in (
                    ("/v1/revenue", {"revenue": [OCTOBER]}),
                    ("/v1/currency-rates", {"rates": [EURO]}),
                )
            ]
            for name, key in made.items()
        }

    assert codes == {"bound": [403, 403], "reader": [403, 403], "billing": [200, 200]}
