"""`costattr revenue`: an export is read, its rates are posted, and a second run changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from otel_costattr_collector.cli import COMMANDS
from otel_costattr_collector.store import Store

from otel_costattr import cli

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
