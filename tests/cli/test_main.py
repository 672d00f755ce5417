"""`costattr` itself: which command runs, and how it ends."""

from __future__ import annotations

import argparse
import io
import sys
from types import SimpleNamespace

import pytest

from otel_costattr.cli import Command, main


def test_no_command_prints_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """Words that say nothing are answered with what can be said, and code 2."""
    assert main(argv=()) == 2
    assert "assess" in capsys.readouterr().out


def test_a_reader_that_leaves_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """`costattr ... | head` ends quietly."""

    def run(_: argparse.Namespace) -> int:
        raise BrokenPipeError

    module = SimpleNamespace(configure=lambda _: None, run=run)
    monkeypatch.setitem(sys.modules, "command_that_prints", module)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    command = Command(name="print", summary="Print.", module="command_that_prints")

    assert main((command,), ["print"]) == 1
    assert sys.stderr.closed


def test_a_missing_extra_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever lacks the service's packages reads how to install them."""
    command = Command(name="serve", summary="Serve.", module="not_installed", extra="collector")

    with pytest.raises(SystemExit) as ended:
        main((command,), ["serve"])

    assert ended.value.code == 2
    assert "pip install 'otel-costattr[collector]'" in capsys.readouterr().err


def test_a_module_of_ours_that_is_missing_is_an_error() -> None:
    """Without an extra nothing that a user could install is missing."""
    with pytest.raises(ModuleNotFoundError):
        main((Command(name="lost", summary="Lost.", module="not_installed"),), ["lost"])
