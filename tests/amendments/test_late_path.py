"""Late telemetry on the real path: journal, engine and locks, once whatever happens."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from amendments.arrivals import QUANTITIES, Books, in_pieces, together
from golden.recordings import recording
from ingest.path import FakeStore, opened
from ingest.test_pipeline import until
from otel_costattr_collector.amendments.amender import Amender
from otel_costattr_collector.amendments.heads import heads_of_spans
from otel_costattr_collector.amendments.wishes import Wish
from otel_costattr_collector.ingest import Submission
from otel_costattr_collector.ingest.cardinality import OTHER, Fold
from otel_costattr_collector.ledger import Line, as_mapping
from otel_costattr_collector.metrics import Metrics
from otel_costattr_collector.store import Store
from wire import NOW_NS

from otel_costattr.errors import RetryableError
from otel_costattr.model import Span
from otel_costattr.testing import chat_span

DIFFERENT = (
    "langchain_traceloop_openai/chain",
    "langchain_openinference_openai/anthropic_stream",
    "vercel_ai_sdk_v7/generate_chat",
    "openinference_smolagents/agent",
    "litellm_callback_and_openai/stream_usage",
    "logfire_openai/stream_usage",
    "pydantic_ai_pydai_openai/chat",
)
SUMS = ", ".join(f"sum({name})" for name in QUANTITIES if name != "lines")


def test_each_span_in_a_request_of_its_own_gives_the_ledger_of_all_together(
    tmp_path: Path, store: Store
) -> None:
    """Without a settle window, each frozen before the next one comes, perhaps not yet inserted."""
    spans = [span for name in DIFFERENT for span in reversed(recording(name).spans)]

    asyncio.run(send(tmp_path, store, [[span] for span in spans]))

    assert sums(store) == told(together(spans))
    (reversals,) = store.query("SELECT countIf(entry = 'reversal') FROM ledger").rows
    assert reversals[0] > 0
    for rollup in ("spend_by_tenant_day", "spend_by_feature_15m", "spend_by_session"):
        totals = [
            store.query(f"SELECT sum(calls), sum(amount_usd), sum(lines) FROM {table}").rows
            for table in ("ledger", rollup)
        ]
        assert totals[0] == totals[1]


async def send(data: Path, store: Store, requests: Sequence[Sequence[Span]]) -> None:
    """Send requests one after the other and bring them to the ledger."""
    amender = Amender(partial(heads_of_spans, store))
    async with opened(data, cast("FakeStore", store), amender=amender) as path:
        for request in requests:
            submission = Submission(spans=tuple(request), received_ns=NOW_NS, key_tenant="")
            await path.pipeline.submit(submission, len(request))
            await until(lambda: path.pipeline.statistics().settling == 0)


def sums(store: Store) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Add the ledger up by tenant and model."""
    rows = store.query(f"SELECT tenant, model, {SUMS} FROM ledger GROUP BY tenant, model").rows
    found = {(row[0], row[1]): tuple(value or 0 for value in row[2:]) for row in rows}
    return {key: values for key, values in found.items() if any(values)}


def told(books: Books) -> dict[tuple[str, ...], tuple[Any, ...]]:
    """Add books up as `sums` does."""
    place = QUANTITIES.index("lines")
    found = {
        key: (*values[:place], *values[place + 1 :])
        for key, values in books.sums("tenant", "model").items()
    }
    return {key: values for key, values in found.items() if any(values)}


def copies() -> tuple[Span, Span]:
    """Make a call told by two libraries, the later one with the split of its cached tokens."""
    first = chat_span(number=1)
    richer = chat_span(
        {"gen_ai.response.id": "chatcmpl-000001", "gen_ai.usage.cache_read.input_tokens": 400},
        number=2,
        scope_name="another",
    )
    return first, richer


def by_name(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Read lines by the names of their columns."""
    return [dict(as_mapping(line)) for line in lines]


def test_a_richer_copy_books_a_pair_beside_its_own_line() -> None:
    """0.00027 is taken back; 600 x 0.15 + 400 x 0.075 + 200 x 0.60 per million is booked."""
    first, richer = copies()
    books = in_pieces([[first], [richer]])

    lines = by_name(books.lines)

    assert [(one["entry"], one["status"], str(one["amount_usd"])) for one in lines] == [
        ("call", "priced", "0.000270000000"),
        ("call", "duplicate_of", "None"),
        ("reversal", "priced", "-0.000270000000"),
        ("rebook", "estimated", "0.000240000000"),
    ]
    late = f"late_copy:{richer.trace_id}:{richer.span_id}"
    assert [one["cause"] for one in lines[2:]] == [late, late]
    assert {one["amends"] for one in lines[2:]} == {lines[0]["line_id"]}
    assert lines[1]["duplicate_of"] == f"{first.trace_id}:{first.span_id}"
    assert len({one["call_key"] for one in lines}) == 1


def test_an_owner_that_only_a_late_copy_names_owns_the_call() -> None:
    """As if both had come together."""
    first, second = copies()
    named = chat_span(
        {"gen_ai.response.id": "chatcmpl-000001", "costattr.tenant": "acme"},
        number=2,
        scope_name="another",
    )
    del second
    assert told(in_pieces([[first], [named]])) == told(together([first, named]))


def test_what_is_folded_is_amended_as_it_was_booked() -> None:
    """The pair of a call beyond the limit of values reverses and rebooks `__other__`."""
    first = chat_span({"costattr.feature": "a"}, number=9)
    second = chat_span({"costattr.feature": "b", "gen_ai.response.id": "chatcmpl-000001"})
    richer = chat_span(
        {
            "costattr.feature": "b",
            "gen_ai.response.id": "chatcmpl-000001",
            "gen_ai.usage.cache_read.input_tokens": 400,
        },
        number=2,
        scope_name="another",
    )
    books = Books(fold=Fold(limit=1, zone="UTC", metrics=(metrics := Metrics())))
    for span in (first, second, richer):
        books.take([span])

    lines = [(one["entry"], one["feature"], one["call_key"]) for one in by_name(books.lines)]
    assert [line[:2] for line in lines] == [
        ("call", "a"),
        ("call", OTHER),
        ("call", OTHER),
        ("reversal", OTHER),
        ("rebook", OTHER),
    ]
    assert len({key for _, _, key in lines[1:]}) == 1
    assert books.sums() == together([first, second, richer]).sums()
    folded = {"dimension": "feature"}
    assert metrics.registry.get_sample_value("costattr_folded_values_total", folded) == 2


def test_a_late_copy_of_what_was_folded_books_no_pair_for_its_owner() -> None:
    """It says what is known already, so the call stays with `__other__`."""
    first = chat_span({"costattr.feature": "a", "gen_ai.request.model": "gpt-4o"}, number=9)
    second = chat_span({"costattr.feature": "b"})
    copy = chat_span(
        {"costattr.feature": "b", "gen_ai.response.id": "chatcmpl-000001"},
        number=2,
        scope_name="another",
    )
    books = Books(fold=Fold(limit=1, zone="UTC", metrics=Metrics()))
    for span in (first, second, copy):
        books.take([span])

    lines = by_name(books.lines)
    assert [(one["status"], one["feature"]) for one in lines] == [
        ("priced", "a"),
        ("priced", OTHER),
        ("duplicate_of", OTHER),
    ]
    assert lines[1]["call_key"] == lines[2]["call_key"]


def a_wish() -> Wish:
    """Wish for something about a span."""
    return Wish(arrived="t:s", at_ns=NOW_NS, cause="late_copy:t:s")


def test_while_somebody_else_amends_late_spans_wait() -> None:
    """The lock is shared with runs of amendments and the audit."""
    lock = threading.Lock()
    amender = Amender(lambda *_: {}, lock=lock, patience_s=0.01)
    with lock:
        assert amender.prepare([a_wish()]) == "later"
    assert amender.prepare([a_wish()]) == "ready"
    assert lock.locked()
    amender.finish([7])
    assert not lock.locked()


def test_while_its_call_is_on_its_way_a_late_span_waits() -> None:
    """A batch that is frozen and not in the ledger may hold the call: nobody guesses."""
    on_their_way = {5}
    amender = Amender(lambda *_: {}, patience_s=0.01)
    amender.watch(lambda: on_their_way)

    assert amender.prepare([a_wish()]) == "later"
    on_their_way.clear()
    assert amender.prepare([a_wish()]) == "ready"


def test_a_call_that_never_arrives_is_waited_for_so_long() -> None:
    """After a quarter of an hour the late span is booked alone."""
    now = [0.0]

    def clock() -> float:
        now[0] += 1
        return now[0]

    amender = Amender(lambda *_: {}, clock=clock, patience_s=0.5)
    amender.watch(lambda: {5})
    assert amender.prepare([a_wish()]) == "later"
    now[0] = 1_000
    assert amender.prepare([a_wish()]) == "ready"
    assert amender.grant(a_wish()) == []


def test_a_ledger_that_does_not_answer_lets_late_spans_wait() -> None:
    """They are in the journal; nothing is parked."""

    def down(*_: object) -> dict[str, Sequence[Line]]:
        raise RetryableError("down")

    assert Amender(down).prepare([a_wish()]) == "later"


def test_nobody_else_amends_until_the_pair_is_in_the_ledger() -> None:
    """The lock is held over the freeze until its batches are inserted."""
    books = Books()
    first, richer = copies()
    books.take([first])
    lock = threading.Lock()
    amender = Amender(books.heads, lock=lock)
    arrived = f"{first.trace_id}:{first.span_id}"
    better = tuple(together([richer]).lines)
    wish = Wish(arrived=arrived, at_ns=first.start_ns, cause="late_copy:x", lines=better)

    assert amender.prepare([wish]) == "ready"
    assert len(amender.grant(wish)) == 2
    amender.finish([7, 8])
    amender.inserted(7)
    assert lock.locked()
    amender.inserted(8)
    assert not lock.locked()


def test_what_is_being_amended_is_not_amended_again_before_it_is_in_the_ledger() -> None:
    """The second pair would reverse the line that the first one reverses already; others need not wait."""
    books = Books()
    first, richer = copies()
    books.take([first])
    amender = Amender(books.heads, lock=(lock := threading.Lock()), patience_s=0.01)
    arrived = f"{first.trace_id}:{first.span_id}"
    better = tuple(together([richer]).lines)
    wish = Wish(arrived=arrived, at_ns=first.start_ns, cause="late_copy:x", lines=better)
    assert amender.prepare([wish]) == "ready"
    books.lines += (booked := amender.grant(wish))
    amender.finish([7])
    assert [entry_of(line) for line in booked] == ["reversal", "rebook"]

    assert amender.prepare([wish]) == "later"
    amender.finish(())
    assert amender.prepare([a_wish()]) == "ready"
    amender.finish([8])
    assert lock.locked()
    amender.inserted(7)
    assert not lock.locked()
    assert amender.prepare([wish]) == "ready"
    assert amender.grant(wish) == []


def entry_of(line: Line) -> object:
    """Read what kind of line it is."""
    return as_mapping(line)["entry"]


@pytest.mark.parametrize("times", [1, 2])
def test_late_spans_that_must_wait_are_booked_once_it_is_possible(
    tmp_path: Path, times: int
) -> None:
    """A freeze that may not amend leaves them in the journal; a later one takes them."""
    store = FakeStore()
    first, richer = copies()
    asked = []

    def heads(arrived: Any, _: int) -> dict[str, Sequence[Line]]:
        asked.append(arrived)
        if len(asked) <= times:
            raise RetryableError("not yet")
        return dict(books.heads(arrived, 0))

    books = in_pieces([[first]])

    async def scenario() -> None:
        async with opened(tmp_path, store, amender=Amender(heads, patience_s=0.01)) as path:
            for span, rows in ((first, 1), (richer, 4)):
                submission = Submission(spans=(span,), received_ns=NOW_NS, key_tenant="")
                await path.pipeline.submit(submission, 1)
                await until(lambda rows=rows: store.rows == rows)

    asyncio.run(scenario())

    assert store.rows == 4
    assert store.holds("late_copy:") == 1
