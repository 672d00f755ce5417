"""Posted events: plain fields, no dialect, nothing guessed."""

from __future__ import annotations

import pytest

from otel_costattr import assess, shipped_book
from otel_costattr.model import EVENT_KEY, Attributes, Span
from otel_costattr.testing import START_NS
from otel_costattr.usage import is_genai, read

KEY: Attributes = {EVENT_KEY: "event:e-1", "costattr.event.content": "c0ffee"}


def event(attributes: Attributes, *, failed: bool = False) -> Span:
    """Build an event as the collector's door does."""
    return Span(
        trace_id="",
        span_id="",
        start_ns=START_NS,
        end_ns=START_NS,
        attributes={**KEY, **attributes},
        signal="event",
        failed=failed,
    )


def test_counts_are_leaves_as_they_were_posted() -> None:
    """No convention is applied: input without cached tokens, output without reasoning."""
    call = read(
        event(
            {
                "costattr.event.provider": "OpenAI",
                "costattr.event.response_model": "gpt-4o-mini",
                "costattr.event.usage.input": 100,
                "costattr.event.usage_source.input": "inputTokens",
                "costattr.event.usage.cache_read": 900,
                "costattr.event.usage.output": 0,
                "costattr.event.reported_cost_usd": "0.5",
            }
        )
    )

    assert call is not None
    assert call.usage is not None
    assert call.usage.counts == {"input": 100, "cache_read": 900, "output": 0}
    assert call.usage.sources["input"] == "inputTokens"
    assert call.usage.sources["cache_read"] == "usage.cache_read"
    assert (call.provider, call.response_model, call.emitter) == ("openai", "gpt-4o-mini", "event")
    assert (str(call.reported_cost_usd), call.reported_by) == ("0.5", "reported_cost_usd")


@pytest.mark.parametrize(
    ("attributes", "failed", "reasons", "error_type"),
    [
        pytest.param({}, False, ("no_usage",), "", id="no-counts"),
        pytest.param(
            {"costattr.event.usage.input": 0, "costattr.event.usage.output": 0},
            False,
            ("no_usage",),
            "",
            id="zeros",
        ),
        pytest.param({"costattr.event.usage.input": -1}, False, ("bad_usage",), "", id="negative"),
        pytest.param({}, True, ("no_usage",), "error", id="failed"),
        pytest.param(
            {"costattr.event.usage.input": 5, "costattr.event.error_type": "timeout"},
            True,
            ("aborted",),
            "timeout",
            id="cut-short",
        ),
    ],
)
def test_what_is_unknown_stays_unknown(
    attributes: Attributes, *, failed: bool, reasons: tuple[str, ...], error_type: str
) -> None:
    """No counts, zeros and impossible counts give no cost; a failed call costs what it had."""
    call = read(event(attributes, failed=failed))

    assert call is not None
    assert (call.reasons, call.error_type) == (reasons, error_type)


def test_an_event_is_named_by_its_key_and_says_what_was_posted() -> None:
    """Outside traces it is `event:ID`; inside it is the span that it was written in."""
    alone = event({})
    inside = Span(
        trace_id="a" * 32, span_id="b" * 16, attributes=KEY, signal="event", start_ns=START_NS
    )
    assessment = assess(alone, book=shipped_book())

    assert is_genai(alone)
    assert (alone.ref, inside.ref) == ("event:e-1", f"{'a' * 32}:{'b' * 16}")
    assert assessment is not None
    assert assessment.provenance == {"event": "c0ffee"}
