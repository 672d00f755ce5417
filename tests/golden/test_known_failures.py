"""How others got it wrong, one test a failure; the ids are issues of their public trackers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from calls.test_recognise import AGENT, NO_ID, span_of
from golden.recordings import calls_of, named_lost, recording, totals

from otel_costattr.assess import assess, assess_all
from otel_costattr.model import Assessment, Attributes, AttributeValue, Span
from otel_costattr.pricing import shipped_book
from otel_costattr.testing import chat_span

BOOK = shipped_book()
CLAUDE: Attributes = {
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-sonnet-4-5-20250929",
    "gen_ai.response.model": "claude-sonnet-4-5-20250929",
}
# 100 at 3 USD, 400 read at 0.30, 500 written at 3.75 (5 minutes), 200 out at 15, a million.
CLAUDE_5M_USD = (
    Decimal(100) * 3 + Decimal(400) * Decimal("0.3") + Decimal(500) * Decimal("3.75") + 200 * 15
) / 10**6


def priced(span: Span) -> Assessment:
    """Assess a span that must be a call."""
    found = assess(span, book=BOOK)
    assert found is not None
    return found


def only(name: str) -> Assessment:
    """Answer the one call of a recording."""
    (call,) = calls_of(recording(name))
    return call


@pytest.mark.parametrize(
    ("reads", "writes"),
    [
        ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_creation.input_tokens"),
        ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_write.input_tokens"),
        ("gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cache_creation_input_tokens"),
        ("gen_ai.usage.input_tokens.cached", "gen_ai.usage.input_tokens.cache_write"),
    ],
    ids=["semconv-1.40", "genai", "flat", "sentry"],
)
def test_cached_tokens_are_billed_once_under_every_alias(reads: str, writes: str) -> None:
    """langfuse#12306: each alias needs its subtraction; one call has one cost in all of them."""
    found = priced(chat_span({**CLAUDE, reads: 400, writes: 500}))

    assert found.total_usd == CLAUDE_5M_USD


def test_the_convention_belongs_to_the_emitter_not_to_the_provider() -> None:
    """openllmetry#4449: one Claude call, counted differently by two packages, costs the same."""
    by_traceloop = only("traceloop_anthropic/messages")
    by_openlit = only("openlit_anthropic/messages_async")
    bedrock = [only(f"bedrock_{name}/converse") for name in ("traceloop", "openinference")]

    assert totals(by_traceloop)["input_total"] == totals(by_openlit)["input_total"] == 1000
    assert len({call.total_usd for call in bedrock}) == 1


def test_an_exclusive_emitter_is_never_clamped_to_free_input() -> None:
    """opentelemetry-instrumentation-ruby_llm#38: input below its cache proves that it is outside."""
    found = priced(
        chat_span(
            {
                **CLAUDE,
                "gen_ai.usage.input_tokens": 100,
                "gen_ai.usage.cache_read.input_tokens": 400,
                "gen_ai.usage.cache_creation.input_tokens": 500,
            }
        )
    )

    assert found.total_usd == CLAUDE_5M_USD


def test_a_cache_heavy_session_adds_up_by_hand() -> None:
    """phoenix#10036: one misplaced bucket dominates an agent's session, 42 times there."""
    turns = [
        span_of(
            number,
            {
                **CLAUDE,
                "gen_ai.usage.input_tokens": 100_000 + number,
                "gen_ai.usage.cache_read.input_tokens": 99_000,
                "gen_ai.usage.output_tokens": 10,
            },
            at_ms=2000 * number,
        )
        for number in range(1, 21)
    ]

    total = sum((item.total_usd or Decimal(0) for item in assess_all(turns, book=BOOK)), Decimal(0))

    fresh = sum(1_000 + number for number in range(1, 21))
    by_hand = (fresh * 3 + 20 * 99_000 * Decimal("0.3") + 20 * 10 * 15) / 10**6
    assert total == by_hand


def test_a_total_that_does_not_add_up_is_no_output() -> None:
    """phoenix#10783: total - prompt is not completion; the cache would cost the output rate."""
    found = priced(
        chat_span({"gen_ai.usage.total_tokens": 5000, "gen_ai.usage.cache_read.input_tokens": 400})
    )

    assert found.call.usage is not None
    assert found.call.usage.output_total == 200


@pytest.mark.parametrize(
    "name",
    [
        "otel_genai_openai/stream_usage",
        "traceloop_openai/stream_usage",
        "logfire_openai/stream_usage",
    ],
)
def test_usage_in_the_last_chunk_keeps_its_cache(name: str) -> None:
    """litellm#36168: totals survived a stream, cached tokens did not."""
    assert totals(only(name))["cache_read"] == 400


@pytest.mark.parametrize(
    "name",
    [
        "openlit_openai/stream_nousage",
        "litellm_callback/stream_nousage",
        "traceloop_openai/stream_nousage",
        "traceloop_openai/stream_early_close",
    ],
)
def test_a_stream_without_usage_is_unpriced_not_guessed(name: str) -> None:
    """litellm#35290: an emitter's own estimate, or its zeros, is no measured usage."""
    call = only(name)

    assert (call.status, call.reasons) == ("unpriced", ("no_usage",))


def test_an_aborted_stream_costs_its_input_and_says_so() -> None:
    """litellm#35290: a client that disconnects has still paid for the input."""
    call = only("otel_genai_anthropic/messages_stream_early_close")

    assert call.status == "estimated"
    assert "aborted" in call.reasons
    assert call.total_usd is not None


@pytest.mark.parametrize("operation", ["invoke_agent", "chat", "embeddings", "my.step"])
def test_a_parent_with_the_sum_of_its_children_counts_once(operation: str) -> None:
    """langfuse#14754, #16409: a deny-list of operation names is not enough."""
    double: Attributes = {"gen_ai.usage.input_tokens": 2000, "gen_ai.usage.output_tokens": 400}
    parent = span_of(1, {**NO_ID, **double, "gen_ai.operation.name": operation})
    children = [span_of(2, parent=1), span_of(3, parent=1, at_ms=500)]

    found = assess_all([parent, *children], book=BOOK)

    assert [item.status for item in found] == ["aggregate", "priced", "priced"]
    assert found[0].total_usd is None


def test_one_verdict_says_what_counts() -> None:
    """mlflow#24307: tokens and costs were summed over different sets of spans."""
    found = assess_all([span_of(1, AGENT), span_of(2, parent=1)], book=BOOK)

    assert [bool(item.prices) for item in found] == [item.total_usd is not None for item in found]


def test_the_served_tier_is_billed_not_the_requested_one() -> None:
    """posthog#94200: flex was asked for, default answered."""
    tiers: Attributes = {
        "openai.request.service_tier": "flex",
        "openai.response.service_tier": "default",
    }

    assert priced(chat_span(tiers)).total_usd == priced(chat_span()).total_usd


def test_cache_writes_of_an_hour_are_billed_as_such() -> None:
    """litellm#36762: the split was parsed, stored and never used."""
    call = only("litellm_callback_and_openai/anthropic")

    assert call.call.usage is not None
    assert call.call.usage.counts["cache_write_1h"] == 200
    # 100*3 + 400*0.30 + 300*3.75 + 200*6 + 200*15 for a million, and two searches at 10 a thousand.
    by_hand = (
        Decimal(300) + 120 + Decimal(300) * Decimal("3.75") + 200 * 6 + 3000
    ) / 10**6 + 2 * Decimal(10) / 1000
    assert call.total_usd == by_hand


def test_an_unsplit_cache_write_says_what_it_assumes() -> None:
    """archestra#5466: one number for two rates leaves bounds, and the emitter's loss is named."""
    call = only("bedrock_traceloop/converse")

    assert call.reasons == ("cache_ttl_assumed",)
    assert {"cache_write_5m", "cache_write_1h"} <= named_lost(call)


def test_a_declared_tool_costs_nothing_until_it_is_used() -> None:
    """litellm#10384: the search fee was charged for the declaration."""
    declared: Attributes = {"gen_ai.tool.definitions": '[{"type": "web_search_preview"}]'}

    assert priced(chat_span(declared)).total_usd == priced(chat_span()).total_usd


@pytest.mark.parametrize(
    "value", [1000, 1000.0, "1000", "1000.0"], ids=["int", "double", "string", "double-string"]
)
def test_every_otlp_type_of_a_count_is_read(value: AttributeValue) -> None:
    """opik#5620: a double was dropped because a map wanted integers."""
    assert priced(chat_span({"gen_ai.usage.input_tokens": value})).total_usd == (
        priced(chat_span()).total_usd
    )


def test_one_response_seen_twice_costs_once() -> None:
    """litellm#39455, #15740: retrieving a response billed it again, retries inflated counts."""
    again = span_of(2, {"gen_ai.response.id": "chatcmpl-000001"}, trace=2, at_ms=60_000)

    found = assess_all([span_of(1), again], book=BOOK)

    assert sorted(item.status for item in found) == ["duplicate_of", "priced"]


def test_an_emitters_zero_cost_is_not_believed() -> None:
    """openlit, opik, portkey: unknown models cost 0 there; ours is beside it, never replaced."""
    call = only("openlit_bedrock/converse")

    assert call.call.reported_cost_usd == 0
    assert call.total_usd is not None
    assert call.total_usd > 0


def test_an_emitters_cost_is_kept_beside_ours() -> None:
    """langfuse#13807, phoenix#13655: a reported cost was ignored there, overwritten elsewhere."""
    call = only("logfire_anthropic/messages")

    assert call.call.reported_cost_usd == Decimal("0.025745")
    assert call.call.reported_by == "operation.cost"
    assert call.total_usd == Decimal("0.025745")
