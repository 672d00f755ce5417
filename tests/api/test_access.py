"""Who may read what: keys at the API's door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from assessed import assessed
from fastapi.testclient import TestClient
from otel_costattr_collector.access import KEYS_FILE, Gate
from otel_costattr_collector.access.keys import Role, create_key
from otel_costattr_collector.api import create_api
from otel_costattr_collector.ledger import as_mapping, encode, lines_of
from otel_costattr_collector.store import Store

ACME, GLOBEX = assessed(1, owner={"tenant": "acme"}), assessed(2, owner={"tenant": "globex"})


def _secret(folder: Path, role: Role, tenant: str = "") -> str:
    _, secret = create_key(folder / KEYS_FILE, role=role, tenant=tenant, name=role, now_ns=1)
    return secret


def _line_id(which: object) -> str:
    return str(as_mapping(lines_of(which)[0])["line_id"])  # type: ignore[arg-type]


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """A reader, a reader of acme alone, and a sender."""
    return {
        "reader": _secret(tmp_path, "read"),
        "acme": _secret(tmp_path, "read", tenant="acme"),
        "sender": _secret(tmp_path, "ingest"),
    }


@pytest.fixture
def client(store: Store, tmp_path: Path, keys: dict[str, str]) -> Iterator[TestClient]:
    """The API behind a gate, over one line of acme and one of globex."""
    assert keys
    lines = [*lines_of(ACME), *lines_of(GLOBEX)]
    store.insert(encode(lines, batch_id=1, recorded_ns=1))
    gate = Gate(tmp_path / KEYS_FILE, open_without_keys=False)
    with TestClient(create_api(store, gate=gate)) as opened:
        yield opened


def _get(client: TestClient, path: str, key: str = "", **parameters: str) -> tuple[int, object]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    answer = client.get(path, headers=headers, params=parameters)
    return answer.status_code, answer.json()


@pytest.mark.parametrize("path", ["/v1/analytics/costs", f"/v1/explain/{'0' * 24}"])
def test_without_a_key_nothing_is_read(client: TestClient, path: str) -> None:
    """Every question needs a key; health does not."""
    assert _get(client, path)[0] == 401
    assert _get(client, path, "oca_wrong_key")[0] == 401
    assert _get(client, "/healthz")[0] == 200


def test_a_sender_may_not_read(client: TestClient, keys: dict[str, str]) -> None:
    """A key for ingestion answers no question."""
    assert _get(client, "/v1/analytics/costs", keys["sender"])[0] == 403


def test_a_reader_reads_every_tenant(client: TestClient, keys: dict[str, str]) -> None:
    """A key without tenant sees both lines."""
    code, body = _get(client, "/v1/analytics/costs", keys["reader"])

    assert (code, body["total"]["calls"]) == (200, 2)  # type: ignore[index]


@pytest.mark.parametrize("group_by", ["tenant", "feature", "session", "line"])
def test_a_tenant_reads_its_own_lines_only(
    client: TestClient, keys: dict[str, str], group_by: str
) -> None:
    """Whatever is asked for, another tenant's calls are in no sum."""
    word = "model" if group_by == "line" else group_by
    _, body = _get(client, "/v1/analytics/costs", keys["acme"], group_by=word)

    assert body["total"]["calls"] == 1  # type: ignore[index]


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({"where": "tenant=globex"}, id="filter"),
        pytest.param({"entity_id": "globex"}, id="entity"),
        pytest.param({"entity_type": "customer", "entity_id": "globex"}, id="alias"),
    ],
)
def test_a_tenant_may_not_ask_for_another(
    client: TestClient, keys: dict[str, str], parameters: dict[str, str]
) -> None:
    """Asking for another tenant is refused, however it is spelt."""
    assert _get(client, "/v1/analytics/costs", keys["acme"], **parameters)[0] == 403


def test_another_tenants_line_is_not_there(client: TestClient, keys: dict[str, str]) -> None:
    """A line of somebody else looks like one that does not exist."""
    assert _get(client, f"/v1/explain/{_line_id(ACME)}", keys["acme"])[0] == 200
    assert _get(client, f"/v1/explain/{_line_id(GLOBEX)}", keys["acme"])[0] == 404
    assert _get(client, f"/v1/explain/{_line_id(GLOBEX)}", keys["reader"])[0] == 200
