"""Recognition where telemetry is thin."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from calls.test_recognise import AGENT, NO_ID, NO_USAGE, kinds, span_of, verdicts

from otel_costattr.calls import Counted, Verdict, recognise
from otel_costattr.calls.candidates import candidate, family, model_key
from otel_costattr.calls.records import QuickCounted, QuickVerdict
from otel_costattr.model import EVENT_KEY, Attributes, AttributeValue, ModelCall, Span
from otel_costattr.testing import START_NS
from otel_costattr.usage import read


def test_one_span_alone_counts() -> None:
    """Nothing to compare with."""
    span = span_of(1)
    call = read(span)
    assert call is not None

    (found,) = recognise([(span, call)])

    assert (found.kind, found.rule) == ("counts", "")


@pytest.mark.parametrize(
    ("model", "key"),
    [
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("openai/gpt-4o-mini", "gpt-4o-mini"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("gpt-4.1-mini", "gpt-4.1-mini"),
        ("llama3.2", "llama3.2"),
        ("", ""),
    ],
)
def test_spellings_of_one_model_have_one_key(model: str, key: str) -> None:
    """Provider, region, date and version are not the model."""
    assert model_key(model) == key


def test_a_model_without_letters_has_no_family() -> None:
    """Then the response id stands alone."""
    assert family("4711") == ""


@pytest.mark.parametrize(
    ("attributes", "before_ns"),
    [
        ({"duration_ms": "1500"}, 1_500_000_000),
        ({"duration_ms": 2}, 2_000_000),
        ({"duration": 0.5}, 500_000_000),
        ({"duration_ms": "soon"}, 0),
        ({"duration_ms": -1}, 0),
        ({"duration_ms": 10**400}, 0),
        ({}, 0),
    ],
    ids=["text", "int", "seconds", "word", "negative", "absurd", "none"],
)
def test_a_record_begins_before_its_own_time(
    attributes: dict[str, AttributeValue], before_ns: int
) -> None:
    """A record of a finished call says how long the call took."""
    log = Span(
        trace_id="",
        span_id="",
        name="gen_ai.client.inference.operation.details",
        start_ns=START_NS,
        end_ns=START_NS,
        attributes=attributes,
        signal="log",
    )
    call = read(log)
    assert call is not None

    assert START_NS - candidate(log, call).begin_ns == before_ns


def test_a_copy_lends_provider_and_further_models() -> None:
    """What the winner does not say is taken from the others."""
    raw = (
        '{"input_tokens":1000,"output_tokens":200,"iterations":['
        '{"input_tokens":1000,"output_tokens":200},'
        '{"model":"claude-opus-4-8","input_tokens":5,"output_tokens":5}]}'
    )
    fine = {
        "gen_ai.provider.name": None,
        "gen_ai.usage.cache_read.input_tokens": 0,
    }
    copy: Attributes = {"gen_ai.response.id": "chatcmpl-000001", "gen_ai.usage.raw": raw}

    winner, _ = verdicts(span_of(1, fine), span_of(2, copy, scope="logfire.anthropic"))

    assert winner.call.provider == "openai"
    assert [other.model for other in winner.call.other_models] == ["claude-opus-4-8"]


def test_a_wrapper_without_counts_over_two_calls_is_no_call() -> None:
    """It adds nothing, and is said to."""
    outer = span_of(1, {**NO_ID, **NO_USAGE})

    assert kinds(outer, span_of(2, parent=1), span_of(3, parent=1)) == ["sum", "counts", "counts"]


def test_calls_without_a_model_are_not_joined_by_time() -> None:
    """Too little is known to say that two are one."""
    nameless: Attributes = {**NO_ID, "gen_ai.request.model": None, "gen_ai.response.model": None}

    assert kinds(
        span_of(1, nameless, trace=1), span_of(2, nameless, trace=2, scope="framework")
    ) == ["counts", "counts"]


def test_a_wrapper_and_its_renamed_sum_sent_twice_is_one() -> None:
    """Sums are repeated by senders, too."""
    assert sorted(kinds(span_of(1, AGENT), span_of(1, AGENT))) == ["counts", "duplicate"]


def test_streams_of_two_services_do_not_lend_their_ends() -> None:
    """A stream's record belongs to a span of its own scope, and near it in time."""
    common: Attributes = {**NO_ID, "logfire.span_type": "span"}
    start = span_of(1, {**common, **NO_USAGE}, scope="logfire.openai", for_ms=5)
    end = span_of(
        2,
        {**common, "logfire.span_type": "log", "duration": 0.004},
        scope="logfire.anthropic",
        trace=2,
        at_ms=10,
        for_ms=0,
    )
    late = span_of(
        3,
        {**common, "logfire.span_type": "log", "duration": 0.004},
        scope="logfire.openai",
        trace=3,
        at_ms=60_000,
        for_ms=0,
    )

    assert kinds(start, end, late).count("counts") >= 2


def test_a_stream_of_another_model_does_not_lend_its_end() -> None:
    """One scope, one moment, two models: two calls."""
    common: Attributes = {**NO_ID, "logfire.span_type": "span"}
    start = span_of(1, {**common, **NO_USAGE}, scope="logfire.openai", for_ms=5)
    other: Attributes = {
        **common,
        "logfire.span_type": "log",
        "duration": 0.004,
        "gen_ai.request.model": "gpt-4.1",
        "gen_ai.response.model": "gpt-4.1",
    }
    end = span_of(2, other, scope="logfire.openai", trace=2, at_ms=10, for_ms=0)

    assert kinds(start, end) == ["counts", "counts"]


def test_a_streams_beginning_takes_one_end() -> None:
    """Of two ends at one moment the second is a call of its own."""
    common: Attributes = {**NO_ID, "logfire.span_type": "span"}
    start = span_of(1, {**common, **NO_USAGE}, scope="logfire.openai", for_ms=5)
    ends = [
        span_of(
            number,
            {**common, "logfire.span_type": "log", "duration": 0.004},
            scope="logfire.openai",
            trace=number,
            at_ms=10,
            for_ms=0,
        )
        for number in (2, 3)
    ]

    assert sorted(kinds(start, *ends)) == ["counts", "counts", "duplicate"]


def test_calls_that_overlap_are_not_one() -> None:
    """Neither lies within the other, so neither can wrap the other."""
    assert kinds(
        span_of(1, NO_ID, trace=1), span_of(2, NO_ID, trace=2, scope="framework", at_ms=500)
    ) == ["counts", "counts"]


def test_a_posted_event_is_known_by_its_id() -> None:
    """An event outside traces has no span id; its own id tells it from others."""
    event = Span(trace_id="", span_id="", signal="event", attributes={EVENT_KEY: "event:e-1"})

    found = candidate(event, ModelCall())

    assert (found.ref, found.key) == ("event:e-1", "event:e-1")


def test_both_parents_of_a_record_are_above_it() -> None:
    """A record may name another parent than the span that it was written in has."""
    span = span_of(1, parent=7)
    trace = span.trace_id

    found = candidate(span, ModelCall(), {f"{trace}:{span.span_id}": f"{trace}:other"})

    assert found.above == (f"{trace}:{7:016x}", f"{trace}:other")


def test_a_try_inside_a_call_is_not_joined_to_it_by_time() -> None:
    """The response id says which child is the call; the other one, though alike, was a try."""
    same: Attributes = {"gen_ai.response.id": "chatcmpl-000001"}
    outer = span_of(1, same, scope="framework")
    inner = span_of(2, same, parent=1)
    other = span_of(3, NO_ID, parent=1, scope="com.example.sdk")

    assert sorted(kinds(outer, inner, other)) == ["counts", "counts", "duplicate"]


def test_quick_records_are_the_records() -> None:
    """Nothing can tell a record that was made quickly from one made by its class."""
    span = span_of(1)
    call = read(span)
    assert call is not None
    verdict: object = QuickVerdict(candidate(span, call), frozenset({"a"}))
    known: object = QuickCounted(
        "t:s", "call", frozenset({"a"}), 1, 2, frozenset({"m"}), "resp-0001", (3, 4), 5, "end"
    )

    assert verdict == Verdict(span=span, call=call, kind="counts", scopes=frozenset({"a"}))
    assert known == Counted(
        ref="t:s",
        scopes=frozenset({"a"}),
        begin_ns=1,
        end_ns=2,
        models=frozenset({"m"}),
        response_id="resp-0001",
        totals=(3, 4),
        detail=5,
        stream="end",
    )
    for made in (verdict, known):
        with pytest.raises(FrozenInstanceError):
            made.scopes = frozenset()  # type: ignore[misc]
