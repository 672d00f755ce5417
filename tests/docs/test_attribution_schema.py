"""docs/attribution.md: the schema of the page is one, and its commands run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from assessed import assessed
from listening import api_at
from otel_costattr_collector import cli as service
from otel_costattr_collector import ledger
from otel_costattr_collector.api import create_api
from otel_costattr_collector.store import Store

from otel_costattr import cli

PAGE = (Path(__file__).parents[2] / "docs" / "attribution.md").read_text("utf-8")
SECTION = PAGE.split("## A schema of what is allowed")[1].split("\n## ")[0]


def _block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", SECTION, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_commands_of_the_page_run(
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The file is sound, an event is right, and the ledger of a collector has a finding: 0, 0, 1."""
    call = assessed(1, owner={"tenant": "acme", "feature": "sumary"})
    store.insert(ledger.encode(ledger.lines_of(call), batch_id=1, recorded_ns=10**18))
    (tmp_path / "attribution.toml").write_text(_block("toml"))
    event = {"tenantId": "acme", "endpointTag": "summary", "tags": {"cost_center": "4711"}}
    (tmp_path / "events.jsonl").write_text(json.dumps(event))
    monkeypatch.chdir(tmp_path)
    codes = []
    with api_at(create_api(store)) as url:
        for command in _block("sh").splitlines():
            words = command.replace("$COSTATTR_URL", url).split()[1:]
            codes.append(cli.main(service.COMMANDS, words))

    assert codes == [0, 0, 1]
    assert '"values": [\n        "sumary"\n      ]' in capsys.readouterr().out
