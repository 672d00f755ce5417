"""The commands against a running API, and every snippet of the guides."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from otel_costattr_collector.cli import COMMANDS
from otel_costattr_collector.commands.completion import options_of_commands
from otel_costattr_collector.store import Store

from otel_costattr import cli

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def _snippets(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text("utf-8")
    return [
        line
        for block in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
        for line in (block.splitlines() if language == "sh" else [block])
    ]


@pytest.fixture
def run(
    spiked_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> object:
    """Runs one command and returns its exit code and what it printed."""
    monkeypatch.setenv("COSTATTR_URL", spiked_url)

    def runs(*words: str) -> tuple[int, str]:
        code = cli.main(COMMANDS, words)
        printed = capsys.readouterr()
        if code > 1:
            print(printed.err, file=sys.__stderr__)
        return code, printed.out

    return runs


@pytest.mark.parametrize(
    "line", [*_snippets("find-a-spike.md", "sh"), *_snippets("compare-prompts.md", "sh")]
)
def test_every_command_of_the_guides_runs(run: object, line: str) -> None:
    """A reader can paste it."""
    code, out = run(*shlex.split(line)[1:])  # type: ignore[operator]

    assert code in {0, 1}
    assert out


@pytest.mark.parametrize("sql", _snippets("sql-cook-book.md", "sql"))
def test_every_query_of_the_cook_book_finds_rows(spiked_store: Store, sql: str) -> None:
    """A reader can paste it."""
    assert spiked_store.query(sql).rows


def test_compare_is_a_gate(run: object) -> None:
    """A version that writes 30 times as much fails the build; one like the other passes."""
    dear = run("compare", "v5", "v7", "--where", "feature=search", "--least-calls", "10", "--fail-over", "10%")  # type: ignore[operator]  # fmt: skip
    same = run("compare", "v5", "v6", "--fail-over", "10%")  # type: ignore[operator]
    few = run("compare", "v5", "v9")  # type: ignore[operator]

    assert [dear[0], same[0], few[0]] == [1, 0, 2]
    assert "regression" in dear[1]
    assert "undecided" in few[1]


def test_quality_holds_the_thresholds_of_the_file(run: object, tmp_path: Path) -> None:
    """One gate that nothing passes fails the command; rollups equal the ledger."""
    path = tmp_path / "gates.toml"
    path.write_text("tenant = 1\nunknown_model = 0.5\nunpriced = 0.5\n")

    code, out = run("quality", "--thresholds", str(path), "--json")  # type: ignore[operator]

    states = {gate["name"]: gate["state"] for gate in json.loads(out)["gates"]}
    assert code == 1
    assert {name for name, state in states.items() if state == "fail"} == {"tenant"}
    assert states["rollups"] == "pass"


@pytest.mark.parametrize("text", ["colour = 1\n", "tenant = 2\n", "tenant = 'x'\n", "tenant ="])
def test_a_file_of_thresholds_that_makes_no_sense_is_refused(
    run: object, tmp_path: Path, text: str
) -> None:
    """A gate that nobody knows or a share above 1 is named."""
    path = tmp_path / "gates.toml"
    path.write_text(text)

    assert run("quality", "--thresholds", str(path))[0] == 2  # type: ignore[operator]


def test_the_review_of_a_week_is_filled_in(run: object) -> None:
    """Features, teams, tenants, versions, retries, quality, backlog and decisions are there."""
    code, out = run("review", "weekly", "--week", "2026-W43")  # type: ignore[operator]

    titles = re.findall(r"^#+ (.*)$", out, re.MULTILINE)
    assert code == 0
    assert titles[0] == "Ownership review, week of 2026-10-19 (UTC)"
    assert {"Features", "Teams", "Prompt versions", "Quality", "Decisions"} <= set(titles)
    assert run("review", "weekly", "--week", "2026-W60")[0] == 2  # type: ignore[operator]


def test_exports_hold_every_line_and_every_cent(
    run: object, spiked_store: Store, tmp_path: Path
) -> None:
    """Lines as JSON, FOCUS as CSV and Parquet sum to the ledger's total of the period."""
    period = ["--from", "2026-10-05", "--to", "2026-10-06"]
    paths = {fmt: tmp_path / fmt for fmt in ("jsonl", "csv", "parquet")}
    run("export", "calls", *period, "--format", "jsonl", "--output", str(paths["jsonl"]))  # type: ignore[operator]
    run("export", "focus", *period, "--format", "csv", "--output", str(paths["csv"]))  # type: ignore[operator]
    run("export", "focus", *period, "--format", "parquet", "--output", str(paths["parquet"]))  # type: ignore[operator]

    sql = "SELECT sum(amount_usd), count() FROM ledger WHERE toDate(event_ns) BETWEEN '2026-10-05' AND '2026-10-06'"  # fmt: skip
    total, lines = spiked_store.query(sql).rows[0]
    exported = [json.loads(line) for line in paths["jsonl"].read_text().splitlines()]
    assert len(exported) == lines
    assert sum(Decimal(line["cost"]) for line in exported if line["cost"] is not None) == total
    read = f"SELECT sum(BilledCost) FROM file('{paths['csv']}', CSVWithNames, 'BilledCost Nullable(Decimal(38, 12))')"  # fmt: skip
    assert spiked_store.query(read).rows[0][0] == total
    parts = sorted(paths["parquet"].glob("*.parquet"))
    assert [part.read_bytes()[:4] for part in parts] == [b"PAR1"] * 2


@pytest.mark.parametrize(
    "words",
    [
        ("export", "calls"),
        ("export", "costs", "--format", "parquet"),
        ("export", "calls", "--from", "2026-10-02", "--to", "2026-10-01"),
        ("triage", "--around", "yesterday"),
        ("report", "--time-zone", "Mars/Phobos"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(run: object, words: tuple[str, ...]) -> None:
    """Exit code 2 and one line on standard error."""
    assert run(*words)[0] == 2  # type: ignore[operator]


def test_the_report_draws_a_line_in_each_row(run: object) -> None:
    """The trend of October has one bar a day."""
    code, out = run("report", "--by", "feature", "--from", "2026-10-01", "--to", "2026-10-31", "--trend")  # type: ignore[operator]  # fmt: skip

    assert code == 0
    assert len(re.findall("[▁▂▃▄▅▆▇█]{5,31}", out)) >= 8


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_commands_and_options(run: object, shell: str) -> None:
    """Each command of the table and its options stand in the script, which bash accepts."""
    code, out = run("completion", shell)  # type: ignore[operator]

    assert code == 0
    assert all(name in out for name in options_of_commands())
    assert "--around" in out
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=out, text=True, check=False).returncode == 0
