"""`costattr revenue`: an export is read, its rates are posted, and a second run changes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from assessed import assessed
from otel_costattr_collector.cli import COMMANDS
from otel_costattr_collector.ledger import encode, lines_of
from otel_costattr_collector.store import Store

from otel_costattr import cli
from otel_costattr.model import Dimension

RATES = (
    "[[rates]]\ncurrency = 'EUR'\nfirst_day = 2026-10-01\nlast_day = 2026-10-31\n"
    "usd = '1.0850'\nsource = 'bank'\n"
)
EXPORT = "id,customer,period,amount,currency\n1,acme,2026-10,49.00,EUR\n2,globex,2026-10,99,USD\n"


def test_an_export_in_two_currencies_is_imported_once(
    url: str, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused without a rate, taken with it, idle the second time; a dry run posts nothing."""
    rates, export = tmp_path / "rates.toml", tmp_path / "export.csv"
    rates.write_text(RATES)
    export.write_text(EXPORT)
    importing = ["revenue", "import", str(export), "--url", url]

    assert cli.main(COMMANDS, [*importing, "--dry-run"]) == 0
    assert cli.main(COMMANDS, importing) == 2
    assert "no rate for EUR on 2026-10-01" in capsys.readouterr().err
    assert cli.main(COMMANDS, ["revenue", "rates", str(rates), "--url", url]) == 0
    assert cli.main(COMMANDS, importing) == 0
    assert cli.main(COMMANDS, importing) == 0

    assert capsys.readouterr().out.splitlines() == [
        "1 accepted, 0 known already",
        "2 records, 49.00 EUR, 99.00 USD",
        "2 accepted, 0 known already",
        "2 records, 49.00 EUR, 99.00 USD",
        "0 accepted, 2 known already",
    ]
    found = store.query("SELECT sum(amount_usd), count() FROM revenue").rows
    assert [(str(total), count) for total, count in found] == [("152.165000000000", 2)]


def test_a_file_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says which file."""
    assert cli.main(COMMANDS, ["revenue", "import", str(tmp_path / "none.csv")]) == 2
    assert "none.csv" in capsys.readouterr().err


def test_margins_are_printed_with_what_stands_out(
    url: str, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two customers in September, one call each, one pays too little; a proposal beside it."""
    owners: tuple[Mapping[Dimension, str], ...] = (
        {"tenant": "acme", "plan": "pro"},
        {"tenant": "globex", "plan": "pro"},
    )
    made = [assessed(n, owner=owner) for n, owner in enumerate(owners)]
    lines = [line for one in made for line in lines_of(one)]
    store.insert(encode(lines, batch_id=1, recorded_ns=1))
    export, plans = tmp_path / "export.csv", tmp_path / "plans.toml"
    export.write_text(
        "id,customer,period,amount,plan\n1,acme,2026-09,1,pro\n2,globex,2026-09,0,pro\n"
    )
    plans.write_text("[plans.pro]\nallowance_usd = 0.00054\n")
    cli.main(COMMANDS, ["revenue", "import", str(export), "--url", url])
    asking = ["margins", "--month", "2026-09", "--url", url, "--plans", str(plans)]
    capsys.readouterr()

    assert cli.main(COMMANDS, [*asking, "--propose", "60%"]) == 0
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert printed[0][-2:] == ["60", "%"]
    assert printed[1][:5] == ["globex", "0", "0.0002700", "-0.0002700", "0.0002700"]
    assert printed[2][:4] == ["acme", "1.00", "0.0002700", "0.9997"]
    assert printed[3][:2] == ["total", "1.00"]
    assert " ".join(printed[-1]) == "acme (pro): 50 % of the allowance used"
    assert " ".join(printed[-2]) == "globex (pro): negative margin, 50 % of the allowance used"

    assert cli.main(COMMANDS, [*asking, "--json"]) == 0
    customers = json.loads(capsys.readouterr().out)["customers"]
    assert [one["words"] for one in customers] == [["negative margin"], []]
    assert cli.main(COMMANDS, [*asking, "--propose", "100%"]) == 2
