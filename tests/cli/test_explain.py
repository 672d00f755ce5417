"""`costattr explain` of spans in a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from otel_costattr_collector.cli import COMMANDS
from tariff import BOOK, NOON_NS, priced, used

from otel_costattr import cli
from otel_costattr.cli.explanation import explain_assessment
from otel_costattr.model import Assessment, ModelCall, Owner, Span, Usage

Run = Callable[..., tuple[int, str, str]]

SPAN: Mapping[str, Any] = {
    "traceId": "0AF7651916CD43DD8448EB211C80319C",
    "spanId": "b7ad6b7169203331",
    "name": "chat gpt-4o-mini",
    "startTimeUnixNano": "1790000000000000000",
    "endTimeUnixNano": 1790000001000000000,
    "attributes": [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.provider.name", "value": {"stringValue": "openai"}},
        {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o-mini"}},
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "1000"}},
        {"key": "gen_ai.usage.output_tokens", "value": {"intValue": 200}},
        {"key": "costattr.tenant", "value": {"stringValue": "acme"}},
    ],
}


def request(*spans: Mapping[str, Any]) -> dict[str, Any]:
    """Build an export request as OTLP/JSON."""
    scope = {"scope": {"name": "tests", "version": "1"}, "spans": list(spans)}
    return {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [scope]}]}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process and return code, output and errors."""

    def call(*words: str) -> tuple[int, str, str]:
        code = cli.main(COMMANDS, ["explain", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_a_span_in_a_file_is_explained(run: Run, tmp_path: Path) -> None:
    """Counts with their attributes, rates, amounts, entry, rule and owner: all of it."""
    file = tmp_path / "spans.json"
    file.write_text(json.dumps(request(SPAN)))

    code, out, _ = run(str(file))

    assert code == 0
    assert "span 0af7651916cd43dd8448eb211c80319c:b7ad6b7169203331 'chat gpt-4o-mini'" in out
    assert "1,000 x 0.15 / 1,000,000 = 0.00015  from gen_ai.usage.input_tokens" in out
    assert "total = 0.00027 USD" in out
    assert "tenant: acme (from span)" in out
    assert "entry: openai/gpt-4o-mini@2024-07-18, valid from 2024-07-18 on" in out
    assert "not taken: rates of batch (input 0.075, output 0.3)" in out


def test_lines_of_requests_are_read(run: Run, tmp_path: Path) -> None:
    """The file exporter's format, one request a line, is a file of spans too."""
    file = tmp_path / "spans.jsonl"
    other = {**SPAN, "spanId": "b7ad6b7169203332"}
    file.write_text(f"{json.dumps(request(SPAN))}\n\n{json.dumps(request(other))}\n")

    code, out, _ = run(str(file), "--span", "B7AD6B7169203332")

    assert code == 0
    assert out.count("span 0af76") == 1


def test_a_span_that_is_not_there_is_refused(run: Run, tmp_path: Path) -> None:
    """The message names the span that was asked for, or says that there is no call at all."""
    file = tmp_path / "spans.json"
    file.write_text(json.dumps(request(SPAN)))
    empty = tmp_path / "empty.json"
    empty.write_text(json.dumps(request()))

    assert "there is no span 'ffff'" in run(str(file), "--span", "ffff")[2]
    assert "there is no model call" in run(str(empty))[2]


def test_a_duplicate_says_who_counts_it() -> None:
    """A span that is not counted names the span that is, and the rule."""
    text = explain_assessment(
        Assessment(
            span=Span(trace_id="t", span_id="s"),
            call=ModelCall(reported_cost_usd=Decimal("0.5"), reported_by="operation.cost"),
            prices=(),
            owner=Owner(tags={"team": "a"}),
            status="duplicate_of",
            reasons=("wrapper_sum",),
            duplicate_of="t:w",
            dedupe_rule="response_id",
        ),
        book=BOOK,
    )

    assert "counted by t:w, recognised by response_id" in text
    assert "wrapper_sum: A sum over calls below this span, not a call." in text
    assert "reported by the emitter: 0.5 USD in operation.cost" in text
    assert "tags.team: a" in text


def test_every_model_of_a_response_is_explained() -> None:
    """A response of two models has two explanations below one span."""
    call = ModelCall(
        provider="acme",
        response_model="plain",
        usage=Usage(counts={"input": 5}),
        other_models=(used("free", {"input": 7}),),
    )
    text = explain_assessment(
        Assessment(
            span=Span(trace_id="t", span_id="s", start_ns=NOON_NS),
            call=call,
            prices=(priced("plain", {"input": 5}), priced("free", {"input": 7})),
            owner=Owner(),
            status="priced",
        ),
        book=BOOK,
    )

    assert "plain of acme" in text
    assert "free of acme" in text
    assert "entry: acme/free, valid since ever on" in text


LINE: Mapping[str, Any] = {
    "line_id": "a" * 24,
    "amount_usd": "0.00015",
    "status": "estimated",
    "happened": "2026-09-21T00:00:00Z",
    "closed_month": "",
    "formula": "1000 x 0.15/1000000 = 0.00015 USD",
    "reasons": {"cache_ttl_assumed": "The length is unknown."},
    "units": [
        {
            "unit": "input",
            "quantity": 1000,
            "rate": "0.15/1000000",
            "amount": "0.00015",
            "source": "x",
        },
        {"unit": "output", "quantity": 3, "rate": None, "amount": None, "source": None},
    ],
    "price": {"entry": "e", "book": "b", "rule": "r", "valid_from": None, "valid_to": None},
    "owner": {"tenant": "acme"},
    "owner_source": {"tenant": "key"},
    "line": {
        "entry": "call",
        "event_ns": "2026-09-21T00:00:00Z",
        "provider": "openai",
        "model": "m",
    },
    "chain": [
        {
            "line_id": "b" * 24,
            "recorded": "2026-09-22",
            "entry": "reversal",
            "amends": "a" * 24,
            "cause": "reprice:x",
            "amount_usd": "-0.00015",
        }
    ],
}


def test_a_ledger_line_is_explained_by_its_collector(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the API answers is printed as text, or as it is."""
    asked: list[str] = []

    def get(_: object, path: str) -> dict[str, Any]:
        asked.append(path)
        return dict(LINE)

    monkeypatch.setattr("otel_costattr_collector.client.Api.get", get)

    _, out, _ = run("a" * 24)
    _, raw, _ = run("a" * 24, "--json")

    assert asked == [f"/v1/explain/{'a' * 24}"] * 2
    assert f"line {'a' * 24}, 2026-09-21T00:00:00Z: 0.00015 USD (estimated)" in out
    assert "input: 1,000 x 0.15/1000000 = 0.00015  from x" in out
    assert "output: 3 no rate" in out
    assert "entry: e, valid from ever to open, book b" in out
    assert "tenant: acme (from key)" in out
    chain = f"{'b' * 24} 2026-09-22: reversal of {'a' * 24}, because reprice:x: -0.00015 USD"
    assert chain in out
    assert json.loads(raw) == LINE


def test_a_line_without_a_price_is_explained(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """No amount is no 0, and nothing is said about an entry that there is none of."""
    line = {
        **LINE,
        "amount_usd": None,
        "status": "unpriced",
        "units": [],
        "price": {"entry": ""},
        "line": {"entry": "call", "event_ns": "x", "provider": "", "model": ""},
    }
    monkeypatch.setattr("otel_costattr_collector.client.Api.get", lambda *_: line)

    _, out, _ = run("b" * 24)

    assert "no price (unpriced)" in out
    assert "no provider no model" in out
    assert "matched by" not in out
