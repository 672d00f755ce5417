"""Tokens estimated from the length of texts: only when asked for, always marked, never of failures."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from golden.recordings import all_recordings
from otel_costattr_collector.codec.projection import Projection, mark

from otel_costattr import assess, assess_all, shipped_book
from otel_costattr.model import Assessment, Attributes
from otel_costattr.testing import chat_span
from otel_costattr.usage.estimate import UNREADABLE, characters, family_of

BOOK = shipped_book()
NO_COUNTS: Attributes = {"gen_ai.usage.input_tokens": None, "gen_ai.usage.output_tokens": None}
ASKED = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "x" * 4_000}]}])
SAID = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "y" * 799}]}])
TEXTS: Attributes = {"gen_ai.input.messages": ASKED, "gen_ai.output.messages": SAID}
FAMILIES = (
    *("gen_ai.input.messages", "gen_ai.system_instructions", "gen_ai.output.messages"),
    *("gen_ai.prompt.0.content", "gen_ai.completion.0.content", "ai.prompt.messages"),
    *("llm.input_messages.0.message.content", "llm.output_messages.0.message.content"),
    *("ai.response.text", "gen_ai.prompt", "gen_ai.completion"),
    *("langfuse.observation.input", "langfuse.observation.output"),
)


def one(attributes: Attributes, *, estimate: bool = True, failed: bool = False) -> Assessment:
    """Assess a call to gpt-4o-mini without counts."""
    span = chat_span({**NO_COUNTS, **attributes}, failed=failed)
    found = assess(span, book=BOOK, estimate=estimate)
    assert found is not None
    return found


def test_four_characters_are_a_token() -> None:
    """4,000 characters asked and 799 said: 1,000 and 200 tokens, 0.00027 USD, and how it is known."""
    found = one(TEXTS)

    assert found.call.usage is not None
    assert dict(found.call.usage.counts) == {"input": 1000, "output": 200}
    assert found.total_usd == (1000 * Decimal("0.15") + 200 * Decimal("0.60")) / 1_000_000
    assert (found.status, found.reasons) == ("estimated", ("usage_estimated",))
    assert found.provenance["input"] == "assumed: 4000 characters of gen_ai.input.messages / 4"


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(lambda: one(TEXTS, estimate=False), id="not asked for"),
        pytest.param(lambda: one(TEXTS, failed=True), id="failed"),
        pytest.param(lambda: one({**TEXTS, "error.type": "timeout"}), id="an error"),
        pytest.param(lambda: one({}), id="no texts"),
        pytest.param(lambda: one({"gen_ai.output.messages": SAID}), id="no input"),
        pytest.param(lambda: one({"gen_ai.input.messages": ASKED}), id="no output"),
        pytest.param(
            lambda: one({**TEXTS, "gen_ai.input.messages": UNREADABLE}), id="too long to look at"
        ),
        pytest.param(lambda: one({**TEXTS, "gen_ai.output.messages": True}), id="only its mark"),
    ],
)
def test_no_usage_stays_unknown(found: object) -> None:
    """Unknown is never a number that nobody asked for, nor half a one."""
    assessment = found()  # type: ignore[operator]

    assert (assessment.status, assessment.total_usd) == ("unpriced", None)
    assert assessment.reasons == ("no_usage",)


def test_counts_are_never_replaced() -> None:
    """What the telemetry counted stands, whatever its texts look like."""
    found = assess(chat_span(TEXTS), book=BOOK, estimate=True)

    assert found == assess(chat_span(TEXTS), book=BOOK)


def test_embeddings_say_nothing() -> None:
    """A call that produces no text needs none."""
    found = one({"gen_ai.operation.name": "embeddings", "gen_ai.input.messages": ASKED})

    assert found.call.usage is not None
    assert dict(found.call.usage.counts) == {"input": 1000}


def test_one_family_counts() -> None:
    """The same prompt in two attributes is one prompt; several messages of one family add up."""
    found = one(
        {
            "gen_ai.prompt.0.content": "x" * 400,
            "gen_ai.prompt.1.content": "x" * 400,
            "gen_ai.prompt": "x" * 9_000,
            "gen_ai.completion.0.content": "y" * 4,
        }
    )

    assert found.call.usage is not None
    assert dict(found.call.usage.counts) == {"input": 200, "output": 1}
    assert "gen_ai.prompt.0.content and 1 more" in found.provenance["input"]


@pytest.mark.parametrize(
    ("value", "count"),
    [
        pytest.param("hello", 5, id="text"),
        pytest.param('{"role": "user", "content": "hello"}', 5, id="a message"),
        pytest.param('[{"content": "hello"}, {"content": ["you"]}]', 8, id="messages"),
        pytest.param("[no JSON", 8, id="no JSON"),
        pytest.param(({"content": "hello", "n": 3},), 5, id="a value of lists"),
        pytest.param("[" * 300 + "]" * 300, 0, id="deep"),
        pytest.param(7, 7, id="counted before"),
        pytest.param(None, UNREADABLE, id="nothing"),
        pytest.param(b"hello", UNREADABLE, id="bytes"),
    ],
)
def test_characters_of_content_count(value: object, count: int) -> None:
    """Roles, types and punctuation of JSON are nobody's tokens."""
    assert characters(value) == count  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_door_keeps_lengths_only_when_asked(name: str) -> None:
    """Switched on, a text becomes a number; off, nothing of it is left that could be estimated."""
    off, on = Projection().reducer(name), Projection(lengths=True).reducer(name)

    assert family_of(name) >= 0
    assert off is None or off is mark
    assert on is not None
    values = ("hello", None, 12, True)
    assert [on(value) for value in values] == [5, UNREADABLE, UNREADABLE, UNREADABLE]


def test_other_names_are_dropped_as_ever() -> None:
    """The switch opens no other attribute."""
    assert Projection(lengths=True).reducer("gen_ai.prompt.0.secret") is None


def test_recordings_without_usage() -> None:
    """Off: no cost at all. On: only calls that did not fail, marked, with texts on the span."""
    recordings = [found for found in all_recordings() if not found.on_wire]
    estimates = 0
    for recording in recordings:
        off = assess_all(recording.spans, book=BOOK)
        on = assess_all(recording.spans, book=BOOK, estimate=True)
        assert len(off) == len(on)
        for before, after in zip(off, on, strict=True):
            if before == after:
                continue
            estimates += 1
            assert (before.reasons[0], before.total_usd) == ("no_usage", None)
            assert "usage_estimated" in after.reasons
            assert not after.span.failed
            assert not after.call.error_type
            assert after.call.usage is not None
            assert all(after.call.usage.counts.values())
    assert (len(recordings), estimates) == (78, 15)
