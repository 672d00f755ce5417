"""docs/attribution.md: the commands of the vault run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from otel_costattr_collector import cli as service
from otel_costattr_collector.privacy.vault import Vault

from otel_costattr import cli

PAGE = (Path(__file__).parents[2] / "docs" / "attribution.md").read_text("utf-8")


def test_the_commands_of_the_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The hash of the page is looked up, then the person forgotten."""
    commands = re.findall(r"^costattr (vault .+)$", PAGE, re.MULTILINE)
    vault = Vault(tmp_path / "costattr-data" / "vault.sqlite", flush_s=3600)
    vault.learn("u-812", commands[0].split()[-1])
    vault.close()
    monkeypatch.chdir(tmp_path)

    assert [cli.main(service.COMMANDS, command.split()) for command in commands] == [0, 0]
    assert capsys.readouterr().out.splitlines() == ["u-812", "1 entries forgotten"]
