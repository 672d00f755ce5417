"""Telemetry in pieces: what counted earlier is recognised, whatever came in between."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

import pytest
from calls.test_recognise import AGENT, NO_ID, NO_USAGE, span_of
from golden.recordings import Recording, all_recordings

from otel_costattr.calls import (
    Counted,
    PreviewRecogniser,
    Verdict,
    keys_of,
    links_of,
    recognise,
    remember,
)
from otel_costattr.model import Attributes, ModelCall, Span
from otel_costattr.usage import read

ON_WIRE = [found for found in all_recordings() if found.on_wire]


class Ledger:
    """What a collector does: a settle window at a time, remembering what counted."""

    def __init__(self) -> None:
        self.known: dict[str, Counted] = {}
        self.links: dict[str, str] = {}
        self.calls: dict[str, ModelCall] = {}

    def settle(self, spans: Iterable[Span]) -> tuple[Verdict, ...]:
        """Recognise one window and book its outcome."""
        window = tuple(spans)
        self.links |= links_of(window)
        pairs = [(span, call) for span in window if (call := read(span)) is not None]
        found = recognise(pairs, links=self.links, known=self.known)
        for verdict in found:
            self._book(verdict)
        self.known.update(remember(found, links=self.links, known=self.known))
        return found

    def _book(self, verdict: Verdict) -> None:
        ref = f"{verdict.span.trace_id}:{verdict.span.span_id}"
        if verdict.reverses:
            self.calls.pop(verdict.reverses, None)
        if verdict.kind == "counts":
            self.calls[ref] = verdict.call
        elif verdict.amends:
            self.calls[verdict.duplicate_of] = verdict.call

    @property
    def totals(self) -> tuple[int, int, int]:
        """Calls with counts, their input tokens and their output tokens."""
        usages = [
            call.usage
            for call in self.calls.values()
            if call.usage is not None and call.role == "call"
        ]
        return (
            len(usages),
            sum(usage.input_total for usage in usages),
            sum(usage.output_total for usage in usages),
        )


def _windows(spans: Sequence[Span], seed: int) -> list[list[Span]]:
    chance = random.Random(seed)  # noqa: S311 - a fixed split, no secret
    windows: list[list[Span]] = [[], [], []]
    for span in spans:
        windows[chance.randrange(3)].append(span)
    return windows


@pytest.mark.parametrize("found", ON_WIRE, ids=lambda found: found.name)
def test_any_split_into_windows_counts_the_same_calls(found: Recording) -> None:
    """Spans in three windows, in any order, give the calls and tokens of one window."""
    whole = Ledger()
    whole.settle(found.spans)

    for seed in range(3):
        ledger = Ledger()
        for window in _windows(found.spans, seed):
            ledger.settle(window)
        assert ledger.totals == whole.totals


@pytest.mark.parametrize("found", ON_WIRE, ids=lambda found: found.name)
@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_what_is_sent_again_later_counts_nothing(found: Recording) -> None:
    """A request repeated hours later adds duplicates only."""
    ledger = Ledger()
    ledger.settle(found.spans)
    before = dict(ledger.calls)

    again = ledger.settle(found.spans)

    assert "counts" not in {verdict.kind for verdict in again}
    assert ledger.calls == before


def test_a_late_copy_with_more_detail_amends() -> None:
    """The SDK's span comes after the framework's was booked: a pair corrects the price."""
    ledger = Ledger()
    ledger.settle([span_of(1, scope="framework")])
    fine: Attributes = {
        "gen_ai.response.id": "chatcmpl-000001",
        "gen_ai.usage.cache_read.input_tokens": 400,
    }

    (late,) = ledger.settle([span_of(2, fine)])

    assert (late.kind, late.rule, late.amends) == ("duplicate", "response_id", True)
    assert late.duplicate_of == f"{1:032x}:{1:016x}"


def test_a_late_copy_that_knows_no_more_changes_nothing() -> None:
    """The framework's span comes after the SDK's was booked."""
    ledger = Ledger()
    ledger.settle([span_of(1, {"gen_ai.usage.cache_read.input_tokens": 400})])

    (late,) = ledger.settle([span_of(2, {"gen_ai.response.id": "chatcmpl-000001"}, scope="f")])

    assert (late.kind, late.amends) == ("duplicate", False)


def test_late_counts_amend_a_call_that_had_none() -> None:
    """A call booked without usage is priced when a copy brings its counts."""
    ledger = Ledger()
    ledger.settle([span_of(1, NO_USAGE, scope="framework")])

    (late,) = ledger.settle([span_of(2, {"gen_ai.response.id": "chatcmpl-000001"})])

    assert late.amends


def test_a_late_call_reverses_the_sum_above_it() -> None:
    """An agent's sum was booked alone; the first call beneath it takes its place."""
    ledger = Ledger()
    agent = span_of(1, AGENT)
    ledger.settle([agent])

    (late,) = ledger.settle([span_of(2, parent=1)])

    assert late.kind == "counts"
    assert late.reverses == f"{agent.trace_id}:{agent.span_id}"


def test_a_late_sum_over_booked_calls_counts_nothing() -> None:
    """The agent ends after its calls were booked."""
    ledger = Ledger()
    ledger.settle([span_of(2, parent=1)])

    (late,) = ledger.settle([span_of(1, AGENT)])

    assert late.kind == "sum"


def test_a_late_copy_is_found_by_time() -> None:
    """No id, another trace, another library: time and counts are left."""
    ledger = Ledger()
    ledger.settle([span_of(1, NO_ID, trace=1)])

    (late,) = ledger.settle([span_of(2, NO_ID, trace=2, at_ms=-5, for_ms=1010, scope="framework")])

    assert (late.kind, late.rule) == ("duplicate", "time")


@pytest.mark.parametrize(
    ("change", "trace", "at_ms", "scope"),
    [
        (NO_ID, 2, 0, "opentelemetry.instrumentation.genai.openai"),
        ({"gen_ai.response.id": "chatcmpl-999999"}, 2, 0, "framework"),
        ({**NO_ID, "gen_ai.response.model": "gpt-4o", "gen_ai.request.model": "gpt-4o"}, 2, 0, "f"),
        (NO_ID, 2, 700_000, "framework"),
    ],
    ids=["one-scope", "other-id", "other-model", "other-time"],
)
def test_a_late_call_of_its_own_counts(
    change: Attributes, trace: int, at_ms: int, scope: str
) -> None:
    """What differs in library, id, model or time is another call."""
    ledger = Ledger()
    ledger.settle([span_of(1)])

    (late,) = ledger.settle([span_of(2, change, trace=trace, at_ms=at_ms, scope=scope)])

    assert late.kind == "counts"


def test_keys_name_span_response_time_and_ancestors() -> None:
    """What is remembered is bounded and plain text."""
    span = span_of(2, parent=1)
    call = read(span)
    assert call is not None

    keys = keys_of(span, call, ancestors=[f"{span.trace_id}:00"])

    assert [key[:2] for key in keys] == ["s:", "r:", "t:", "t:", "a:", "a:"]
    assert keys[1] == "r:gpt:chatcmpl-000002"


def test_the_preview_counts_the_first_and_marks_the_rest() -> None:
    """In a process the leaf ends first; wrappers and siblings after it are duplicates."""
    preview = PreviewRecogniser()
    leaf = span_of(3, NO_ID, parent=2)
    chain = span_of(2, {"gen_ai.operation.name": "execute_tool", **NO_USAGE}, parent=1)
    wrapper = span_of(1, NO_ID, scope="framework")
    agent = span_of(1, AGENT)

    first = preview.see(leaf, _call(leaf))
    preview.passed(chain)

    assert first.kind == "counts"
    assert preview.see(wrapper, _call(wrapper)).kind == "duplicate"
    assert preview.see(agent, _call(agent)).kind in {"sum", "duplicate"}


def test_the_preview_is_bounded_in_number_and_time() -> None:
    """Old keys go first; what ended ten minutes ago is forgotten."""
    preview = PreviewRecogniser(max_keys=9)
    for number in range(1, 50):
        span = span_of(number, trace=number, at_ms=number)
        preview.see(span, _call(span))

    assert len(preview) == 9

    late = span_of(99, trace=99, at_ms=3_600_000)
    preview.see(late, _call(late))

    assert len(preview) == len(keys_of(late, _call(late)))


def _call(span: Span) -> ModelCall:
    call = read(span)
    assert call is not None
    return call


@pytest.mark.parametrize(
    ("output", "kind"), [(200, "duplicate"), (900, "counts")], ids=["alike", "other counts"]
)
def test_a_renamed_response_is_known_by_its_counts(output: int, kind: str) -> None:
    """A gateway's call counted; the provider's below it comes late under an id of its own."""
    ledger = Ledger()
    ledger.settle([span_of(1, {"gen_ai.response.id": "gateway-000001"}, scope="litellm")])

    (late,) = ledger.settle([span_of(2, {"gen_ai.usage.output_tokens": output}, parent=1)])

    assert (late.kind, late.rule) == (kind, "ancestry" if kind == "duplicate" else "")
