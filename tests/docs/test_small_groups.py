"""docs/attribution.md: the commands for shared answers run."""

from __future__ import annotations

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


def test_the_commands_of_the_page_run(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Five people behind chat are shown; one each behind two others are not."""
    features = ["chat"] * 5 + ["a", "b", *["c"] * 5]
    calls = [
        assessed(number, owner={"tenant": "acme", "feature": feature, "user": f"u-{number}"})
        for number, feature in enumerate(features)
    ]
    lines = [line for call in calls for line in ledger.lines_of(call)]
    store.insert(ledger.encode(lines, batch_id=1, recorded_ns=10**18))
    commands = re.findall(r"^costattr (.+ --min-group 5)$", PAGE, re.MULTILINE)
    with api_at(create_api(store)) as url:
        monkeypatch.setenv("COSTATTR_URL", url)
        assert [cli.main(service.COMMANDS, command.split()) for command in commands] == [0, 0]

    out = capsys.readouterr().out
    assert out.count("__small__") == 2
    assert out.count("chat") == 2
