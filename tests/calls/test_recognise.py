"""One verdict a span: each model call counts once."""

from __future__ import annotations

from itertools import permutations

import pytest

from otel_costattr.calls import Verdict, links_of, recognise
from otel_costattr.model import Attributes, Span
from otel_costattr.testing import START_NS, chat_span
from otel_costattr.usage import read

MS = 1_000_000
NO_ID: Attributes = {"gen_ai.response.id": None}
NO_USAGE: Attributes = {"gen_ai.usage.input_tokens": None, "gen_ai.usage.output_tokens": None}
AGENT: Attributes = {**NO_ID, "gen_ai.operation.name": "invoke_agent"}


def span_of(
    number: int,
    attributes: Attributes | None = None,
    *,
    parent: int = 0,
    trace: int = 1,
    scope: str = "opentelemetry.instrumentation.genai.openai",
    at_ms: int = 0,
    for_ms: int = 1000,
    name: str = "chat gpt-4o-mini",
    failed: bool = False,
) -> Span:
    """Build a chat span: 1,000 tokens in and 200 out, in one trace unless told otherwise."""
    return chat_span(
        attributes,
        number=number,
        trace_id=f"{trace:032x}",
        parent_span_id=f"{parent:016x}" if parent else "",
        scope_name=scope,
        start_ns=START_NS + at_ms * MS,
        end_ns=START_NS + (at_ms + for_ms) * MS,
        name=name,
        failed=failed,
    )


def verdicts(*spans: Span) -> tuple[Verdict, ...]:
    """Recognise spans together, spans that are no call included as links."""
    pairs = [(span, call) for span in spans if (call := read(span)) is not None]
    return recognise(pairs, links=links_of(spans))


def kinds(*spans: Span) -> list[str]:
    """List the verdicts in the order of the spans that are calls or sums."""
    return [verdict.kind for verdict in verdicts(*spans)]


def test_two_responses_are_two_calls() -> None:
    """Different ids, different calls."""
    assert kinds(span_of(1), span_of(2)) == ["counts", "counts"]


def test_one_response_in_two_services_is_one_call() -> None:
    """A response id reaches across traces."""
    gateway = span_of(1, trace=1, scope="gateway")
    client = span_of(2, {"gen_ai.response.id": "chatcmpl-000001"}, trace=2)

    assert sorted(kinds(gateway, client)) == ["counts", "duplicate"]


def test_one_id_of_two_models_is_two_calls() -> None:
    """Ids are unique within a provider's family of models, not across."""
    other: Attributes = {
        "gen_ai.response.id": "chatcmpl-000001",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.response.model": "claude-sonnet-4-5",
    }

    assert kinds(span_of(1), span_of(2, other)) == ["counts", "counts"]


def test_a_time_stamp_is_no_response_id() -> None:
    """Two images of one second share the id that an emitter makes of the clock."""
    stamp: Attributes = {"gen_ai.response.id": "1795299465"}

    assert kinds(span_of(1, stamp), span_of(2, stamp, at_ms=5000)) == ["counts", "counts"]


def test_the_same_span_sent_twice_counts_once() -> None:
    """A repeated request changes nothing."""
    found = verdicts(span_of(1, NO_ID), span_of(1, NO_ID))

    assert sorted(verdict.kind for verdict in found) == ["counts", "duplicate"]
    assert {verdict.rule for verdict in found if verdict.kind == "duplicate"} == {"same_span"}


def test_a_wrapper_of_one_call_is_that_call() -> None:
    """Framework above, SDK below, no id on either, a chain between them."""
    outer = span_of(1, NO_ID, scope="framework")
    chain = Span(trace_id=f"{1:032x}", span_id=f"{2:016x}", parent_span_id=f"{1:016x}")
    inner = span_of(3, NO_ID, parent=2)

    found = verdicts(outer, chain, inner)

    assert [verdict.kind for verdict in found] == ["duplicate", "counts"]
    assert found[0].duplicate_of == f"{inner.trace_id}:{inner.span_id}"
    assert found[0].rule == "ancestry"


def test_a_gateway_that_renames_responses_is_still_one_call() -> None:
    """Ids differ, scopes differ, tokens agree, one is above the other."""
    outer = span_of(1, {"gen_ai.response.id": "chatcmpl-5f0c"}, scope="litellm")
    inner = span_of(2, {"gen_ai.response.id": "msg_0123456"}, parent=1)

    assert kinds(outer, inner) == ["duplicate", "counts"]


def test_a_call_inside_another_call_of_one_library_is_its_own() -> None:
    """Both name responses, and the same library wrote both: nothing is the same."""
    assert kinds(span_of(1), span_of(2, parent=1)) == ["counts", "counts"]


def test_copies_in_other_traces_are_found_by_time() -> None:
    """A callback that loses the context still covers the same time with the same counts."""
    outer = span_of(1, NO_ID, trace=1, scope="framework", at_ms=0, for_ms=100)
    inner = span_of(2, trace=2, at_ms=5, for_ms=80)

    found = verdicts(outer, inner)

    assert sorted(verdict.kind for verdict in found) == ["counts", "duplicate"]
    assert {verdict.rule for verdict in found if verdict.kind == "duplicate"} == {"time"}


@pytest.mark.parametrize(
    ("change", "at_ms", "scope"),
    [
        ({}, 5, "opentelemetry.instrumentation.genai.openai"),
        ({"gen_ai.usage.output_tokens": 202}, 5, "framework"),
        ({"gen_ai.response.model": "gpt-4o", "gen_ai.request.model": "gpt-4o"}, 5, "framework"),
        ({}, 500, "framework"),
    ],
    ids=["one-scope", "other-counts", "other-model", "other-time"],
)
def test_parallel_calls_are_not_one(change: Attributes, at_ms: int, scope: str) -> None:
    """Two identical calls of one library at once are two; so are calls that differ at all."""
    first = span_of(1, NO_ID, trace=1, for_ms=100)
    second = span_of(2, {**NO_ID, **change}, trace=2, at_ms=at_ms, for_ms=80, scope=scope)

    assert kinds(first, second) == ["counts", "counts"]


def test_many_parallel_calls_with_copies_keep_their_number() -> None:
    """Five identical calls at once, each seen by two libraries in two traces, are five."""
    outer = [span_of(n, NO_ID, trace=n, scope="framework", at_ms=n) for n in range(1, 6)]
    inner = [span_of(n, NO_ID, trace=n, at_ms=n - 9, for_ms=990) for n in range(11, 16)]

    assert kinds(*outer, *inner).count("counts") == 5


def test_retries_of_one_request_are_separate_calls() -> None:
    """The same external request id is a new cost each time."""
    tries = [
        span_of(n, {"costattr.external_request_id": "order-1"}, at_ms=2000 * n) for n in (1, 2, 3)
    ]

    assert kinds(*tries) == ["counts"] * 3


def test_a_failed_try_below_a_call_stays_a_call_of_its_own() -> None:
    """The wrapper is its second try; the first one is an unpriced call."""
    outer = span_of(1, NO_ID, scope="framework", for_ms=300)
    first = span_of(2, {**NO_ID, **NO_USAGE, "error.type": "429"}, parent=1, for_ms=50, failed=True)
    second = span_of(3, NO_ID, parent=1, at_ms=100, for_ms=150)

    assert kinds(outer, first, second) == ["duplicate", "counts", "counts"]


def test_a_wrapper_that_repeats_its_last_try_is_that_try() -> None:
    """Two tries with counts, of which the framework reports the last alone."""
    outer = span_of(1, {**NO_ID, "gen_ai.usage.input_tokens": 900}, scope="framework", for_ms=300)
    first = span_of(2, NO_ID, parent=1, for_ms=50)
    second = span_of(
        3, {**NO_ID, "gen_ai.usage.input_tokens": 900}, parent=1, at_ms=100, for_ms=150
    )

    assert kinds(outer, first, second) == ["duplicate", "counts", "counts"]


@pytest.mark.parametrize("operation", ["chat", "custom.orchestrate", "embeddings"])
def test_a_sum_is_recognised_under_any_operation_name(operation: str) -> None:
    """A parent with the counts of its two children is their sum, whatever it calls itself."""
    outer = span_of(
        1,
        {
            **NO_ID,
            "gen_ai.operation.name": operation,
            "gen_ai.usage.input_tokens": 2000,
            "gen_ai.usage.output_tokens": 400,
        },
    )

    assert kinds(outer, span_of(2, parent=1), span_of(3, parent=1, at_ms=500)) == [
        "sum",
        "counts",
        "counts",
    ]


def test_a_sum_counts_where_nothing_below_does() -> None:
    """An instrumented agent over a bare SDK is all there is."""
    (found,) = verdicts(span_of(1, AGENT))

    assert (found.kind, found.rule) == ("counts", "wrapper_sum")
    assert found.call.role == "aggregate"
    assert found.call.usage is not None


def test_only_the_innermost_sum_counts() -> None:
    """Agents in agents: the outer one repeats the inner one."""
    assert kinds(span_of(1, AGENT), span_of(2, AGENT, parent=1)) == ["sum", "counts"]


def test_a_sum_over_calls_without_counts_counts() -> None:
    """The calls are counted without a price, the tokens once, on the wrapper."""
    found = verdicts(span_of(1, AGENT), span_of(2, {**NO_ID, **NO_USAGE}, parent=1))

    assert [verdict.kind for verdict in found] == ["counts", "counts"]
    assert found[1].call.usage is None


def test_what_a_sum_has_beyond_its_calls_is_visible() -> None:
    """1,500 and 300 on the agent over one call of 1,000 and 200 leave 500 and 100."""
    more: Attributes = {"gen_ai.usage.input_tokens": 1500, "gen_ai.usage.output_tokens": 300}
    nameless: Attributes = {"gen_ai.request.model": None, "gen_ai.response.model": None}

    agent, _ = verdicts(span_of(1, {**AGENT, **more, **nameless}), span_of(2, parent=1))

    assert (agent.kind, agent.rule) == ("counts", "wrapper_residual")
    assert agent.call.usage is not None
    assert {**agent.call.usage.counts} == {"input": 500, "output": 100}
    assert agent.call.request_model == "gpt-4o-mini-2024-07-18"
    assert agent.call.reasons == ("wrapper_residual",)


def test_a_token_a_call_is_counting_noise() -> None:
    """Emitters that add the first token once more leave no residual."""
    more: Attributes = {"gen_ai.usage.output_tokens": 201}

    assert kinds(span_of(1, {**AGENT, **more}), span_of(2, parent=1)) == ["sum", "counts"]


def test_a_sum_over_calls_in_other_traces_is_not_counted_again() -> None:
    """Calls that lost their context lie inside the agent's time and add up to its sum."""
    double: Attributes = {"gen_ai.usage.input_tokens": 2000, "gen_ai.usage.output_tokens": 400}
    agent = span_of(1, {**AGENT, **double}, trace=1, for_ms=2500)
    calls = [span_of(n, trace=n, at_ms=1000 * (n - 2), for_ms=900) for n in (2, 3)]

    assert kinds(agent, *calls) == ["sum", "counts", "counts"]


def test_the_finest_span_wins_and_takes_what_the_others_know() -> None:
    """The split of cache writes decides; session, tier and uses come from the copy."""
    fine: Attributes = {
        "gen_ai.usage.cache_write.input_tokens": 500,
        "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 300,
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 200,
    }
    coarse: Attributes = {
        "gen_ai.response.id": "chatcmpl-000001",
        "gen_ai.usage.cache_write.input_tokens": 500,
        "gen_ai.usage.reasoning.output_tokens": 50,
        "gen_ai.usage.details.web_search_requests": 2,
        "openai.response.service_tier": "flex",
        "operation.cost": 0.5,
    }

    winner, loser = verdicts(span_of(1, fine), span_of(2, coarse, scope="framework"))

    assert (winner.kind, loser.kind) == ("counts", "duplicate")
    assert winner.call.usage is not None
    assert {**winner.call.usage.counts} == {
        "input": 500,
        "cache_write_5m": 300,
        "cache_write_1h": 200,
        "output": 150,
        "reasoning": 50,
        "web_search": 2,
    }
    assert winner.call.service_tier == "flex"
    assert str(winner.call.reported_cost_usd) == "0.5"
    assert "otel_genai" not in winner.call.usage.sources["input"]


def test_a_complete_copy_beats_an_aborted_one() -> None:
    """The client closed early, the SDK read to the end."""
    cut: Attributes = {"gen_ai.usage.output_tokens": 1, "gen_ai.request.stream": True}

    aborted, whole = verdicts(
        span_of(1, cut, scope="framework"),
        span_of(2, {**NO_ID, "gen_ai.response.id": "chatcmpl-000001"}),
    )

    assert (aborted.kind, whole.kind) == ("duplicate", "counts")
    assert whole.call.reasons == ()


def test_the_order_of_spans_changes_nothing() -> None:
    """Every order of an agent, two calls and a copy gives the same verdicts."""
    spans = [
        span_of(1, AGENT),
        span_of(2, NO_ID, parent=1, scope="framework"),
        span_of(3, parent=2),
        span_of(4, parent=1, at_ms=1200),
    ]
    expected = {verdict.span.span_id: verdict for verdict in verdicts(*spans)}

    for order in permutations(spans):
        found = {verdict.span.span_id: verdict for verdict in verdicts(*order)}
        assert found == expected


def test_a_cycle_of_parents_ends() -> None:
    """Broken telemetry in which spans are each other's parent is still counted."""
    assert kinds(span_of(1, parent=2), span_of(2, parent=1)) == ["counts", "counts"]
