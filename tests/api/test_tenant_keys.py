"""What a tenant's key sees of outcomes, quality and the weekly review: its own rows, or nothing."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from assessed import assessed, unpriced
from fastapi.testclient import TestClient
from otel_costattr_collector.access import KEYS_FILE, Gate
from otel_costattr_collector.access.keys import create_key
from otel_costattr_collector.api import create_api
from otel_costattr_collector.client import Api
from otel_costattr_collector.commands import review
from otel_costattr_collector.ledger import encode, lines_of
from otel_costattr_collector.store import Store

CALL = Decimal("0.00027")
MONDAY = date(2026, 9, 21)
"""The calls of `assessed` are of this week."""


@dataclass(frozen=True, slots=True)
class Door:
    """The API as one key sees it."""

    client: TestClient
    key: str

    def get(self, path: str, words: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask and return what was answered."""
        answer = self.client.get(path, params=dict(words or {}), headers=self._headers)
        assert answer.status_code == 200, answer.text
        return cast("dict[str, Any]", answer.json())

    def code(self, path: str, **words: str) -> int:
        """Ask and return the status."""
        return self.client.get(path, params=words, headers=self._headers).status_code

    def post(self, *outcomes: dict[str, object]) -> int:
        """Send outcomes and return the status."""
        body = {"outcomes": list(outcomes)}
        return self.client.post("/v1/outcomes", json=body, headers=self._headers).status_code

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


@dataclass(frozen=True, slots=True)
class Doors:
    """Four keys of one API."""

    everybody: Door
    acme: Door
    sender: Door
    acmes_sender: Door


@pytest.fixture
def doors(store: Store, tmp_path: Path) -> Iterator[Doors]:
    """Two calls of acme; three of globex, one of them without a price or a feature."""
    made = [
        assessed(1, owner={"tenant": "acme", "session": "s-1", "feature": "chat"}),
        assessed(2, owner={"tenant": "acme", "session": "s-1", "feature": "chat"}),
        assessed(3, owner={"tenant": "globex", "session": "s-1", "feature": "secret"}),
        assessed(4, owner={"tenant": "globex", "session": "s-2", "feature": "secret"}),
        unpriced(5, owner={"tenant": "globex", "session": "s-2"}),
    ]
    store.insert(encode([ln for one in made for ln in lines_of(one)], batch_id=1, recorded_ns=1))
    path = tmp_path / KEYS_FILE

    def secret(role: Any, tenant: str = "") -> str:
        return create_key(path, role=role, tenant=tenant, name=role + tenant, now_ns=1)[1]

    secrets = [secret("read"), secret("read", "acme"), secret("ingest"), secret("ingest", "acme")]
    gate = Gate(path, open_without_keys=False)
    with TestClient(create_api(store, gate=gate)) as client:
        yield Doors(*(Door(client, one) for one in secrets))


def _outcome(number: int, tenant: str, **more: object) -> dict[str, object]:
    return {
        "id": f"o-{number}",
        "kind": "resolved",
        "time": "2026-09-21T15:00:00Z",
        "tenant": tenant,
        "session": "s-1",
        **more,
    }


def test_an_outcome_joins_the_calls_of_its_own_tenant_alone(doors: Doors) -> None:
    """A session of the same name at another tenant is in no sum that a tenant sees."""
    assert doors.sender.post(_outcome(1, "acme"), _outcome(2, "globex")) == 200

    (mine,) = doors.acme.get("/v1/analytics/outcomes")["data"]
    (every,) = doors.everybody.get("/v1/analytics/outcomes")["data"]

    assert (mine["outcomes"], Decimal(mine["total_cost"])) == (1, 2 * CALL)
    assert (every["outcomes"], Decimal(every["total_cost"])) == (2, 3 * CALL)


def test_an_outcome_that_names_anothers_trace_shows_nothing_of_it(doors: Doors) -> None:
    """A trace id is a claim: a tenant learns no cost of a trace that is not its own."""
    trace = next(
        row["trace_id"]
        for row in doors.everybody.get("/v1/traces")["data"]
        if row["tenant"] == "globex"
    )
    assert doors.sender.post(_outcome(1, "acme", session="", trace_id=trace)) == 200

    (mine,) = doors.acme.get("/v1/analytics/outcomes")["data"]

    assert (mine["outcomes"], mine["joined"], mine["total_cost"]) == (1, 0, None)


def test_a_tenants_sender_writes_outcomes_of_its_own_tenant_alone(doors: Doors) -> None:
    """Another tenant's outcome is refused and leaves nothing behind; so is a reader's."""
    assert doors.acmes_sender.post(_outcome(1, "globex")) == 403
    assert doors.acme.post(_outcome(1, "acme")) == 403
    assert doors.acmes_sender.post(_outcome(2, "acme")) == 200

    (every,) = doors.everybody.get("/v1/analytics/outcomes")["data"]
    assert every["outcomes"] == 1


def test_quality_is_that_of_the_tenants_own_calls(doors: Doors) -> None:
    """Figures and backlog are of its own lines; what the books of all hold is not its to see."""
    mine = doors.acme.get("/v1/analytics/quality")
    every = doors.everybody.get("/v1/analytics/quality")

    assert (mine["figures"]["calls"], mine["figures"]["unpriced_calls"]) == (2, 0)
    assert (every["figures"]["calls"], every["figures"]["unpriced_calls"]) == (5, 1)
    assert sum(row["calls"] for row in mine["backlog"]) == 2
    assert {gate["name"]: gate["state"] for gate in mine["gates"]}["rollups"] == "no data"
    assert {gate["name"]: gate["state"] for gate in mine["gates"]}["audit"] == "no data"
    assert "globex" not in json.dumps(mine)


def test_the_review_of_a_tenant_is_about_the_tenant(doors: Doors) -> None:
    """Every question of the weekly review, on a tenant's key, is answered from its own lines."""
    words = argparse.Namespace(where=[], time_zone="UTC", as_of=None, limit=None)
    facts = review._ask(cast("Api", doors.acme), words, MONDAY)

    text = review.review(facts, monday=MONDAY, zone="UTC", gates=[])
    assert facts.features["total"]["calls_after"] == 2
    assert "chat" in text
    assert not any(word in text for word in ("globex", "secret"))
    every = review._ask(cast("Api", doors.everybody), words, MONDAY)
    assert every.features["total"]["calls_after"] == 5


@pytest.mark.parametrize("path", ["outcomes", "quality", "compare", "top", "retries", "movers"])
def test_a_tenant_may_not_ask_for_another(doors: Doors, path: str) -> None:
    """Naming another tenant is refused, whatever is asked."""
    days = {"start_date": "2026-09-21", "end_date": "2026-09-27"}
    code = doors.acme.code(f"/v1/analytics/{path}", where="tenant=globex", **days)

    assert code == 403
