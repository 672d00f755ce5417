"""The doctor at a ledger: by emitter and version, what is lacking, what it costs, what mends it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from assessed import assessed, unpriced
from fastapi import FastAPI
from fastapi.testclient import TestClient
from otel_costattr_collector.cli import COMMANDS
from otel_costattr_collector.client import Api
from otel_costattr_collector.commands.doctor import patients_of
from otel_costattr_collector.ledger import encode, lines_of
from otel_costattr_collector.store import Store
from wire import CALL, otlp_json, traces, wire_span

from otel_costattr import assess, cli, shipped_book
from otel_costattr.testing import chat_span


@pytest.fixture
def client(store: Store, store_api: FastAPI) -> Iterator[TestClient]:
    """Two good calls, two without a price, one of an emitter that drops what it was told."""
    lossy = assess(
        chat_span(
            {"openai.response.service_tier": "default"},
            number=9,
            scope_name="opentelemetry.instrumentation.openai_v2",
            scope_version="2.1b0",
        ),
        book=shipped_book(),
    )
    assert lossy is not None
    made = [assessed(1), assessed(2), unpriced(3), unpriced(4), lossy]
    lines = [line for one in made for line in lines_of(one)]
    store.insert(encode(lines, batch_id=1, recorded_ns=1))
    with TestClient(store_api) as opened:
        yield opened


def test_each_emitter_is_told_what_it_lacks(client: TestClient) -> None:
    """Totals of an emitter, its reasons with calls, its dropped counts with what mends them."""
    rows = client.get("/v1/analytics/doctor").json()["data"]
    by_scope = {patient.scope: patient for patient in patients_of(rows)}

    lossy = by_scope["opentelemetry.instrumentation.openai_v2"]
    good = next(patient for scope, patient in by_scope.items() if scope != lossy.scope)
    assert (lossy.calls, lossy.priced, lossy.version) == (1, 1, "2.1b0")
    assert lossy.total_usd == Decimal("0.00027")
    (finding,) = lossy.findings.values()
    assert finding.what == "cache_read, reasoning"
    assert "opentelemetry-instrumentation-genai-openai" in finding.mend
    assert (good.calls, good.priced) == (4, 2)
    assert [(one.calls, bool(one.mend)) for one in good.findings.values()] == [(2, True)]


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_asks_the_collector(
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    as_json: bool,
) -> None:
    """The same report as for files, and 1 while something is lacking."""
    monkeypatch.setattr(
        Api, "get", lambda _self, path, words=(): client.get(path, params=list(words)).json()
    )

    code = cli.main(COMMANDS, ("doctor", "--url", "http://x", *(["--json"] * as_json)))

    out = capsys.readouterr().out
    assert code == 1
    assert "cache_read, reasoning" in out
    if as_json:
        assert {json.loads(line)["calls"] for line in out.splitlines()} == {1, 4}


def test_files_are_still_looked_into(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The offline command is the same; files and an address together are refused."""
    path = tmp_path / "spans.json"
    path.write_bytes(otlp_json(traces(wire_span(CALL))))

    assert cli.main(COMMANDS, ("doctor", str(path))) in {0, 1}
    assert "1 calls" in capsys.readouterr().out
    assert cli.main(COMMANDS, ("doctor", str(path), "--url", "http://x")) == 2
    assert "not into both" in capsys.readouterr().err
