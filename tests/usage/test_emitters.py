"""Emitters that are not recorded: what their source or their field list says they send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from otel_costattr.model import Attributes, ModelCall, Span
from otel_costattr.usage import read


def span_of(scope: str, attributes: Attributes, **fields: Any) -> Span:
    """Build a span of one scope."""
    return Span(
        **{
            "trace_id": "a" * 32,
            "span_id": "b" * 16,
            "scope_name": scope,
            "attributes": attributes,
            **fields,
        }
    )


def call_of(span: Span) -> ModelCall:
    """Read a span that must be a call or a sum."""
    call = read(span)
    assert call is not None
    return call


def counts_of(span: Span) -> Mapping[str, int]:
    """Read a span that must carry counts."""
    call = call_of(span)
    assert call.usage is not None
    return dict(call.usage.counts.items())


CLAUDE: Attributes = {
    "event.name": "api_request",
    "model": "claude-sonnet-4-5-20250929",
    "input_tokens": "100",
    "output_tokens": 200,
    "cache_read_tokens": "400",
    "cache_creation_tokens": 500,
    "cost_usd": "0.0123",
    "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy",
    "duration_ms": "1200",
}
# 100 fresh tokens beside 400 read and 500 written; Claude Code counts cache on top.
CLAUDE_COUNTS = {"input": 100, "cache_read": 400, "cache_write": 500, "output": 200}


@pytest.mark.parametrize(
    ("scope", "name", "signal", "expected"),
    [
        ("com.anthropic.claude_code.events", "claude_code.api_request", "log", "claude_code"),
        ("com.anthropic.claude_code.tracing", "claude_code.llm_request", "span", "claude_code"),
        ("opencode", "api_request", "log", "opencode"),
    ],
    ids=["log", "span", "opencode"],
)
def test_claude_codes_flat_names_are_read(
    scope: str, name: str, signal: str, expected: str
) -> None:
    """Strings and ints, exclusive of cache, with the cost it reports beside ours."""
    span = span_of(scope, CLAUDE, name=name, signal=signal)

    call = call_of(span)
    assert counts_of(span) == CLAUDE_COUNTS
    assert (call.emitter, call.operation) == (expected, "chat")
    assert call.response_model == "claude-sonnet-4-5-20250929"
    assert call.response_id == "req_011CSHoEeqs5C35K2UUqR7Fy"
    assert (str(call.reported_cost_usd), call.reported_by) == ("0.0123", "cost_usd")
    assert call.reasons == ()


@pytest.mark.parametrize("event", ["user_prompt", "tool_result", "api_error"])
def test_claude_codes_other_records_are_nothing(event: str) -> None:
    """Prompts, tools and errors are no call with counts."""
    attributes: Attributes = {"event.name": event, "model": "claude-sonnet-4-5"}
    scope = "com.anthropic.claude_code.events"

    assert read(span_of(scope, attributes, name=f"claude_code.{event}", signal="log")) is None


def test_opencodes_spans_follow_the_conventions() -> None:
    """Spans with `gen_ai.*` and a cost under its own name."""
    call = call_of(
        span_of(
            "opencode",
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.usage.input_tokens": 1000,
                "gen_ai.usage.output_tokens": 200,
                "opencode.llm.cost.total": 0.5,
            },
        )
    )

    assert call.usage is not None
    assert call.usage.input_total == 1000
    assert str(call.reported_cost_usd) == "0.5"


CODEX: Attributes = {
    "event.name": "codex.sse_event",
    "event.kind": "response.completed",
    "model": "gpt-5-codex",
    "input_token_count": "1000",
    "output_token_count": "200",
    "cached_token_count": 400,
    "reasoning_token_count": 50,
    "tool_token_count": "1200",
}


def test_codexs_completed_response_is_a_call() -> None:
    """Counts as strings and ints, cached inside input, reasoning inside output."""
    span = span_of("codex_otel", CODEX, name="codex.sse_event", signal="log")

    assert counts_of(span) == {"input": 600, "cache_read": 400, "output": 150, "reasoning": 50}
    assert (call_of(span).provider, call_of(span).request_model) == ("openai", "gpt-5-codex")


def test_codexs_turn_span_is_read_under_its_own_names() -> None:
    """The span writes `gen_ai.usage.cache_read.input` and `codex.usage.*`."""
    span = span_of(
        "codex",
        {
            "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.cache_read.input": 400,
            "gen_ai.usage.output_tokens": 200,
            "codex.usage.reasoning_output_tokens": 50,
            "codex.usage.total_tokens": 1200,
            "slug": "gpt-5-codex",
        },
    )

    assert counts_of(span) == {"input": 600, "cache_read": 400, "output": 150, "reasoning": 50}


@pytest.mark.parametrize(
    ("attributes", "signal"),
    [
        ({"event.name": "codex.sse_event", "event.kind": "response.created"}, "log"),
        ({"event.name": "codex.user_prompt"}, "log"),
        ({"model": "gpt-5-codex"}, "span"),
    ],
    ids=["other-kind", "other-event", "other-span"],
)
def test_codexs_other_records_are_nothing(attributes: Attributes, signal: str) -> None:
    """Only a completed response carries a call's counts."""
    assert read(span_of("codex", attributes, signal=signal)) is None


def test_gemini_clis_record_counts_thoughts_and_tools_on_top() -> None:
    """1,000 prompt with 400 cached and 30 for tools; 200 candidates and 50 thoughts."""
    span = span_of(
        "gemini-cli",
        {
            "event.name": "gemini_cli.api_response",
            "model": "gemini-2.5-pro",
            "input_token_count": 1000,
            "output_token_count": 200,
            "cached_content_token_count": 400,
            "thoughts_token_count": 50,
            "tool_token_count": 30,
            "total_token_count": 1280,
        },
        signal="log",
    )

    assert counts_of(span) == {"input": 630, "cache_read": 400, "output": 200, "reasoning": 50}
    assert call_of(span).reasons == ()


COMMON: Attributes = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.system": "openai",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 200,
}


@pytest.mark.parametrize(
    ("scope", "extra", "expected"),
    [
        ("semantic_kernel.connectors.ai.chat", {}, {"input": 1000, "output": 200}),
        (
            "agent_framework",
            {"gen_ai.provider.name": "microsoft.agent_framework"},
            {"input": 1000, "output": 200},
        ),
        (
            "strands.telemetry.tracer",
            {
                "gen_ai.provider.name": "strands-agents",
                "gen_ai.request.model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                "gen_ai.usage.prompt_tokens": 1000,
                "gen_ai.usage.completion_tokens": 200,
                "gen_ai.usage.cache_read_input_tokens": 400,
                "gen_ai.usage.cache_write_input_tokens": 500,
            },
            {"input": 100, "cache_read": 400, "cache_write": 500, "output": 200},
        ),
        (
            "org.springframework.ai",
            {
                "gen_ai.system": "anthropic",
                "gen_ai.usage.input_tokens": "100",
                "gen_ai.usage.output_tokens": "200",
                "gen_ai.usage.cache_read_input_tokens": "40",
            },
            {"input": 100, "cache_read": 40, "output": 200},
        ),
        (
            "@mastra/otel-exporter",
            {
                "gen_ai.usage.cached_input_tokens": 400,
                "gen_ai.usage.cache_creation.5m_input_tokens": 300,
                "gen_ai.usage.cache_creation.1h_input_tokens": 200,
                "gen_ai.usage.audio_input_tokens": 50,
                "gen_ai.usage.reasoning_tokens": 50,
            },
            {
                "input": 50,
                "input_audio": 50,
                "cache_read": 400,
                "cache_write_5m": 300,
                "cache_write_1h": 200,
                "output": 150,
                "reasoning": 50,
            },
        ),
        (
            "sentry.python",
            {
                "gen_ai.operation.type": "ai_client",
                "gen_ai.usage.input_tokens.cached": 400,
                "gen_ai.usage.input_tokens.cache_write": 100,
                "gen_ai.usage.output_tokens.reasoning": 50,
                "gen_ai.cost.total_tokens": 0.01,
            },
            {
                "input": 500,
                "cache_read": 400,
                "cache_write": 100,
                "output": 150,
                "reasoning": 50,
            },
        ),
        (
            "github.copilot",
            {"gen_ai.usage.cache_read.input_tokens": 400, "github.copilot.cost": 1.0},
            {"input": 600, "cache_read": 400, "output": 200},
        ),
        (
            "opentelemetry.instrumentation.google_genai",
            {
                "gen_ai.provider.name": "gemini",
                "gen_ai.usage.audio.input_tokens": 100,
                "gen_ai.usage.cache_read.input_tokens": 400,
                "gen_ai.usage.audio.cache_read.input_tokens": 60,
                "gen_ai.usage.image.output_tokens": 20,
            },
            {
                "input": 560,
                "cache_read": 340,
                "input_audio": 40,
                "cache_read_audio": 60,
                "output": 180,
                "output_image": 20,
            },
        ),
    ],
    ids=["sk", "agent-framework", "strands", "spring", "mastra", "sentry", "copilot", "google"],
)
def test_an_emitter_is_read_by_its_source(
    scope: str, extra: Attributes, expected: Mapping[str, int]
) -> None:
    """Disjoint counts from the names that each emitter writes."""
    span = span_of(scope, {**COMMON, **extra})

    assert counts_of(span) == expected
    assert "convention_assumed" not in call_of(span).reasons


@pytest.mark.parametrize(
    ("scope", "extra"),
    [
        ("agent_framework", {"gen_ai.operation.name": "invoke_agent"}),
        ("strands.telemetry.tracer", {"gen_ai.operation.name": "execute_event_loop_cycle"}),
        ("@mastra/otel-exporter", {"gen_ai.operation.name": "agent_step"}),
        ("sentry.python", {"gen_ai.operation.type": "agent"}),
        ("github.copilot", {"gen_ai.operation.name": "invoke_agent"}),
        ("opentelemetry.instrumentation.openai.v1", {"traceloop.span.kind": "workflow"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrapper_of_an_emitter_is_a_sum(scope: str, extra: Attributes) -> None:
    """Agents, cycles and steps repeat the counts of their calls."""
    assert call_of(span_of(scope, {**COMMON, **extra})).role == "aggregate"


def test_genkits_usage_is_inside_its_output() -> None:
    """A model action's JSON output carries the counts; its name the provider and the model."""
    output = (
        '{"message": {}, "usage": {"inputTokens": 1000, "outputTokens": 200, '
        '"thoughtsTokens": 50, "cachedContentTokens": 400}}'
    )
    span = span_of(
        "genkit-tracer",
        {
            "genkit:metadata:subtype": "model",
            "genkit:name": "googleai/gemini-2.5-flash",
            "genkit:output": output,
        },
    )

    call = call_of(span)
    assert (call.provider, call.request_model) == ("googleai", "gemini-2.5-flash")
    assert counts_of(span) == {"input": 600, "cache_read": 400, "output": 200, "reasoning": 50}


def test_genkits_other_actions_are_nothing() -> None:
    """Flows and tools are no calls."""
    assert read(span_of("genkit-tracer", {"genkit:metadata:subtype": "tool"})) is None


@pytest.mark.parametrize(
    ("mark", "value", "emitter"),
    [
        ("openinference.span.kind", "LLM", "openinference"),
        ("ai.operationId", "ai.generateText.doGenerate", "vercel_ai_sdk"),
        ("langfuse.observation.type", "generation", "langfuse"),
        ("langsmith.span.kind", "llm", "langsmith"),
        ("gen_ai.operation.type", "ai_client", "sentry"),
        ("traceloop.entity.name", "x", "traceloop"),
        ("gen_ai.usage.input_tokens", 1, "gen_ai"),
    ],
)
def test_an_unknown_scope_is_told_by_its_marks(mark: str, value: str | int, emitter: str) -> None:
    """Telemetry that was rewritten on its way is still read as what it is."""
    span = span_of("my.gateway", {**COMMON, mark: value})

    assert call_of(span).emitter == emitter
