"""Every recording is read right and counted once."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from golden.recordings import (
    SHARED,
    Recording,
    all_recordings,
    assessed,
    calls_of,
    load,
    named_lost,
    totals,
)

from otel_costattr.assess import assess_all
from otel_costattr.model import Assessment, Span
from otel_costattr.pricing import shipped_book

RECORDINGS = all_recordings()
ON_WIRE = [found for found in RECORDINGS if found.on_wire]
WITHOUT = [found for found in RECORDINGS if not found.on_wire]
ABORTED = frozenset({"early_close", "server_abort", "stream_abort"})


def ids(found: Recording) -> str:
    """Name a case."""
    return found.name


def test_all_recordings_are_here() -> None:
    """258 cases of 48 emitters are committed."""
    assert len(RECORDINGS) == 258
    assert len({found.emitter for found in RECORDINGS}) == 48


@pytest.mark.parametrize("found", ON_WIRE, ids=ids)
def test_each_call_is_counted_once(found: Recording) -> None:
    """As many calls as reached the provider, however many spans describe them."""
    assert len(calls_of(found)) == found.model_calls


@pytest.mark.parametrize("found", ON_WIRE, ids=ids)
def test_every_count_is_the_truth_or_named_as_lost(found: Recording) -> None:
    """A count that the emitter kept equals the provider's; one that it dropped is named."""
    for call in calls_of(found):
        lost = named_lost(call) | found.lost
        counted = totals(call)
        wrong = {
            name: (counted[name], true)
            for name, true in found.truth.items()
            if name not in lost and counted[name] != true
        }

        assert not wrong


@pytest.mark.parametrize("found", [r for r in ON_WIRE if r.lost], ids=ids)
def test_what_the_emitter_lost_is_named(found: Recording) -> None:
    """The provenance says what is missing, unless the truth was found elsewhere."""
    for call in calls_of(found):
        counted = totals(call)
        missing = {name for name in found.lost if counted[name] != found.truth[name]}

        assert missing <= named_lost(call)


@pytest.mark.parametrize("found", ON_WIRE, ids=ids)
def test_leaves_add_up(found: Recording) -> None:
    """Leaf units are disjoint: their sums are the totals, and none is negative."""
    for item in assessed(found):
        usage = item.call.usage
        if usage is not None:
            assert usage.input_total + usage.output_total + sum(
                usage.counts.get(unit, 0) for unit in ("web_search", "web_fetch")
            ) == sum(usage.counts.values())


@pytest.mark.parametrize("found", WITHOUT, ids=ids)
def test_failed_and_usageless_calls_cost_nothing(found: Recording) -> None:
    """No cost is invented; an aborted stream is priced for what is on the wire, marked so."""
    for item in assessed(found):
        if item.total_usd is None:
            continue

        assert any(word in found.name for word in ABORTED)
        assert item.status == "estimated"
        assert "aborted" in item.reasons


@pytest.mark.parametrize(
    "found", [r for r in WITHOUT if any(word in r.name for word in ABORTED)], ids=ids
)
def test_an_aborted_stream_counts_only_what_is_on_the_wire(found: Recording) -> None:
    """At most the input of the first event and one token of output."""
    for call in calls_of(found):
        usage = call.call.usage
        if usage is not None:
            assert usage.input_total == 1000
            assert usage.output_total <= 1
            assert "aborted" in call.reasons
            assert "reasoning" not in usage.counts


def _account(found: tuple[Assessment, ...]) -> dict[str, tuple[object, ...]]:
    return {
        f"{item.span.signal}:{item.span.trace_id}:{item.span.span_id}:{item.span.name}": (
            item.status,
            item.duplicate_of,
            item.dedupe_rule,
            item.total_usd,
            item.call,
            item.owner,
        )
        for item in found
    }


@pytest.mark.parametrize("found", RECORDINGS, ids=ids)
@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_the_order_of_arrival_does_not_matter(found: Recording) -> None:
    """Reversed and shuffled spans give the same verdict on each, to the last cent."""
    expected = _account(assessed(found))
    shuffled = list(found.spans)
    for seed in range(3):
        random.Random(seed).shuffle(shuffled)  # noqa: S311 - a fixed order, no secret

        assert _account(assess_all(shuffled, book=shipped_book())) == expected


@pytest.mark.parametrize("found", ON_WIRE, ids=ids)
@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_sending_everything_twice_changes_no_total(found: Recording) -> None:
    """A repeated request adds duplicates, and no cost."""
    twice = assess_all((*found.spans, *found.spans), book=shipped_book())
    once = assessed(found)

    assert _total(twice) == _total(once)
    assert sum(item.status not in {"duplicate_of", "aggregate"} for item in twice) == len(
        calls_of(found)
    )


def _total(found: tuple[Assessment, ...]) -> Decimal:
    return sum((item.total_usd or Decimal(0) for item in found), Decimal(0))


def test_all_traces_together_are_the_sum_of_each() -> None:
    """Recognition never reaches across calls that have nothing in common."""
    spans: list[Span] = []
    expected = 0
    for emitter in ("otel_genai_openai", "pydantic_ai_pydai", "vercel_ai_sdk_v6", "openlit_openai"):
        for found in ON_WIRE:
            if found.emitter == emitter:
                spans += found.spans
                expected += len(calls_of(found))

    together = assess_all(spans, book=shipped_book())

    assert sum(item.status not in {"duplicate_of", "aggregate"} for item in together) == expected


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared folder is not here")
def test_the_committed_copies_are_the_shared_ones() -> None:
    """Nothing was changed on the way into the repository."""
    for path in sorted(SHARED.glob("*__*.json")):
        emitter, _, scenario = path.stem.partition("__")
        name = f"{emitter.replace('+', '_and_')}/{scenario}"
        found = next(item for item in RECORDINGS if item.name == name)

        assert load(path, name) == found
