"""Rarely sent, and still read right."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from usage.test_emitters import COMMON, call_of, counts_of, span_of

from otel_costattr.model import Attributes, ModelCall, Span, Usage
from otel_costattr.testing import chat_span
from otel_costattr.usage import is_genai, losses_of, read
from otel_costattr.usage.conventions import matches
from otel_costattr.usage.records import QuickCall, QuickUsage
from otel_costattr.usage.vendors import vendor


def test_a_quick_record_is_the_record() -> None:
    """Nothing tells a record of the hot path from one made by its class."""
    usage = Usage(counts={"input": 1}, sources={"input": "x"})
    quick: object = QuickUsage({"input": 1}, {"input": "x"})
    call = ModelCall(
        emitter="e",
        operation="chat",
        provider="openai",
        request_model="M",
        usage=usage,
        error_type="x",
        reasons=("aborted",),
    )
    made: object = QuickCall(
        "call",
        "e",
        {"operation": "CHAT", "provider": "OpenAI", "request_model": "M"},
        "x",
        usage,
        (),
        None,
        "",
        ("aborted",),
    )

    assert (usage, repr(usage), hash(type(usage))) == (quick, repr(quick), hash(type(quick)))
    assert (call, repr(call)) == (made, repr(made))
    with pytest.raises(AttributeError):
        made.role = "aggregate"  # type: ignore[attr-defined]


def test_a_plain_read_says_whether_a_span_is_looked_at() -> None:
    """Tools are GenAI telemetry too."""
    assert is_genai(chat_span({"gen_ai.operation.name": "execute_tool"}))
    assert not is_genai(Span(trace_id="", span_id=""))


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("gcp.vertex_ai", "claude-sonnet-4-5@20250929", "anthropic"),
        ("langchain", "gemini-2.5-flash", "google"),
        ("", "us.anthropic.claude-sonnet-4-5-v1:0", "bedrock"),
        ("", "anthropic/claude-sonnet-4-5", "anthropic"),
        ("mistral", "mistral-large", ""),
    ],
)
def test_the_vendor_is_told_from_provider_and_model(
    provider: str, model: str, expected: str
) -> None:
    """Frameworks that name themselves tell nothing; the model does."""
    assert vendor(provider, model) == expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [("1.2", True), ("1.2.3rc1", True), ("2", False), ("0.9", False), ("x.y", False), ("", True)],
)
def test_a_version_is_in_a_range_by_its_numbers(version: str, *, expected: bool) -> None:
    """From 1 inclusive to 2 exclusive; a missing version is in every range."""
    assert matches("a*", "1", "2", "abc", version) is expected


@pytest.mark.parametrize("scope", ["logfire.openai", "pydantic-ai"])
def test_a_pending_span_is_nothing(scope: str) -> None:
    """Logfire's placeholder of a span that is still open has no counts to come."""
    assert read(span_of(scope, {**COMMON, "logfire.span_type": "pending_span"})) is None


def test_logfire_names_the_requested_tier_inside_the_request() -> None:
    """The tier stands in the JSON of the request."""
    span = span_of("logfire.openai", {**COMMON, "request_data": '{"service_tier": "flex"}'})

    assert call_of(span).requested_service_tier == "flex"


def test_the_ai_sdk_5_is_told_by_its_names() -> None:
    """Without version and user agent, `promptTokens` tells the release that counts exclusively."""
    span = span_of(
        "ai",
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.model.provider": "anthropic.messages",
            "ai.model.id": "claude-sonnet-4-5",
            "ai.usage.promptTokens": 1000,
            "ai.usage.completionTokens": 200,
            "ai.usage.cachedInputTokens": 400,
        },
    )

    assert counts_of(span) == {"input": 1000, "cache_read": 400, "output": 200}


def test_langsmiths_operation_is_told_by_its_kind() -> None:
    """A run of kind llm is a chat whatever its operation says."""
    span = span_of(
        "langsmith", {**COMMON, "gen_ai.operation.name": "llm", "langsmith.span.kind": "llm"}
    )

    assert call_of(span).operation == "chat"


@pytest.mark.parametrize(
    ("scope", "attributes", "provider"),
    [
        (
            "com.anthropic.claude_code.events",
            {"event.name": "api_request", "provider": "bedrock"},
            "bedrock",
        ),
        ("codex", {**COMMON, "gen_ai.provider.name": "azure"}, "azure"),
        ("gemini-cli", {**COMMON, "gen_ai.provider.name": "vertex_ai"}, "vertex_ai"),
        ("litellm", {**COMMON, "gen_ai.system": None, "litellm.provider.model": "m"}, ""),
    ],
    ids=["claude-code", "codex", "gemini-cli", "litellm"],
)
def test_a_provider_that_is_named_is_kept(
    scope: str, attributes: Attributes, provider: str
) -> None:
    """Nothing is assumed where the span says it, or where it says nothing usable."""
    assert call_of(span_of(scope, attributes)).provider == provider


def test_a_genkit_model_without_a_provider_keeps_its_name() -> None:
    """A custom action has no slash in its name."""
    span = span_of("genkit-tracer", {"genkit:metadata:subtype": "model", "genkit:name": "mine"})

    assert call_of(span).request_model == "mine"


def test_opencodes_record_may_use_common_names() -> None:
    """Then the common convention holds."""
    span = span_of(
        "opencode", {**COMMON, "event.name": "api_request", "cache_read_tokens": 400}, signal="log"
    )

    assert "cache_read" in counts_of(span)


def test_the_order_of_attributes_never_decides() -> None:
    """Where two names of one fact are equally good, the same one is read whatever came first."""
    both: Attributes = {**COMMON, "input_tokens": 7, "event.name": "api_request"}

    found = [
        read(span_of("opencode", dict(items), signal="log"))
        for items in (list(both.items()), list(both.items())[::-1])
    ]

    assert found[0] == found[1]
    assert found[0] is not None
    assert found[0].usage is not None
    assert found[0].usage.sources["input"] == "gen_ai.usage.input_tokens"


def test_openlits_failures_with_other_names_are_nothing() -> None:
    """A span with a name alone is a call only if the name says so."""
    assert read(span_of("openlit.otel.tracing", {}, name="vector.query", failed=True)) is None


def test_an_openinference_tool_use_that_is_no_object_is_left_alone() -> None:
    """Metadata is anybody's."""
    span = span_of(
        "openinference.instrumentation.anthropic",
        {
            "openinference.span.kind": "LLM",
            "llm.token_count.prompt": 10,
            "metadata": '{"server_tool_use": 7}',
        },
    )

    assert counts_of(span) == {"input": 10}


def test_a_long_output_is_searched_at_its_ends() -> None:
    """The id stands before or after the text, and the text is not parsed."""
    output = '{"id":"chatcmpl-0123456789","text":"' + "x" * 20_000 + '","service_tier":"flex"}'
    span = span_of(
        "openinference.instrumentation.openai",
        {"openinference.span.kind": "LLM", "llm.system": "openai", "output.value": output},
    )

    call = call_of(span)
    assert (call.response_id, call.service_tier) == ("chatcmpl-0123456789", "flex")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ('{"output": 5}', {"output": 5}),
        ('{"input": 5, "total": 5, "input_cached_tokens": 2}', {"input": 3, "cache_read": 2}),
        ('{"inputTokens": 5, "cacheDetails": [{"ttl": "5m", "inputTokens": -1}]}', {"input": 5}),
        ('{"unknown": 5}', {"input": 1000, "output": 200}),
        ("broken", {"input": 1000, "output": 200}),
    ],
    ids=["no-input", "no-output", "bad-detail", "no-shape", "no-json"],
)
def test_an_incomplete_raw_object_is_read_as_far_as_it_goes(
    raw: str, expected: Mapping[str, int]
) -> None:
    """Where the object says nothing the attributes beside it do."""
    attributes = COMMON if "input" in expected and expected["input"] == 1000 else {
        "gen_ai.operation.name": "chat"
    }  # fmt: skip
    span = span_of("logfire.openai", {**attributes, "gen_ai.usage.raw": raw})

    assert counts_of(span) == expected


def test_cached_audio_alone_is_split_off_the_cache() -> None:
    """No fresh audio, 60 cached: input keeps all of its tokens."""
    span = span_of(
        "x",
        {
            **COMMON,
            "gen_ai.usage.cache_read.input_tokens": 400,
            "gen_ai.usage.audio.input_tokens": 60,
            "gen_ai.usage.audio.cache_read.input_tokens": 60,
        },
    )

    assert counts_of(span) == {
        "input": 600,
        "cache_read": 340,
        "cache_read_audio": 60,
        "output": 200,
    }


def test_only_details_are_no_usage() -> None:
    """Reasoning without an output is a part of nothing."""
    span = span_of(
        "x", {"gen_ai.operation.name": "chat", "gen_ai.usage.reasoning.output_tokens": 50}
    )

    assert call_of(span).reasons == ("no_usage",)


def test_nothing_is_lost_by_an_embedding() -> None:
    """Embeddings have neither cache nor reasoning to lose."""
    span = span_of(
        "opentelemetry.instrumentation.openai_v2",
        {"gen_ai.operation.name": "embeddings", "gen_ai.usage.input_tokens": 77},
    )

    assert not losses_of(span, call_of(span))


def test_an_hour_of_streaming_flags_is_text_or_bool() -> None:
    """`"True"` is true; a number is not."""
    cut: Attributes = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 9}

    assert call_of(span_of("x", {**cut, "llm.is_streaming": "True"})).reasons == ("aborted",)
    assert call_of(span_of("x", {**cut, "llm.is_streaming": 1})).reasons == ()
