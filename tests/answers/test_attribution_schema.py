"""Answers by the names of now over lines of then, and what stands outside of the schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from assessed import assessed
from fastapi import FastAPI
from fastapi.testclient import TestClient
from listening import api_at
from otel_costattr_collector import cli as service
from otel_costattr_collector import ledger
from otel_costattr_collector import store as stores
from otel_costattr_collector.api import create_api
from otel_costattr_collector.owner_rules import owner_rules
from otel_costattr_collector.schema import Layout
from otel_costattr_collector.settings import Settings
from otel_costattr_collector.store import Store, open_store

from otel_costattr import cli
from otel_costattr.attribution import Schema
from otel_costattr.attribution.schema_file import read_schema
from otel_costattr.model import Assessment, Owner

CALL_USD = Decimal("0.00027")
SCHEMA = """
[dimensions.tenant]
required = true
[dimensions.user]
[dimensions.team]
renamed = [{ old = "ml", new = "models" }]
[dimensions.feature]
required = true
values = ["chat", "summary"]
renamed = [{ old = "summarise", new = "summary", since = 2026-09-01 }]
[tags.cost_center]
pattern = "[0-9]{4}"
formerly = [{ name = "costcenter" }]
renamed = [{ old = "47", new = "4700" }]
"""


def _call(number: int, tags: Mapping[str, str] | None = None, **values: str) -> Assessment:
    made = assessed(number, owner={"tenant": "acme", **values})  # type: ignore[dict-item]
    owner = Owner(values=made.owner.values, tags=tags or {}, sources=made.owner.sources)
    return Assessment(
        span=made.span, call=made.call, prices=made.prices, owner=owner, status=made.status
    )


@pytest.fixture
def schema() -> Schema:
    """The schema above."""
    return read_schema(SCHEMA, source="schema.toml")


@pytest.fixture
def client(store: Store, chdb_folder: Path, schema: Schema) -> Iterator[TestClient]:
    """The API of a collector with the schema, over six calls under old and new names."""
    calls = [
        _call(1, {"costcenter": "4711"}, feature="summarise", team="ml"),
        _call(2, {"cost_center": "4711"}, feature="summary", team="models"),
        _call(3, {"cost_center": "47"}, feature="chat"),
        _call(4, {"cost_center": "x", "colour": "red"}, feature="search"),
        _call(5, {"split.feature": "chat=1"}, user="u-1", feature="__other__"),
        _call(6, session="s-1"),
    ]
    lines = [line for call in calls for line in ledger.lines_of(call)]
    store.insert(ledger.encode(lines, batch_id=1, recorded_ns=10**18))
    layout = Layout(database=store.layout.database, attribution=schema)
    with (
        stores.embedded(chdb_folder, layout=layout) as known,
        TestClient(create_api(known)) as made,
    ):
        yield made


def _calls(client: TestClient, by: str, **asked: Any) -> dict[str, int]:
    found = client.get("/v1/analytics/costs", params={"group_by": by, **asked})
    assert found.status_code == 200, found.text
    body = found.json()
    rows = {row["entity_id"]: row["calls"] for row in body["data"]}
    assert sum(rows.values()) == body["total"]["calls"]
    assert Decimal(body["total"]["total_cost"]) == CALL_USD * body["total"]["calls"]
    return rows


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        pytest.param(
            "feature", {"summary": 2, "chat": 1, "search": 1, "__other__": 1, "": 1}, id="a rollup"
        ),
        pytest.param("team", {"models": 2, "": 4}, id="no list of values"),
        pytest.param("team_root", {"models": 2, "": 4}, id="what it rolls up to"),
        pytest.param(
            "tags.cost_center", {"4711": 2, "4700": 1, "x": 1, "": 2}, id="a tag and its values"
        ),
    ],
)
def test_rows_go_by_the_names_of_now(client: TestClient, by: str, rows: dict[str, int]) -> None:
    """Lines under an old name are in the row of the new one, and the rows add up to the total."""
    assert rows == _calls(client, by)


@pytest.mark.parametrize(
    ("where", "calls"),
    [
        pytest.param("feature=summary", 2, id="the new name"),
        pytest.param("feature=summarise", 2, id="the old name"),
        pytest.param("feature!=summary", 4, id="all but the new one"),
        pytest.param("feature!=summarise", 4, id="all but the old one"),
        pytest.param("team_root=ml", 2, id="what it rolls up to"),
        pytest.param("tags.cost_center=47", 1, id="the old value of a tag"),
        pytest.param("tags.cost_center=4711", 2, id="a tag under both names"),
    ],
)
def test_filters_find_lines_under_every_name(client: TestClient, where: str, calls: int) -> None:
    """Old and new name ask for the same lines."""
    assert {"acme": calls} == _calls(client, "tenant", where=where)


def test_no_line_is_rewritten(client: TestClient) -> None:
    """The ledger keeps what was written; only questions translate."""
    lines = client.get("/v1/calls", params={"where": "feature=summary"}).json()["data"]

    assert sorted(line["feature"] for line in lines) == ["summarise", "summary"]


def test_the_backlog_names_what_stands_outside(client: TestClient) -> None:
    """A value that is not allowed is kept, counted and shown; so is a tag nobody documented."""
    quality = client.get("/v1/analytics/quality").json()

    # search, x and colour are of one call, the session of another
    assert quality["figures"]["outside_schema_calls"] == 2
    assert {"fail"} == {gate["state"] for gate in quality["gates"] if gate["name"] == "schema"}
    assert {
        (tuple(row["missing"]), tuple(row["outside"]), row["calls"]) for row in quality["backlog"]
    } == {
        ((), ("feature", "tags.cost_center", "tags"), 1),
        (("feature",), ("session",), 1),
    }


def test_a_default_is_no_owner_to_be_proud_of(store: Store, store_api: FastAPI) -> None:
    """What only a default names is counted and stays in the backlog."""
    made = assessed(1, owner={"tenant": "acme", "feature": "chat", "prompt_version": "v1"})
    owner = Owner(values=made.owner.values, sources={"tenant": "span", "feature": "default"})
    call = Assessment(
        span=made.span, call=made.call, prices=made.prices, owner=owner, status=made.status
    )
    store.insert(ledger.encode(ledger.lines_of(call), batch_id=1, recorded_ns=10**18))
    with TestClient(store_api) as client:
        quality = client.get("/v1/analytics/quality").json()

    assert quality["figures"]["defaulted_calls"] == 1
    assert quality["figures"]["outside_schema_calls"] is None
    assert [row["missing"] for row in quality["backlog"]] == [["feature (default)"]]


def test_the_settings_name_the_file(tmp_path: Path, schema: Schema) -> None:
    """The door and the questions take the renames from the same file."""
    path = tmp_path / "attribution.toml"
    path.write_text(SCHEMA)
    settings = Settings(data=tmp_path, attribution_schema=path)

    assert owner_rules(settings).renames == schema.renames
    assert open_store(settings).layout.attribution == schema


def test_a_schema_without_renames_changes_no_rule(tmp_path: Path) -> None:
    """The door does nothing more where there is nothing to rename."""
    path = tmp_path / "attribution.toml"
    path.write_text("[dimensions.plan]")

    assert owner_rules(Settings(data=tmp_path, attribution_schema=path)).renames is None


@pytest.mark.usefixtures("client")
def test_the_command_looks_into_a_ledger(
    store_api: FastAPI, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Old names are history there; what is missing or outside is found, with its calls."""
    path = tmp_path / "attribution.toml"
    path.write_text(SCHEMA)
    with api_at(store_api) as url:
        words = ["attribution", "check", str(path), "--against", url, "--json"]
        code = cli.main(service.COMMANDS, words)

    assert code == 1
    found = json.loads(capsys.readouterr().out)
    assert found["calls"] == 6
    assert {(one["target"], one["what"], one["calls"]) for one in found["findings"]} == {
        ("feature", "missing", 1),
        ("feature", "outside", 1),
        ("session", "undocumented", 1),
        ("tags.colour", "undocumented", 1),
        ("tags.cost_center", "outside", 1),
    }
