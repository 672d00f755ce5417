"""`costattr migrate`: apply, list or print, and refuse what makes no sense."""

from __future__ import annotations

from pathlib import Path

import pytest
from collector.served import run
from otel_costattr_collector.cli import COMMANDS

from otel_costattr import cli


def _run(*words: str) -> int:
    return cli.main(COMMANDS, ["migrate", *words])


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_folder_is_migrated_once(tmp_path: Path) -> None:
    """Pending, then applied, then up to date; in processes, since a folder has one engine."""
    data = ("--data", str(tmp_path))
    before, applied, after = (
        run("migrate", *data, "--dry-run"),
        run("migrate", *data),
        run("migrate", *data, "--dry-run"),
    )

    assert (before.returncode, applied.returncode, after.returncode) == (1, 0, 0), applied.stderr
    assert "pending 0002_ledger.sql" in before.stdout
    assert "applied 0002_ledger.sql" in applied.stdout
    assert "up to date" in applied.stdout
    assert after.stdout == ""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param((), "ENGINE = MergeTree", id="single"),
        pytest.param(
            ("--layout", "cluster", "--cluster", "main"), "ON CLUSTER 'main'", id="cluster"
        ),
        pytest.param(("--layout", "cloud"), "replicated_deduplication_window", id="cloud"),
        pytest.param(("--reporting-time-zone", "Asia/Kolkata"), "'Asia/Kolkata'", id="zone"),
    ],
)
def test_the_sql_of_each_layout_can_be_read_before(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], expected: str
) -> None:
    """`--print` shows every statement and connects nowhere."""
    url = ("--clickhouse", "http://nobody.invalid:8123/costattr")

    assert _run(*words, *url, "--print") == 0
    out = capsys.readouterr().out
    assert expected in out
    assert "-- 0002_ledger.sql" in out


def test_a_layout_that_makes_no_sense_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A cluster needs its name, and chDB is none."""
    assert _run("--layout", "cluster") == 2
    assert "cluster name" in capsys.readouterr().err
    assert _run("--layout", "cloud", "--dry-run") == 2
    assert "needs a server" in capsys.readouterr().err
