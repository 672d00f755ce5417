"""`costattr allocate`: the words that it takes, and those that it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from allocation.places import insert, shared
from fastapi import FastAPI
from listening import api_at
from otel_costattr_collector import cli as service
from otel_costattr_collector.store import Store

from otel_costattr import cli

RULES = '[[rule]]\nname="gpu"\npool="gpu"\ntarget="tenant"\nbasis="revenue"\n'
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    store: Store,
    store_api: FastAPI,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Run]:
    """Runs the command over a ledger with 12 USD of GPU; gives exit code, output and errors."""
    insert(store, shared("12", pool="gpu"))
    (tmp_path / "rules.toml").write_text(RULES)
    monkeypatch.chdir(tmp_path)

    def runs(*words: str) -> tuple[int, str, str]:
        code = cli.main(service.COMMANDS, ["allocate", *words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    with api_at(store_api) as url:
        monkeypatch.setenv("COSTATTR_URL", url)
        yield runs


def test_weights_come_from_a_file(run: Run) -> None:
    """Without a column `rule` they are for every rule by revenue; JSON says the same."""
    Path("weights.csv").write_text("value,weight\nacme,1\nglobex,2\n")
    words = ("--rules", "rules.toml", "--month", "2026-10", "--weights", "weights.csv")
    text = run(*words)[1]
    found = json.loads(run(*words, "--json")[1])

    assert "  globex  8 USD  (weight 2)\n  acme    4 USD  (weight 1)" in text
    assert found["state"] == "unchanged"


def test_there_may_be_no_runs(run: Run) -> None:
    """The list says so."""
    assert run("--list") == (0, "no runs\n", "")


@pytest.mark.parametrize(
    ("words", "weights", "message"),
    [
        (("--rules", "rules.toml"), "", "name the period"),
        (("--rules", "rules.toml", "--month", "10/2026"), "", "use a month such as"),
        (("--rules", "nowhere.toml", "--month", "2026-10"), "", "nowhere.toml: cannot be read"),
        (("--rules", "rules.toml", "--month", "2026-10"), "a,b\n", "columns value and weight"),
        (("--rules", "rules.toml", "--month", "2026-10"), "value,weight\na,x\n", "no number"),
        (("--rules", "rules.toml", "--month", "2026-10"), "value,weight\na,NaN\n", "no number"),
        (("--rules", "rules.toml", "--month", "2026-10"), "value,weight\na,1\na,2\n", "twice"),
    ],
)
def test_what_makes_no_sense_is_refused(
    run: Run, words: tuple[str, ...], weights: str, message: str
) -> None:
    """Exit code 2, and what to do about it."""
    if weights:
        Path("weights.csv").write_text(weights)
        words = (*words, "--weights", "weights.csv")
    code, _, errors = run(*words)

    assert (code, message in errors) == (2, True)
