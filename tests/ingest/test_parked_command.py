"""`costattr parked`: what was refused for good, and another try."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from otel_costattr_collector.cli import COMMANDS
from otel_costattr_collector.ingest.parked import Parked
from otel_costattr_collector.ledger import Block

from otel_costattr import cli
from otel_costattr.testing import START_NS

BLOCK = Block(batch_id=255, rows=3, data=b"bytes", partitions=(202609,))
NAME = "block-00000000000000ff"


def run(data: Path, *words: str) -> int:
    """Run the command over a data folder."""
    return cli.main(COMMANDS, ["parked", *words, "--data", str(data)])


def test_it_lists_what_is_parked_and_has_it_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code says whether somebody has to look; the reason says why."""
    assert run(tmp_path, "list") == 0
    parked = Parked(tmp_path / "parked", clock=lambda: START_NS)
    parked.add_block(BLOCK, "code 117: bad data")
    capsys.readouterr()

    assert run(tmp_path, "list", "--json") == 1
    assert json.loads(capsys.readouterr().out) == [
        {
            "name": NAME,
            "kind": "block",
            "rows": 3,
            "reason": "code 117: bad data",
            "parked_ns": START_NS,
            "retrying": False,
        }
    ]
    assert run(tmp_path, "retry", NAME) == 0
    assert run(tmp_path, "list") == 1
    listed = capsys.readouterr().out
    assert NAME in listed
    assert "retrying" in listed
    ((name, record),) = parked.asked()
    assert (name, getattr(record, "blocks", ())) == (NAME, (BLOCK,))


def test_an_unknown_name_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says where the names are."""
    assert run(tmp_path, "retry", "../escape") == 2
    assert "costattr parked list shows" in capsys.readouterr().err


def test_a_try_that_fails_parks_it_again(tmp_path: Path) -> None:
    """There is one entry, with the newer reason, and nobody is asked to try it."""
    parked = Parked(tmp_path / "parked", clock=lambda: START_NS)
    parked.add_block(BLOCK, "first")
    parked.ask_again(NAME)
    parked.add_block(BLOCK, "second")

    assert [(item.reason, item.retrying) for item in parked.items()] == [("second", False)]
    assert list(parked.asked()) == []
