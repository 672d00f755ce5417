"""`costattr prices`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from otel_costattr import cli
from otel_costattr.cli.prices import DATA

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process and return code, output and errors."""

    def call(*words: str) -> tuple[int, str, str]:
        code = cli.main(argv=["prices", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Copy the shipped data to a folder that may change."""
    shutil.copy(DATA / "prices.json", tmp_path)
    shutil.copy(DATA / "facts.toml", tmp_path)
    return tmp_path


def test_list_shows_every_model_of_a_provider(run: Run) -> None:
    """One row a model, with its rates, its first day and the day's state."""
    code, out, _ = run("list", "--provider", "anthropic")

    rows = out.splitlines()
    assert code == 0
    assert rows[0].split()[:4] == ["provider", "model", "input", "cache_read"]
    assert any(
        row.split()[:5] == ["anthropic", "claude-opus-4-5", "5", "0.5", "6.25"] for row in rows
    )


def test_list_marks_tiers_and_what_is_no_longer_listed(run: Run, data: Path) -> None:
    """A plus says that long input costs more; a retired model says so."""
    text = (data / "prices.json").read_text()
    (data / "prices.json").write_text(
        text.replace('"claude-2": {', '"claude-2": {"retired": true, ', 1)
    )

    assert "3+" in run("list", "--provider", "anthropic")[1]
    assert run("diff", str(DATA / "prices.json"), str(data / "prices.json"))[1].startswith(
        "anthropic/claude-2: price: listed -> retired"
    )


def test_list_of_an_unknown_provider_is_refused(run: Run) -> None:
    """The message names the providers that are known."""
    code, _, err = run("list", "--provider", "nobody")

    assert code == 2
    assert "no models of provider 'nobody'; known are anthropic, arcee, " in err


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (
            "anthropic/claude-opus-4.8",
            ["when fast", "when us: every token rate x 1.1", "spelled: "],
        ),
        ("deepseek/deepseek-v4-pro", ["from 01:00 to 04:00 UTC on weekdays 1, 2, 3, 4, 5"]),
        ("deepseek/deepseek-chat", ["from 00:30 to 16:30 UTC"]),
        ("openai/gpt-5.6-sol", ["from 2026-08-21 on", "from 272,001"]),
        ("openai/gpt-4o-audio-preview", ["source of input_audio: "]),
        ("groq/whisper-large-v3", ["at least 10 seconds_input_audio are billed"]),
    ],
)
def test_show_tells_everything_about_a_model(run: Run, model: str, expected: list[str]) -> None:
    """Rates, tiers, variants, hours, minimums, spellings and sources."""
    code, out, _ = run("show", model)

    assert code == 0
    assert [text for text in expected if text not in out] == []


def test_show_of_an_unknown_model_is_refused(run: Run) -> None:
    """The message says how to find what is known."""
    code, _, err = run("show", "openai/nothing")

    assert code == 2
    assert "no entry 'openai/nothing'; `costattr prices list` shows all" in err


def test_check_reads_every_entry(run: Run, data: Path) -> None:
    """The shipped book is sound; a broken one is refused with entry, key and value."""
    assert run("check")[0] == 0
    text = (data / "prices.json").read_text()
    (data / "prices.json").write_text(
        text.replace('"input": 8, "output": 24', '"input": -8, "output": 24', 1)
    )

    code, _, err = run("check", str(data / "prices.json"))

    assert code == 2
    assert "anthropic/claude-2@2023-07-11: input is -8" in err


def test_check_reads_contracts(run: Run, tmp_path: Path) -> None:
    """A contract that names nothing known is refused."""
    contract = tmp_path / "acme.toml"
    contract.write_text('[[discount]]\nprovider = "openai"\nmodel = "nothing"\npercent = 1\n')

    assert run("check", "--overlay", str(contract))[0] == 2
    contract.write_text('[[discount]]\nprovider = "openai"\npercent = 1\n')
    assert run("check", "--overlay", str(contract))[0] == 0


def test_a_missing_file_is_refused(run: Run) -> None:
    """The message names it."""
    code, _, err = run("check", "/nowhere.json")

    assert code == 2
    assert "/nowhere.json: No such file or directory" in err


@pytest.mark.slow
@pytest.mark.timeout(90)  # makes the whole book twice, and coverage slows that fivefold
def test_sync_says_what_changes_in_percent(run: Run, data: Path) -> None:
    """A rate that differs is printed with before, after and effect, and then written."""
    target = data / "prices.json"
    shipped = target.read_text()
    target.write_text(
        shipped.replace('"names": ["claude-2", ', '"names": ["claude-two", ', 1).replace(
            '"input": 8, "output": 24', '"input": 10, "output": 24', 1
        )
    )

    code, out, _ = run("sync", "--dry-run", "--data", str(data))
    assert code == 0
    assert "anthropic/claude-2 from 2023-07-11: input: 10 -> 8  (-20.0 %)" in out
    assert "anthropic/claude-2: names: claude-2.0, claude-2.1, claude-two, claude-v2 -> " in out
    assert target.read_text() != shipped

    run("sync", "--data", str(data))
    assert '"input": 8, "output": 24' in target.read_text()


def test_sync_into_an_empty_folder_makes_the_book(run: Run, tmp_path: Path) -> None:
    """Without a book so far everything is new."""
    shutil.copy(DATA / "facts.toml", tmp_path)

    code, out, _ = run("sync", "--data", str(tmp_path))

    assert code == 0
    assert "anthropic/claude-2: price: none -> known" in out
    assert run("diff", str(tmp_path / "prices.json"), str(DATA / "prices.json"))[0] in {0, 1}


@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_diff_of_the_shipped_book_against_a_fresh_sync_is_empty(run: Run) -> None:
    """The shipped data is what a sync would write."""
    code, out, _ = run("diff")

    assert code == 0
    assert out.startswith("0 changes")


def test_diff_shows_periods_and_variants(run: Run, data: Path) -> None:
    """A moved day and a variant that is gone are differences too."""
    target = data / "prices.json"
    text = target.read_text()
    changed = text.replace('"to": "2026-08-21"', '"to": "2026-08-22"').replace(
        '{"from": "2026-08-21"', '{"from": "2026-08-22"'
    )
    changed = changed.replace('{"when": "us", ', '{"when": "moon", ').replace(
        '"rates": {"cache_read": 0.25, "cache_write_1h": 5,',
        '"rates": {"cache_read": 0.25, "cache_write_1h": 6,',
    )
    target.write_text(changed)

    _, out, _ = run("diff", "", str(target))

    assert "validity: 2026-08-21 to  -> 2026-08-22 to " in out
    assert "rates of moon: none -> known" in out
    assert "cache_write_1h: 5 -> 6  (+20.0 %)" in out


def test_sync_without_the_package_says_what_to_install(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """genai-prices is needed to renew the data, never to price."""
    monkeypatch.setitem(sys.modules, "genai_prices.data", None)

    code, _, err = run("sync", "--dry-run")

    assert code == 2
    assert "genai-prices is not installed; run: pip install genai-prices" in err
