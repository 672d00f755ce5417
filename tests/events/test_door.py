"""The door for events over real HTTP, on both ports, across restarts."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from collector.served import Served, repeatedly, serving
from otel_costattr_collector.access import KEYS_FILE, create_key
from plain_http import HTTP
from wire import CALL, traces, wire_span

from otel_costattr.testing import START_NS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

PRICE = (1000 * Decimal("0.15") + 200 * Decimal("0.60")) / 1_000_000
QUICK = ("--settle-seconds", "0", "--wrapper-settle-seconds", "0")
FLAT: dict[str, Any] = {
    "provider": "openai",
    "model": "gpt-4o-mini",
    "endpointTag": "chat",
    "tenantId": "acme",
    "inputTokens": 1000,
    "outputTokens": 200,
    "latencyMs": 900,
    "status": "success",
}


def post(served: Served, body: Any, *, port: str = "http", **headers: str) -> httpx.Response:
    """Post events to one of the ports."""
    return HTTP.post(
        f"{served.urls[port]}/v1/events",
        content=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers=headers,
        timeout=30,
    )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One collector for the tests that need no start of their own; each has a tenant to itself."""
    with serving(tmp_path_factory.mktemp("events") / "data", *QUICK) as running:
        yield running


def of(tenant: str) -> dict[str, str]:
    """Return the parameters that ask for one tenant."""
    return {"entity_type": "tenant", "entity_id": tenant}


def test_events_are_priced_and_owned_once(served: Served) -> None:
    """One event or an array, on either port; again is a duplicate, other content a conflict."""
    one = post(served, FLAT | {"id": "e-1"})
    many = post(served, [FLAT | {"id": f"e-{n}"} for n in range(1, 4)], port="api")
    other = post(served, FLAT | {"id": "e-1", "inputTokens": 1001})
    within = post(served, [FLAT | {"id": "e-9"}, FLAT | {"id": "e-9", "outputTokens": 1}])
    served.settled(calls=4, **of("acme"))
    again = post(served, FLAT | {"id": "e-1"}, port="api")
    costs = served.settled(calls=4, **of("acme"))

    assert (one.status_code, one.json()) == (
        200,
        {"accepted": 1, "duplicates": 0, "rejected": [], "ids": ["e-1"]},
    )
    assert (many.json()["accepted"], many.json()["duplicates"]) == (2, 1)
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert other.json()["message"] == "event 'e-1' is known with other content"
    assert (within.status_code, within.json()["accepted"]) == (409, 1)
    assert within.json()["rejected"][0]["index"] == 1
    assert again.json()["duplicates"] == 1
    assert (costs["total"]["calls"], Decimal(costs["total"]["total_cost"])) == (4, 4 * PRICE)


def test_a_start_remembers_events_in_journal_and_ledger(tmp_path: Path) -> None:
    """What was taken before, settled or not, is a duplicate or a conflict afterwards."""
    with serving(tmp_path / "data", *QUICK) as served:
        post(served, FLAT | {"id": "in-ledger"})
        served.settled(calls=1)
    with serving(tmp_path / "data", "--settle-seconds", "600") as served:
        assert post(served, FLAT | {"id": "in-journal"}).json()["accepted"] == 1
        served.process.kill()
        served.process.wait()
    with serving(tmp_path / "data", "--settle-seconds", "600") as served:
        same = [post(served, FLAT | {"id": name}) for name in ("in-ledger", "in-journal")]
        other = [
            post(served, FLAT | {"id": name, "status": "error"})
            for name in ("in-ledger", "in-journal")
        ]
    with serving(tmp_path / "data") as served:
        total = served.costs()["total"]

    assert [answer.json()["duplicates"] for answer in same] == [1, 1]
    assert [answer.status_code for answer in other] == [409, 409]
    assert (total["calls"], Decimal(total["total_cost"])) == (2, 2 * PRICE)


def test_good_events_are_kept_beside_bad_ones(served: Served) -> None:
    """Bad ones are listed with place, id and reason; nothing good is a 400."""
    flat = FLAT | {"tenantId": "mixed"}
    mixed = post(
        served,
        [
            flat,
            flat | {"id": "e-1", "colour": "red"},
            7,
            flat | {"time": "2019-01-01T00:00:00Z"},
        ],
    )
    none = post(served, flat | {"inputTokens": "many"})
    garbage = post(served, b"{")
    number = post(served, 3)
    bomb = post(served, gzip.compress(b" " * 100_000_000), **{"content-encoding": "gzip"})
    costs = served.settled(calls=1, **of("mixed"))

    assert (mixed.status_code, mixed.json()["accepted"]) == (200, 1)
    first, second, third = mixed.json()["rejected"]
    assert (first["index"], first["id"]) == (1, "e-1")
    assert "'colour' is no field" in first["reason"]
    assert (second["index"], second["id"]) == (2, None)
    assert "no time in nanoseconds" in third["reason"]
    assert none.status_code == 400
    assert none.json()["message"].startswith("input_tokens: ")
    assert [garbage.status_code, number.status_code, bomb.status_code] == [400, 400, 413]
    assert "100000000" not in bomb.text
    assert costs["total"]["calls"] == 1


def test_events_without_ids_are_calls_of_their_own_unless_the_request_has_a_key(
    served: Served,
) -> None:
    """Two equal events are two calls; a request sent again under its Idempotency-Key is none."""
    flat = FLAT | {"tenantId": "nameless"}
    first = post(served, [flat, flat])
    keyed = [post(served, [flat], **{"idempotency-key": "k-1"}) for _ in range(2)]
    costs = served.settled(calls=3, **of("nameless"))

    assert len(set(first.json()["ids"])) == 2
    assert [answer.json()["accepted"] for answer in keyed] == [1, 0]
    assert costs["total"]["calls"] == 3


def test_an_event_and_the_span_of_its_call_count_once(tmp_path: Path) -> None:
    """The same response id, or the span that the event names, makes them one call."""
    in_trace = {"trace_id": f"{2:032x}", "span_id": f"{2:016x}", "time": "2026-09-21T14:13:20Z"}
    assert START_NS == 1_790_000_000 * 10**9
    with serving(tmp_path / "data", "--settle-seconds", "1") as served:
        post(served, [FLAT | {"response_id": "chatcmpl-once-1"}, FLAT | in_trace])
        spans = traces(
            wire_span({**CALL, "gen_ai.response.id": "chatcmpl-once-1"}, number=1),
            wire_span(CALL, number=2),
        )
        assert served.post(spans.SerializeToString()).status_code == 200
    with serving(tmp_path / "data") as served:
        total = served.costs()["total"]

    assert (total["calls"], total["duplicates"]) == (2, 2)
    assert Decimal(total["total_cost"]) == 2 * PRICE


def test_many_senders_of_one_id_make_one_call(served: Served) -> None:
    """Requests at the same time are told apart like those one after the other."""
    flat = FLAT | {"tenantId": "crowd"}
    answers: list[dict[str, Any]] = []

    def send(served: Served) -> None:
        answers.extend(post(served, flat | {"id": f"c-{n}"}).json() for n in range(20))

    senders = [threading.Thread(target=send, args=(served,)) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    costs = served.settled(calls=20, **of("crowd"))

    assert sum(answer["accepted"] for answer in answers) == 20
    assert sum(answer["duplicates"] for answer in answers) == 60
    assert costs["total"]["calls"] == 20


def test_a_tenants_key_writes_as_that_tenant_and_has_ids_of_its_own(tmp_path: Path) -> None:
    """The claim in the event is not kept, and another tenant's id is no conflict."""
    keys = tmp_path / "data" / KEYS_FILE
    sent: dict[str, httpx.Response] = {}
    secrets = {
        tenant: create_key(keys, role="ingest", name=tenant, tenant=tenant, now_ns=1)[1]
        for tenant in ("globex", "initech")
    }
    admin = create_key(keys, role="admin", name="all", now_ns=1)[1]
    with serving(tmp_path / "data", *QUICK) as served:
        refused = post(served, FLAT)
        for tenant, secret in secrets.items():
            event = FLAT | {"id": "e-1", "inputTokens": 10 + len(tenant)}
            sent[tenant] = post(served, event, authorization=f"Bearer {secret}")
        costs = partial(
            HTTP.get,
            f"{served.urls['api']}/v1/analytics/costs",
            params={"group_by": "tenant"},
            headers={"authorization": f"Bearer {admin}"},
        )
        tenants: set[str] = set()
        for answer in repeatedly(costs):
            tenants = {row["entity_id"] for row in answer.json()["data"]}
            if len(tenants) == 2:
                break

    assert refused.status_code == 401
    assert [answer.json()["accepted"] for answer in sent.values()] == [1, 1]
    assert tenants == {"globex", "initech"}


def test_the_document_describes_events(served: Served) -> None:
    """The OpenAPI document of the API port types request and answers."""
    operation = served.get("/openapi.json").json()["paths"]["/v1/events"]["post"]

    one, several = operation["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    assert {"inputTokens", "input_tokens", "usage", "tenantId", "tags"} <= one["properties"].keys()
    assert several["items"] == one
    assert {"200", "400", "409", "429"} <= operation["responses"].keys()
