"""docs/invoices.md runs: its plans, its commands, its table of causes."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from allocation.places import DAY_NS, OCTOBER, insert
from assessed import assessed
from listening import api_at
from otel_costattr_collector import cli as service
from otel_costattr_collector.api import create_api
from otel_costattr_collector.invoices.comparing import CAUSES
from otel_costattr_collector.ledger import lines_of
from otel_costattr_collector.store import Store

from otel_costattr import cli

PAGE = (Path(__file__).parents[2] / "docs" / "invoices.md").read_text("utf-8")
COSTS = {
    "data": [
        {
            "start_time": OCTOBER // 10**9,
            "results": [
                {
                    "amount": {"value": 0.0003, "currency": "usd"},
                    "line_item": "gpt-4o-mini-2024-07-18, input",
                    "project_id": None,
                }
            ],
        }
    ]
}


def test_the_commands_of_the_page_run(
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Drafted, issued, exported, verified; the bill of 0.0003 USD is 0.00003 USD off, once."""
    insert(store, *lines_of(assessed(1, start_ns=OCTOBER + DAY_NS // 2)))
    (tmp_path / "plans.toml").write_text(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0])
    (tmp_path / "costs.json").write_text(json.dumps(COSTS))
    monkeypatch.chdir(tmp_path)
    printed = []
    with api_at(create_api(store)) as url:
        monkeypatch.setenv("COSTATTR_URL", url)
        for command in "".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)).splitlines():
            assert cli.main(service.COMMANDS, command.split()[1:]) == 0
            printed.append(capsys.readouterr().out)

    assert json.loads(printed[0])["sequence"] == 0
    content = json.loads(printed[1])["content"]
    # 1,200 tokens are 0.0012 million at 8 USD: 0.0096, rounded 0.01; 1 call of 10,000 is free.
    assert [line["exact_usd"] for line in content["lines"]] == ["0.0096", "0"]
    assert content["total_usd"] == "0.01"
    assert printed[3].splitlines()[1] == "acme,2026-10,,gpt-4o-mini,1,1000,200,0.00027"
    assert "<h1>Invoice draft for acme</h1>" in (tmp_path / "acme.html").read_text()
    assert "1 statements, the chain is whole" in printed[5]
    assert "gap 0.00003 USD" in printed[6]
    assert "1 true-ups booked" in printed[7]
    assert store.query("SELECT sum(amount_usd) FROM ledger").rows == ((Decimal("0.0003"),),)


def test_the_page_names_every_cause() -> None:
    """The table has a row for each."""
    table = PAGE.split("| cause |")[1].split("\n\n")[0]

    assert set(re.findall(r"`([a-z_]+)`", table)) == set(CAUSES)
