"""The parts of the ingest path: what was seen, what settles together, what is compared."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from otel_costattr_collector.ingest.components import components
from otel_costattr_collector.ingest.memory import Memory
from otel_costattr_collector.ingest.seen import Seen, key_of
from otel_costattr_collector.ingest.settling import Pending, Settling, pending_of
from otel_costattr_collector.journal import SpansRecord

from otel_costattr.calls import links_of, recognise
from otel_costattr.model import ModelCall, Span
from otel_costattr.testing import START_NS, chat_span
from otel_costattr.usage import read

S = 10**9


@given(st.lists(st.integers(1, 2**64 - 1), max_size=300))
def test_keys_are_seen_from_when_they_were_added(keys: list[int]) -> None:
    """Below half the limit the set is exact."""
    seen = Seen(2000)
    for place, key in enumerate(keys):
        assert (key in seen) == (key in keys[:place])
        seen.add([key])


def test_old_keys_go_when_the_limit_is_reached() -> None:
    """At least half of the limit stays, at most the limit."""
    seen = Seen(100)
    seen.add(range(1, 1001))

    kept = [key for key in range(1, 1001) if key in seen]

    assert kept == list(range(1001 - len(kept), 1001))
    assert 50 <= len(kept) <= 100


def test_what_names_a_span() -> None:
    """A span is its ids; a record without ids is what it says; senders are kept apart."""
    span, log = chat_span(), chat_span(signal="log", span_id="", trace_id="")

    assert key_of(span) == key_of(chat_span({"gen_ai.usage.input_tokens": 5}))
    assert key_of(span) != key_of(chat_span(number=2))
    assert key_of(span) != key_of(span, "acme")
    assert key_of(log) == key_of(chat_span(signal="log", span_id="", trace_id=""))
    assert key_of(log) != key_of(
        chat_span({"gen_ai.usage.input_tokens": 5}, signal="log", span_id="", trace_id="")
    )


def pending(*spans: Span, at_s: float = 0, key_tenant: str = "") -> list[Pending]:
    """Return spans that were received together."""
    record = SpansRecord(
        number=1, received_ns=round(at_s * S), key_tenant=key_tenant, spans=tuple(spans)
    )
    items = pending_of(record, 1)
    for item in items:
        item.call = read(item.span)
    return items


def settling() -> Settling:
    """Return an empty window of 10 seconds, 60 for sums."""
    return Settling(settle_ns=10 * S, wrapper_settle_ns=60 * S, read=read)


def names(items: list[Pending]) -> list[int]:
    """Return the numbers of spans."""
    return sorted(int(item.span.span_id, 16) for item in items)


WRAPPER: Mapping[str, str] = {"gen_ai.operation.name": "invoke_agent"}


def test_a_call_waits_ten_seconds_and_a_sum_sixty() -> None:
    """Each leaves once its own window is over."""
    window = settling()
    window.add(pending(chat_span(number=1), chat_span(WRAPPER, number=2)))

    assert names(window.take(9 * S, limit=100)) == []
    assert names(window.take(10 * S, limit=100)) == [1]
    assert names(window.take(59 * S, limit=100)) == []
    assert names(window.take(60 * S, limit=100)) == [2]
    assert len(window) == 0


@pytest.mark.parametrize(
    ("younger", "together"),
    [
        pytest.param({}, False, id="another-call"),
        pytest.param(
            {"attributes": {"gen_ai.response.id": "chatcmpl-000001"}}, True, id="response"
        ),
        pytest.param({"trace_id": f"{1:032x}"}, True, id="same-trace-and-time"),
        pytest.param(
            {"trace_id": f"{1:032x}", "start_ns": START_NS + 5 * S, "end_ns": START_NS + 6 * S},
            False,
            id="same-trace-later",
        ),
    ],
)
def test_younger_spans_leave_with_what_may_be_their_call(
    younger: dict[str, object], *, together: bool
) -> None:
    """Whoever may tell of the same call is assessed with it, though it has waited less."""
    window = settling()
    fields = dict(younger)
    attributes = fields.pop("attributes", None)
    window.add(pending(chat_span(number=1)))
    window.add(pending(chat_span(attributes, number=2, **fields), at_s=9))  # type: ignore[arg-type]

    assert names(window.take(10 * S, limit=100)) == ([1, 2] if together else [1])


def test_a_sum_takes_the_calls_of_its_trace_along() -> None:
    """Whether a sum counts depends on what is below it."""
    window = settling()
    window.add(pending(chat_span(WRAPPER, number=1, end_ns=START_NS + 50 * S)))
    below = chat_span(number=2, trace_id=f"{1:032x}", parent_span_id=f"{1:016x}")
    window.add(pending(below, at_s=59))

    assert names(window.take(60 * S, limit=100)) == [1, 2]


def test_everything_leaves_when_the_process_stops() -> None:
    """About as many at once as asked for."""
    window = settling()
    window.add(pending(*(chat_span(number=number) for number in range(1, 8))))

    assert len(window.take(None, limit=4)) == 4
    assert len(window.take(None, limit=4)) == 3
    assert window.take(None, limit=4) == []


def sets(items: list[Pending]) -> list[list[int]]:
    """Return the numbers of spans in each component."""
    return sorted(map(names, components(items)))


def test_what_no_rule_joins_is_compared_alone() -> None:
    """Calls of one library in their own traces have nothing to do with each other."""
    assert sets(pending(*(chat_span(number=number) for number in range(1, 5)))) == [
        [1],
        [2],
        [3],
        [4],
    ]


def test_what_a_rule_may_join_is_compared_together() -> None:
    """The same trace, the same response, or the same count in another library."""
    items = pending(
        chat_span(number=1),
        chat_span({"gen_ai.response.id": "chatcmpl-000001"}, number=2),
        chat_span(
            {"gen_ai.usage.input_tokens": 7},
            number=3,
            trace_id=f"{1:032x}",
            parent_span_id=f"{1:016x}",
        ),
        chat_span({"gen_ai.usage.input_tokens": 9}, number=4),
        chat_span({"gen_ai.usage.input_tokens": 9}, number=5, scope_name="another"),
    )

    assert sets(items) == [[1, 2, 3], [4, 5]]


def test_calls_beside_each_other_in_one_trace_are_compared_alone() -> None:
    """An agent's calls to its model share a trace and are still several calls."""
    beside = [
        chat_span(number=number, trace_id=f"{9:032x}", parent_span_id=f"{9:016x}")
        for number in (1, 2, 3)
    ]

    assert sets(pending(*beside)) == [[1], [2], [3]]
    assert sets(pending(*beside, chat_span(WRAPPER, number=9))) == [[1, 2, 3, 9]]


def test_a_call_far_below_another_is_compared_with_it() -> None:
    """Spans between them that are no call are known by their links."""
    trace = f"{1:032x}"
    items = pending(
        chat_span(number=1), chat_span(number=2, trace_id=trace, parent_span_id=f"{7:016x}")
    )
    links = {f"{trace}:{7:016x}": f"{trace}:{1:016x}"}

    assert len(components(items)) == 2
    assert len(components(items, links=links)) == 1


spans_of_one_trace = st.lists(
    st.builds(
        lambda number, parent, scope, tokens, start: chat_span(
            {"gen_ai.usage.input_tokens": tokens, "gen_ai.response.id": ""},
            number=number,
            trace_id=f"{1:032x}",
            parent_span_id=f"{parent:016x}" if parent else "",
            scope_name=scope,
            start_ns=START_NS + start * S,
            end_ns=START_NS + (start + 2) * S,
        ),
        st.integers(1, 6),
        st.integers(0, 6),
        st.sampled_from(["one", "one", "another"]),
        st.sampled_from([7, 9]),
        st.integers(0, 3),
    ),
    max_size=6,
    unique_by=lambda span: span.span_id,
)


@given(spans_of_one_trace)
def test_deciding_by_components_is_deciding_together(spans: list[Span]) -> None:
    """Whatever stands in a trace, dividing it changes no verdict."""
    items = pending(*spans)
    links = links_of(spans)

    apart = {
        verdict.span.span_id: (verdict.kind, verdict.duplicate_of, verdict.rule)
        for group in components(items, links=links)
        for verdict in recognise(
            [(item.span, item.call) for item in group if item.call], links=links
        )
    }

    assert apart == {
        verdict.span.span_id: (verdict.kind, verdict.duplicate_of, verdict.rule)
        for verdict in recognise(
            [(item.span, item.call) for item in items if item.call], links=links
        )
    }


def test_a_sum_is_compared_with_the_calls_in_its_time() -> None:
    """A wrapper whose context was lost stands in another trace than its calls."""
    items = pending(
        chat_span(WRAPPER, number=1, start_ns=START_NS - S, end_ns=START_NS + 5 * S),
        chat_span({"gen_ai.usage.input_tokens": 7}, number=2),
        chat_span({"gen_ai.usage.input_tokens": 9}, number=3, end_ns=START_NS + 9 * S),
    )

    assert sets(items) == [[1, 2], [3]]


def test_memory_forgets_the_oldest_calls_first() -> None:
    """It stays within its bounds, of calls and of links."""
    memory = Memory(max_calls=2, max_links=2)
    for number in (1, 2, 3):
        span = chat_span(number=number, parent_span_id=f"{99:016x}")
        call = read(span)
        assert call is not None
        memory.link([span])
        memory.remember(recognise([(span, call)]), "acme")

    known = memory.known("acme")

    assert len(memory) == 2
    assert len(memory.links) == 2
    assert [f"s:{number:032x}:{number:016x}" in known for number in (1, 2, 3)] == [
        False,
        True,
        True,
    ]
    # The span, its response where it has one, and its parent: three names a call at most.
    assert len(known) <= 2 * 3
    assert not len(memory.known("globex"))


def test_memory_knows_the_parents_it_was_told_of() -> None:
    """Whose parent is whose comes back as it was said, for spans alone."""
    memory = Memory(max_calls=2, max_links=2)
    child, other = f"{1:032x}:{2:016x}", f"{1:032x}:{3:016x}"

    memory.link(
        [
            chat_span(trace_id=f"{1:032x}", span_id=f"{2:016x}", parent_span_id="00f067aa0ba902b7"),
            chat_span(trace_id=f"{1:032x}", span_id=f"{3:016x}"),
        ]
    )

    assert memory.links.get(child) == f"{1:032x}:00f067aa0ba902b7"
    assert child in memory.links
    assert memory.links.get(other) is None
    assert other not in memory.links


def test_a_second_library_is_compared_with_what_the_first_one_told_before() -> None:
    """A call of one library alone is found by its time once another one tells of it."""
    memory = Memory(max_calls=10, max_links=10)
    first, late = (
        chat_span({"gen_ai.response.id": ""}, number=number, scope_name=scope)
        for number, scope in ((1, "opentelemetry.instrumentation.openai_v2"), (2, "framework"))
    )
    memory.remember(recognise([(first, _read(first))]), "acme")

    known = memory.known("acme", [late])
    (verdict,) = recognise([(late, _read(late))], known=known)

    assert (verdict.kind, verdict.duplicate_of, verdict.rule) == ("duplicate", first.ref, "time")
    memory.remember([verdict], "acme")
    for number in range(3, 14):
        span = chat_span({"gen_ai.usage.input_tokens": number}, number=number)
        memory.remember(recognise([(span, _read(span))]), "acme")
    assert f"s:{first.ref}" not in memory.known("acme")
    (again,) = recognise([(late, _read(late))], known=memory.known("acme", [late]))
    assert again.kind == "counts"


def _read(span: Span) -> ModelCall:
    call = read(span)
    assert call is not None
    return call
