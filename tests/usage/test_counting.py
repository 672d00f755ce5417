"""How claims become disjoint counts: conventions, proofs, shapes, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from usage.test_emitters import COMMON, call_of, counts_of, span_of

from otel_costattr.usage import SHIPPED, claims
from otel_costattr.usage.claims import Claims, Convention, Slot, leaves
from otel_costattr.usage.conventions import row_of


def test_an_unknown_scope_with_cache_counts_says_that_it_assumes() -> None:
    """Nothing proves or knows whether the cache is inside: inclusive, and marked."""
    span = span_of("my.gateway", {**COMMON, "gen_ai.usage.cache_read.input_tokens": 400})

    assert counts_of(span) == {"input": 600, "cache_read": 400, "output": 200}
    assert call_of(span).reasons == ("convention_assumed",)


def test_a_cache_without_an_input_assumes_nothing() -> None:
    """There is no sum that could hold the cached tokens."""
    span = span_of(
        "mine", {"gen_ai.usage.cache_read.input_tokens": 400, "gen_ai.usage.output_tokens": 20}
    )

    assert counts_of(span) == {"cache_read": 400, "output": 20}
    assert call_of(span).reasons == ()


def test_a_cache_larger_than_the_input_proves_that_it_is_outside() -> None:
    """1,000 in beside 1,100 cached cannot contain them, whatever a table says."""
    span = span_of(
        "opentelemetry.instrumentation.genai.openai",
        {**COMMON, "gen_ai.usage.cache_read.input_tokens": 1100},
    )

    assert counts_of(span)["input"] == 1000
    assert call_of(span).reasons == ()


def test_a_total_with_the_cache_on_top_tells_an_unknown_scope() -> None:
    """1000 + 200 + 400 = 1600: the cache is not inside the input."""
    span = span_of(
        "my.gateway",
        {
            **COMMON,
            "gen_ai.usage.cache_read.input_tokens": 400,
            "gen_ai.usage.total_tokens": 1600,
        },
    )

    assert counts_of(span)["input"] == 1000
    assert call_of(span).reasons == ()


@pytest.mark.parametrize(
    ("scope", "version", "vendor", "expected"),
    [
        ("ai", "5.0.277", "anthropic", "exclusive"),
        ("ai", "6.0.0-beta.1", "anthropic", "inclusive"),
        ("ai", "", "openai", "inclusive"),
        ("openlit.instrumentation.anthropic", "", "anthropic", "exclusive"),
        ("openlit.instrumentation.openai", "", "openai", "inclusive"),
        ("opentelemetry.instrumentation.bedrock", "0.62.4", "bedrock", "exclusive"),
        ("openinference.instrumentation.bedrock", "0.1.61", "bedrock", "inclusive"),
        ("my.gateway", "1", "openai", None),
    ],
)
def test_the_convention_belongs_to_scope_version_and_vendor(
    scope: str, version: str, vendor: str, expected: str | None
) -> None:
    """The same provider is counted differently by different packages."""
    row = row_of(SHIPPED, scope, version, vendor)

    assert (row.convention if row else None) == expected


def test_every_shipped_row_has_a_source() -> None:
    """A convention without a source would be a belief."""
    assert all(row.source for row in SHIPPED.rows)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            '{"prompt_tokens":1000,"completion_tokens":200,"cache_read_input_tokens":400}',
            {"input": 600, "cache_read": 400, "output": 200},
        ),
        (
            (
                "{'inputTokens': 100, 'outputTokens': 200, 'cacheReadInputTokens': 400,"
                " 'cacheWriteInputTokens': 500, 'cacheDetails':"
                " [{'ttl': '5m', 'inputTokens': 300}, {'ttl': '1h', 'inputTokens': 200}, 7]}"
            ),
            {
                "input": 100,
                "cache_read": 400,
                "cache_write_5m": 300,
                "cache_write_1h": 200,
                "output": 200,
            },
        ),
        (
            (
                '{"promptTokenCount":1000,"cachedContentTokenCount":400,"candidatesTokenCount":200,'
                '"thoughtsTokenCount":50,"toolUsePromptTokenCount":30,"totalTokenCount":1280,'
                '"promptTokensDetails":[{"modality":"AUDIO","tokenCount":100},{"modality":"TEXT"}]}'
            ),
            {
                "input": 530,
                "input_audio": 100,
                "cache_read": 400,
                "output": 200,
                "reasoning": 50,
            },
        ),
        (
            '{"input":1000,"output":200,"total":1200,"input_cached_tokens":400}',
            {"input": 600, "cache_read": 400, "output": 200},
        ),
        (
            '{"input":500,"output":200,"input_audio":100,"output_audio":20}',
            {"input": 500, "input_audio": 100, "output": 200, "output_audio": 20},
        ),
    ],
    ids=["openai-siblings", "bedrock-details", "gemini", "flat-inclusive", "flat-audio"],
)
def test_a_raw_object_is_read_by_its_own_shape(raw: str, expected: Mapping[str, int]) -> None:
    """Nested details are subsets, siblings come on top, unless the shape or total says else."""
    span = span_of("logfire.openai", {**COMMON, "gen_ai.usage.raw": raw})

    assert counts_of(span) == expected


def test_a_response_of_several_models_is_split_by_model() -> None:
    """An advisor inside a response is counted as its own model; compaction adds to the main one."""
    raw = (
        '{"input_tokens":10,"output_tokens":20,"iterations":['
        '{"type":"message","input_tokens":100,"output_tokens":200},'
        '{"type":"compaction","input_tokens":1000,"output_tokens":50},'
        '{"type":"advisor_message","model":"claude-opus-4-8","input_tokens":2518,"output_tokens":22},'
        '{"type":"advisor_message","model":"claude-haiku-4-5"},"junk"]}'
    )
    call = call_of(
        span_of(
            "logfire.anthropic",
            {**COMMON, "gen_ai.response.model": "claude-sonnet-4-5", "gen_ai.usage.raw": raw},
        )
    )

    assert call.usage is not None
    assert {**call.usage.counts} == {"input": 1100, "output": 250}
    assert [(other.model, {**other.usage.counts}) for other in call.other_models] == [
        ("claude-opus-4-8", {"input": 2518, "output": 22})
    ]


def test_sums_beyond_belief_are_refused() -> None:
    """Two counts at the limit add up to one that no call has."""
    span = span_of(
        "gemini-cli",
        {
            "event.name": "gemini_cli.api_response",
            "input_token_count": 10**12,
            "tool_token_count": 10**12,
        },
        signal="log",
    )

    assert (call_of(span).usage, call_of(span).reasons) == (None, ("bad_usage",))


def test_a_bad_sum_on_an_agent_is_kept_and_named() -> None:
    """A wrapper with an impossible count is not silently nothing."""
    call = call_of(
        span_of(
            "x",
            {**COMMON, "gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": -1},
        )
    )

    assert call.reasons == ("wrapper_sum", "bad_usage")


def test_details_larger_than_their_sum_are_set_aside() -> None:
    """50 of 10 output tokens, 400 of 100 input tokens: the parts are not believed."""
    span = span_of(
        "gemini-cli",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.video.input_tokens": 400,
            "gen_ai.usage.audio.cache_read.input_tokens": 7,
            "gen_ai.usage.audio.input_tokens": 3,
            "gen_ai.usage.output_tokens": 10,
            "gen_ai.usage.reasoning.output_tokens": 50,
        },
    )

    assert counts_of(span) == {"input": 100, "output": 10}


def test_only_an_output_is_still_counted() -> None:
    """An emitter that says nothing about input leaves the input unknown."""
    span = span_of("x", {"gen_ai.operation.name": "chat", "gen_ai.usage.output_tokens": 10})

    assert counts_of(span) == {"output": 10}


def test_audio_beyond_the_uncached_input_was_cached() -> None:
    """100 audio tokens in 1,000 of which 950 were cached: 50 of them were cached audio."""
    span = span_of(
        "x",
        {
            **COMMON,
            "gen_ai.usage.cache_read.input_tokens": 950,
            "gen_ai.usage.audio.input_tokens": 100,
        },
    )

    assert counts_of(span) == {
        "input": 0,
        "input_audio": 50,
        "cache_read": 900,
        "cache_read_audio": 50,
        "output": 200,
    }


_COUNTS = st.integers(0, 40)


@given(
    st.fixed_dictionaries(
        {"input": _COUNTS, "output": _COUNTS},
        optional={"cache_read": _COUNTS, "reasoning": _COUNTS},
    ),
    st.sampled_from(["inclusive", "exclusive", None]),
)
def test_the_claims_that_most_calls_make_become_what_all_the_rules_say(
    counts: dict[Slot, int], convention: Convention | None
) -> None:
    """The short way for input, output, cached and reasoning tokens ends where the long one does."""
    made = Claims()
    for slot, number in counts.items():
        made.add(slot, number, f"source of {slot}")

    short = leaves(made, convention=convention)
    with patch.object(claims, "_FEW", frozenset()):
        assert repr(leaves(made, convention=convention)) == repr(short)
