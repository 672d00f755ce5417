"""`costattr price`."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tariff import priced

from otel_costattr import cli
from otel_costattr.cli.price import json_line, result

Run = Callable[..., tuple[int, str, str]]

CASE = {
    "id": "a1",
    "provider": "openai",
    "model": "gpt-4o-mini",
    "at": "2026-10-20T12:00:00Z",
    "usage": {"input": 600, "cache_read": 400, "output": 150, "reasoning": 50},
}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process and return code, output and errors."""

    def call(*words: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = cli.main(argv=list(words))
        out, err = capsys.readouterr()
        return code, out, err

    return call


def lines(out: str) -> list[dict[str, Any]]:
    """Read JSON lines."""
    return [json.loads(line) for line in out.splitlines()]


def test_a_call_is_priced_and_explained(run: Run) -> None:
    """600 x 0.15 + 400 x 0.075 + 150 x 0.6 + 50 x 0.6 for a million is 0.00024 USD."""
    code, out, _ = run(
        "price", "--provider", "openai", "--model", "gpt-4o-mini", "--at", "2026-10-20",
        "--input", "600", "--cache-read", "400", "--output", "150", "--reasoning", "50",
    )  # fmt: skip

    assert code == 0
    assert "0.00024 USD (priced)" in out
    assert "400 x 0.075 / 1,000,000 = 0.00003" in out


def test_json_has_the_documented_shape(run: Run) -> None:
    """One object with status, reason, total, lines and the price that was used."""
    code, out, _ = run(
        "price", "--provider", "openai", "--model", "gpt-4o", "--at", "2026-10-20T12:00:00",
        "--input", "100", "--service-tier", "batch", "--json",
    )  # fmt: skip

    found = json.loads(out)
    assert code == 0
    assert found["total_usd"] == "0.000125"
    assert found["lines"] == [
        {
            "unit": "input",
            "quantity": 100,
            "rate_usd": "1.25",
            "per": 1_000_000,
            "amount_usd": "0.000125",
        }
    ]
    assert found["price"]["entry"] == "openai/gpt-4o@2024-05-13"
    assert found["price"]["valid_from"] == "2024-05-13T00:00:00Z"
    assert found["price"]["valid_to"] is None
    assert found["rule"] == "response model; rates of batch"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--model", "gpt-4o", "--at", "2019-05-01"], "no_price_at_time"),
        (["--model", "gpt-9o-unheard"], "unknown_model"),
        (["--model", "gpt-4o", "--images", "3"], "no_rate"),
    ],
)
def test_what_has_no_price_says_so_and_exits_1(run: Run, words: list[str], reason: str) -> None:
    """Unknown model, a date before the first price, a count without a rate: never a 0."""
    code, out, _ = run("price", "--provider", "openai", *words, *(() if "--images" in words else ("--input", "10")), "--json")  # fmt: skip

    found = json.loads(out)
    assert code == 1
    assert (found["status"], found["reason"], found["total_usd"]) == ("unpriced", reason, None)


def test_no_price_is_explained_in_words(run: Run) -> None:
    """The text names the reason, its sentence and the bounds."""
    code, out, _ = run("price", "--provider", "openai", "--model", "nope", "--input", "10")

    assert code == 1
    assert "no price (unpriced)" in out
    assert "unknown_model: The price book has no entry for this model name." in out
    assert "between " in out
    assert "unknown spelling: openai/nope" in out


def test_lines_come_back_in_order(run: Run) -> None:
    """One result a case, in the order of the cases, with their ids."""
    cases = [{**CASE, "id": number} for number in (3, 1, 2)]

    code, out, _ = run("price", "--jsonl", stdin="\n".join(map(json.dumps, cases)) + "\n\n")

    assert code == 0
    assert [found["id"] for found in lines(out)] == [3, 1, 2]
    assert {found["total_usd"] for found in lines(out)} == {"0.00024"}


@pytest.mark.parametrize(
    ("case", "error"),
    [
        ("{", "line 1: "),
        ("[]", "line 1: a case is a JSON object"),
        ('{"id": 1, "modell": "x"}', "line 1: unknown keys modell; known are at, id, model"),
        ('{"id": 1, "usage": {"inputs": 1}}', "line 1: unknown unit 'inputs'"),
        ('{"id": 1, "usage": {"input": -1}}', "line 1: input is -1: a count is a whole number"),
        ('{"id": 1, "usage": {"input": 1.5}}', "line 1: input is Decimal('1.5')"),
        ('{"id": 1, "usage": [1]}', "line 1: "),
        ('{"id": 1, "provider": 7}', "line 1: provider is 7; give text"),
        ('{"id": 1, "at": "soon"}', "line 1: at is 'soon'; write a time as 2026-08-21T12:00:00Z"),
        ('{"id": 1, "at": true}', "line 1: at is 'True'"),
    ],
)
def test_a_bad_line_is_a_row_and_never_stops_its_neighbours(
    run: Run, case: str, error: str
) -> None:
    """A line that makes no sense has a result that says so; the next one is priced."""
    code, out, err = run("price", "--jsonl", stdin=f"{case}\n{json.dumps(CASE)}\n")

    bad, good = lines(out)
    assert code == 1
    assert bad["status"] == "unpriced"
    assert bad["total_usd"] is None
    assert bad["error"].startswith(error)
    assert good["total_usd"] == "0.00024"
    assert "1 lines were refused" in err


def test_a_case_may_leave_out_what_is_unknown(run: Run) -> None:
    """Null fields are unknown, nanoseconds are a time, no usage is no price."""
    case = {**CASE, "at": 1_790_000_000_000_000_000, "service_tier": None}
    code, out, _ = run(
        "price",
        "--jsonl",
        stdin=f"{json.dumps(case)}\n{json.dumps({'id': 2, 'model': 'gpt-4o'})}\n",
    )

    assert code == 0
    assert [found["reason"] for found in lines(out)] == ["", "no_usage"]


def test_an_overlay_is_laid_over_the_published_prices(run: Run, tmp_path: Path) -> None:
    """A discount of 10 percent shows in the total and in the explanation."""
    contract = tmp_path / "acme.toml"
    contract.write_text('[[discount]]\nprovider = "openai"\npercent = 10\n')
    words = ["price", "--provider", "openai", "--model", "gpt-4o", "--input", "1000000"]

    _, out, _ = run(*words, "--overlay", str(contract))

    assert "2.25 USD (priced)" in out
    assert "at published rates: 2.5 USD" in out
    assert "list 2.5" in out
    assert "contract: acme.toml" in out


def test_an_overlay_that_is_not_there_is_refused(run: Run) -> None:
    """The message names the file."""
    code, _, err = run("price", "--overlay", "/nowhere.toml", "--model", "x")

    assert code == 2
    assert "/nowhere.toml: No such file or directory" in err


def test_a_committed_call_says_committed(run: Run, tmp_path: Path) -> None:
    """Provisioned capacity shows as its own status, with 0 paid and the published price beside it."""
    contract = tmp_path / "ptu.toml"
    contract.write_text('[[capacity]]\nprovider = "openai"\nnames = ["gpt-4o"]\n')

    _, out, _ = run(
        "price", "--provider", "openai", "--model", "gpt-4o", "--input", "1000000", "--json",
        "--overlay", str(contract),
    )  # fmt: skip

    found = json.loads(out)
    assert (found["status"], found["total_usd"], found["list_usd"]) == ("committed", "0", "2.5")


@pytest.mark.parametrize(
    ("model", "counts"),
    [
        ("full", {"input": 600, "cache_read": 400, "output": 150}),
        ("plain", {"cache_read": 3}),
        ("unheard-of", {"input": 3}),
        ("free", {"input": 3}),
        ("changing", {"output": 3}),
    ],
)
def test_a_line_is_the_result_as_json(model: str, counts: dict[str, int]) -> None:
    """The quick writing of a line and the plain one say the same, in the same order."""
    found = priced(model, counts)
    committed = dataclasses.replace(found, committed=True, list_usd=None)

    assert json_line(found, 'a"1') == json.dumps(result(found, id='a"1')) + "\n"
    assert json_line(committed, None) == json.dumps(result(committed, id=None)) + "\n"
