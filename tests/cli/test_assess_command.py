"""`costattr assess` and `costattr doctor`: files in, lines out."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from golden.recordings import FOLDER, all_recordings, calls_of, recording

from otel_costattr.assess import assess_all
from otel_costattr.cli import main
from otel_costattr.cli.assess import line_of
from otel_costattr.pricing import shipped_book
from otel_costattr.testing import chat_span


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Run a command and answer its exit code and what it printed."""
    code = main(argv=words)
    out = capsys.readouterr()
    return code, out.out, out.err


def path_of(name: str) -> str:
    """Answer the file of a recording."""
    return str(FOLDER / f"{name}.json")


def test_one_line_a_call(capsys: pytest.CaptureFixture[str]) -> None:
    """Ids, verdict, names, disjoint counts, totals, owner and provenance."""
    code, out, _ = run(capsys, "assess", path_of("traceloop_openai/chat"), "--jsonl")

    line = json.loads(out)
    assert code == 0
    assert {
        key: line[key] for key in ("status", "reason", "duplicate_of", "provider", "model")
    } == {
        "status": "priced",
        "reason": "",
        "duplicate_of": "",
        "provider": "openai",
        "model": "gpt-4o-mini",
    }
    assert line["usage"] == {"cache_read": 400, "input": 600, "output": 150, "reasoning": 50}
    assert (line["input_total"], line["output_total"]) == (1000, 200)
    # 600 * 0.15 + 400 * 0.075 + 200 * 0.60 USD for a million.
    assert Decimal(line["total_usd"]) == Decimal("0.00024")
    assert line["provenance"]["cache_read"] == "gen_ai.usage.cache_read.input_tokens"
    assert line["emitter"] == "traceloop"


def test_duplicates_are_lines_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    """The span that repeats a call names the one that counts."""
    _, out, _ = run(capsys, "assess", path_of("langchain_openinference/anthropic_chat"), "--jsonl")

    lines = [json.loads(line) for line in out.splitlines()]
    counted, copy = sorted(lines, key=lambda line: line["status"] == "duplicate_of")
    assert copy["duplicate_of"] == f"{counted['trace_id']}:{counted['span_id']}"
    assert copy["total_usd"] is None


def test_the_table_counts_copies_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """One call, seen twice."""
    _, out, _ = run(capsys, "assess", path_of("langchain_openinference/anthropic_chat"))

    assert "1 calls, 0 of them unpriced" in out


def test_other_models_of_a_response_are_listed() -> None:
    """A response that an advisor served in part names its model and counts."""
    raw = (
        '{"input_tokens":1000,"output_tokens":200,"iterations":['
        '{"input_tokens":1000,"output_tokens":200},'
        '{"model":"claude-opus-4-8","input_tokens":5,"output_tokens":7}]}'
    )
    span = chat_span({"gen_ai.usage.raw": raw}, scope_name="logfire.anthropic")

    (found,) = assess_all([span], book=shipped_book())

    assert line_of(found)["other_models"] == [
        {"model": "claude-opus-4-8", "usage": {"input": 5, "output": 7}}
    ]


def test_files_are_assessed_together(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The halves of one trace in two files, one request a line, are one call."""
    request = json.loads(Path(path_of("langchain_openinference/anthropic_chat")).read_text())
    files = []
    for number, group in enumerate(request["traces"]["resourceSpans"]):
        for place, scope in enumerate(group["scopeSpans"]):
            part = {"resourceSpans": [{"resource": group["resource"], "scopeSpans": [scope]}]}
            files.append(tmp_path / f"{number}-{place}.jsonl")
            files[-1].write_text(json.dumps(part) + "\n\n" + json.dumps(part) + "\n")

    _, out, _ = run(capsys, "assess", *map(str, files), "--jsonl")

    statuses = [json.loads(line)["status"] for line in out.splitlines()]
    assert len(files) == 2
    assert sorted(statuses) == ["duplicate_of"] * 3 + ["priced"]


def test_the_table_ends_with_a_total(capsys: pytest.CaptureFixture[str]) -> None:
    """A reader sees calls, unpriced ones, the sum, and what was not counted."""
    _, out, _ = run(
        capsys,
        "assess",
        path_of("traceloop_openai/chat"),
        path_of("traceloop_openai/stream_nousage"),
    )

    assert out.splitlines()[0].startswith("status")
    assert out.splitlines()[-1].startswith("2 calls, 1 of them unpriced, 0.00024")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ""),
        ("{", "no JSON"),
        ("[1]", "no export request"),
        ("{}", "no resourceSpans and no resourceLogs"),
        ('{"resourceSpans":[]}\n{', ":2: no JSON"),
    ],
    ids=["empty", "half", "list", "other", "second-line"],
)
def test_what_is_no_otlp_is_refused_with_its_place(
    text: str, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The error names the file, the line and what was expected."""
    path = tmp_path / "export.json"
    path.write_text(text)

    code, _, error = run(capsys, "assess", str(path))

    assert code == (2 if message else 0)
    assert message in error


def test_a_missing_file_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """One line says which file."""
    code, _, error = run(capsys, "assess", "/nowhere/export.json")

    assert code == 2
    assert "/nowhere/export.json: cannot be read" in error


def test_an_operators_convention_goes_first(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The same span counts its cache on top of the input once the operator says so."""
    rows = tmp_path / "conventions.toml"
    rows.write_text(
        '[[convention]]\nscope = "opentelemetry.instrumentation.openai.v1"\n'
        'convention = "exclusive"\n'
    )

    _, out, _ = run(
        capsys, "assess", path_of("traceloop_openai/chat"), "--jsonl", "--conventions", str(rows)
    )

    assert json.loads(out)["usage"]["input"] == 1000
    assert json.loads(out)["input_total"] == 1400


@pytest.mark.parametrize(
    "text",
    [
        "[[",
        '[[convention]]\nscope = "x"\n',
        '[[convention]]\nscope = "x"\nconvention = "maybe"\n',
        '[[convention]]\nscope = "x"\nconvention = "inclusive"\ncolour = "red"\n',
        '[[convention]]\nscope = 3\nconvention = "inclusive"\n',
        None,
    ],
    ids=["no-toml", "none", "maybe", "unknown-key", "number", "missing-file"],
)
def test_a_convention_that_makes_no_sense_is_refused(
    text: str | None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The error names the file and what is wrong."""
    rows = tmp_path / "conventions.toml"
    if text is not None:
        rows.write_text(text)

    code, _, error = run(
        capsys, "assess", path_of("traceloop_openai/chat"), "--conventions", str(rows)
    )

    assert code == 2
    assert str(rows) in error


def test_every_line_is_json_with_the_same_keys() -> None:
    """Scripts may rely on each key in each line."""
    keys = {
        frozenset(line_of(item)) - {"other_models"}
        for found in all_recordings()
        for item in calls_of(found)
    }

    assert len(keys) == 1


def test_the_doctor_says_what_mends_a_loss(capsys: pytest.CaptureFixture[str]) -> None:
    """What is dropped, what it costs in certainty, and the line of code that mends it."""
    code, out, _ = run(capsys, "doctor", path_of("otel_openai_v2/chat_flex"), "--json")

    patient = json.loads(out)
    (finding,) = patient["findings"]
    assert code == 1
    assert patient["scope"] == "opentelemetry.instrumentation.openai_v2"
    assert finding["what"] == "cache_read, reasoning"
    assert "opentelemetry-instrumentation-genai-openai" in finding["mend"]
    assert Decimal(finding["stake_usd"]) > 0


def test_the_doctor_knows_the_streaming_option(capsys: pytest.CaptureFixture[str]) -> None:
    """A stream without usage names the option that asks for it."""
    _, out, _ = run(capsys, "doctor", path_of("traceloop_openai/stream_nousage"))

    assert "include_usage" in out


@pytest.mark.parametrize(
    ("name", "stake_usd"),
    [
        # 500 writes at 6 USD for an hour instead of 3.75 USD for five minutes, a million.
        ("langfuse_v5/context_gen", Decimal(500) * (Decimal(6) - Decimal("3.75")) / 10**6),
        # 80 tokens at 2.50 USD a million that only the total has.
        ("google_genai_traceloop/gen", None),
    ],
    ids=["ttl", "residual"],
)
def test_the_doctor_values_what_is_assumed(
    name: str, stake_usd: Decimal | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """An assumption is worth the difference to what else it could have been."""
    _, out, _ = run(capsys, "doctor", path_of(name), "--json")

    stakes = [finding["stake_usd"] for finding in json.loads(out)["findings"]]
    assert stakes[0] is not None
    if stake_usd is not None:
        assert Decimal(stakes[0]) == stake_usd


def test_a_healthy_emitter_lacks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing found is exit code 0."""
    code, out, _ = run(capsys, "doctor", path_of("otel_genai_openai/chat"))

    assert code == 0
    assert "nothing is lacking" in out


def test_a_file_without_calls_has_no_patient(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """An empty export is no error."""
    path = tmp_path / "empty.json"
    path.write_text('{"resourceSpans": []}')

    code, out, _ = run(capsys, "doctor", str(path))

    assert (code, out) == (0, "no model call found\n")


def test_a_failed_call_is_no_finding_about_streams(capsys: pytest.CaptureFixture[str]) -> None:
    """A call that failed has no usage for a better reason."""
    _, out, _ = run(capsys, "doctor", path_of("traceloop_openai/stream_usage"))

    assert recording("traceloop_openai/stream_usage").on_wire
    assert "include_usage" not in out
