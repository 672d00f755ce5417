"""What one span says, in current names, older spellings and Traceloop's."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_costattr.model import Attributes, AttributeValue, Span, Unit
from otel_costattr.testing import chat_span
from otel_costattr.usage import is_genai, read

PLAIN: Attributes = {"gen_ai.usage.input_tokens": None, "gen_ai.usage.output_tokens": None}


def counts_of(span: Span) -> Mapping[Unit, int]:
    """Read a span that must be a call with counts."""
    call = read(span)
    assert call is not None
    assert call.usage is not None
    return call.usage.counts


def reasons_of(span: Span) -> tuple[str, ...]:
    """Read a span that must be a call and answer its reasons."""
    call = read(span)
    assert call is not None
    return call.reasons


def test_a_call_is_read_from_the_current_names() -> None:
    """Models, provider, ids and disjoint counts of an official span."""
    call = read(chat_span({"openai.response.service_tier": "default", "server.address": "h"}))

    assert call is not None
    assert (
        call.role,
        call.emitter,
        call.operation,
        call.provider,
    ) == ("call", "otel_genai", "chat", "openai")
    assert (call.request_model, call.response_model) == ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    assert (
        call.response_id,
        call.service_tier,
        call.server_address,
    ) == ("chatcmpl-000001", "default", "h")
    assert call.usage is not None
    assert call.usage.counts == {"input": 1000, "output": 200}
    assert call.reasons == ()


@pytest.mark.parametrize(
    ("read_name", "write_name"),
    [
        ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_write.input_tokens"),
        ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_creation.input_tokens"),
        ("gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cache_creation_input_tokens"),
        ("gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cache_write_input_tokens"),
        ("gen_ai.usage.input_tokens.cached", "gen_ai.usage.input_tokens.cache_write"),
        ("gen_ai.usage.cached_input_tokens", "gen_ai.usage.cache_write.input_tokens"),
        ("gen_ai.usage.details.cache_read_tokens", "gen_ai.usage.details.cache_write_tokens"),
    ],
    ids=lambda name: name.removeprefix("gen_ai.usage."),
)
def test_cached_tokens_leave_the_input_under_any_name(read_name: str, write_name: str) -> None:
    """1,000 tokens of which 400 were read and 500 written leave 1000 - 400 - 500 = 100."""
    counts = counts_of(chat_span({read_name: 400, write_name: 500}))

    assert counts == {"input": 100, "cache_read": 400, "cache_write": 500, "output": 200}


@pytest.mark.parametrize(
    "names",
    [
        ("gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens"),
        ("llm.usage.prompt_tokens", "llm.usage.completion_tokens"),
    ],
    ids=str,
)
def test_older_names_of_the_sums_are_read(names: tuple[str, str]) -> None:
    """Spellings before 1.27 say the same."""
    assert counts_of(chat_span({**PLAIN, names[0]: 1000, names[1]: 200})) == {
        "input": 1000,
        "output": 200,
    }


def test_two_spellings_of_one_count_are_never_added() -> None:
    """An emitter that writes old and new names is read once."""
    both: Attributes = {"gen_ai.usage.prompt_tokens": 1000, "gen_ai.usage.completion_tokens": 200}

    assert counts_of(chat_span(both)) == {"input": 1000, "output": 200}


@pytest.mark.parametrize(
    "value", [1000, 1000.0, "1000", "1000.0", " 1000 "], ids=["int", "double", "s", "sd", "sp"]
)
def test_any_otlp_type_of_a_count_is_read(value: AttributeValue) -> None:
    """Int, double and string attributes give the same call."""
    assert counts_of(chat_span({"gen_ai.usage.input_tokens": value}))["input"] == 1000


@pytest.mark.parametrize(
    "value",
    [True, -5, float("nan"), 1e30, "lots", 10**13, 0.5],
    ids=["bool", "negative", "nan", "huge-double", "word", "huge", "fraction"],
)
def test_an_impossible_count_makes_the_call_unpriced(value: AttributeValue) -> None:
    """Nothing is clamped: the call is kept without counts and says why."""
    call = read(chat_span({"gen_ai.usage.cache_read.input_tokens": value}))

    assert call is not None
    assert call.usage is None
    assert call.reasons == ("bad_usage",)


@pytest.mark.parametrize("value", [None, ""], ids=["null", "empty"])
def test_an_empty_count_says_nothing(value: AttributeValue) -> None:
    """An emitter that writes empty strings for absent counts is read as silent."""
    assert "cache_read" not in counts_of(chat_span({"gen_ai.usage.cache_read.input_tokens": value}))


def test_no_counts_is_no_usage() -> None:
    """A call without counts is kept, unpriced."""
    assert reasons_of(chat_span(PLAIN)) == ("no_usage",)


def test_zero_and_zero_is_unknown_not_free() -> None:
    """A response never used nothing at all."""
    zeros: Attributes = {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}

    assert reasons_of(chat_span(zeros)) == ("no_usage",)


@pytest.mark.parametrize(
    "operation", ["execute_tool", "retrieval", "invoke_agent", "plan", "agent_step"]
)
def test_what_is_no_call_is_nothing(operation: str) -> None:
    """Tools, agents and plans without counts are not calls."""
    assert read(chat_span({**PLAIN, "gen_ai.operation.name": operation})) is None


def test_counts_on_an_agent_are_a_sum() -> None:
    """A wrapper's sum is read as such."""
    call = read(chat_span({"gen_ai.operation.name": "invoke_agent"}))

    assert call is not None
    assert (call.role, call.reasons) == ("aggregate", ("wrapper_sum",))


def test_spans_of_other_libraries_are_nothing() -> None:
    """An HTTP span is no GenAI telemetry."""
    span = Span(trace_id="", span_id="", name="POST", attributes={"server.address": "h"})

    assert not is_genai(span)
    assert read(span) is None


_VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=40), st.binary()
    ),
    lambda inner: st.one_of(
        st.tuples(inner), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=4,
)


def _names() -> list[str]:
    from otel_costattr.usage.dialects import DIALECTS  # noqa: PLC0415 - only for this strategy

    keys = {name for dialect in DIALECTS for name in dialect.keys}
    objects = {name for dialect in DIALECTS for name, _ in dialect.objects}
    marks = {mark for dialect in DIALECTS for mark in dialect.marks}
    return sorted(keys | objects | marks)


def _scopes() -> list[str]:
    from otel_costattr.usage.dialects import DIALECTS  # noqa: PLC0415 - only for this strategy

    return sorted({scope.rstrip("*") for dialect in DIALECTS for scope in dialect.scopes} | {"x"})


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(
    attributes=st.dictionaries(st.sampled_from(_names()), _VALUES, max_size=6),
    scope=st.sampled_from(_scopes()),
    name=st.sampled_from(["", "chat x", "api_request", "agent run", "codex.sse_event"]),
    signal=st.sampled_from(["span", "log"]),
    failed=st.booleans(),
)
def test_reading_never_raises(
    attributes: Attributes, scope: str, name: str, signal: str, *, failed: bool
) -> None:
    """Any values under any known names of any emitter are read without an error."""
    span = Span(
        trace_id="a" * 32,
        span_id="b" * 16,
        name=name,
        attributes=attributes,
        scope_name=scope,
        failed=failed,
        signal=signal,  # type: ignore[arg-type]
    )

    call = read(span)

    assert call is None or call.usage is None or call.usage.input_total >= 0
