"""Log records of calls: the span they were written in, and the other record of the same call."""

from __future__ import annotations

from collections.abc import Sequence

from calls.test_recognise import MS, NO_ID, kinds, span_of, verdicts

from otel_costattr.model import Attributes, Span
from otel_costattr.testing import START_NS


def _log(number: int, attributes: Attributes, *, name: str, scope: str = "gemini-cli") -> Span:
    return Span(
        trace_id="",
        span_id="",
        name=name,
        start_ns=START_NS + number * MS,
        end_ns=START_NS + number * MS,
        attributes=attributes,
        scope_name=scope,
        signal="log",
    )


def _gemini(number: int) -> Sequence[Span]:
    own: Attributes = {
        "event.name": "gemini_cli.api_response",
        "model": "gemini-2.5-pro",
        "input_token_count": 1000,
        "output_token_count": 200,
        "thoughts_token_count": 50,
        "cached_content_token_count": 400,
        "tool_token_count": 30,
        "total_token_count": 1280,
        "duration_ms": 900,
    }
    twin: Attributes = {
        "gen_ai.request.model": "gemini-2.5-pro",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 200,
    }
    return (
        _log(number, own, name="gemini_cli.api_response"),
        _log(number, twin, name="gen_ai.client.inference.operation.details"),
    )


def test_two_records_of_one_call_are_one_call() -> None:
    """Gemini CLI logs each call twice; the record with the thoughts counts."""
    found = verdicts(*_gemini(0), *_gemini(4000))

    assert [verdict.kind for verdict in found] == ["counts", "duplicate"] * 2
    assert found[0].call.usage is not None
    assert {**found[0].call.usage.counts} == {
        "input": 630,
        "cache_read": 400,
        "output": 200,
        "reasoning": 50,
    }


def test_records_of_two_calls_in_one_span_are_two_calls() -> None:
    """Claude Code logs every request of an interaction into the interaction's span."""
    base = {"input_tokens": "100", "output_tokens": "200", "model": "claude-sonnet-4-5"}
    logs = [
        _log(
            n,
            {**base, "event.name": "api_request", "request_id": f"req_{n:08d}"},
            name="claude_code.api_request",
            scope="com.anthropic.claude_code.events",
        )
        for n in (1, 2)
    ]

    assert kinds(*logs) == ["counts", "counts"]


def test_a_record_written_inside_its_span_is_that_span() -> None:
    """The log repeats the span of the same id and counts nothing."""
    span = span_of(1, NO_ID)
    log = Span(
        trace_id=span.trace_id,
        span_id=span.span_id,
        name="gen_ai.client.inference.operation.details",
        start_ns=span.end_ns,
        end_ns=span.end_ns,
        attributes=span.attributes,
        scope_name=span.scope_name,
        signal="log",
    )

    found = verdicts(log, span)

    assert [verdict.kind for verdict in found] == ["duplicate", "counts"]
    assert found[0].rule == "log_of_span"


def test_a_twin_is_taken_once() -> None:
    """A third record that could have the same twin is a call of its own."""
    own, twin = _gemini(0)
    later, _ = _gemini(5)

    assert kinds(own, twin, later) == ["counts", "duplicate", "counts"]
