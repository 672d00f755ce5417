"""From acknowledged spans to the ledger: once, whatever the store and the process do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from assessed import assessed
from ingest.path import FakeStore, Path_, opened
from otel_costattr_collector.errors import Overloaded, ShuttingDown
from otel_costattr_collector.ingest import assessor, inserter, pipeline
from otel_costattr_collector.ledger import Block, encode, lines_of
from wire import CALL, NOW_NS, calls, wire_span

from otel_costattr.assess import conclude
from otel_costattr.errors import PermanentError, RetryableError


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without long delays."""
    monkeypatch.setattr(inserter, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(pipeline, "PARKED_TICK_S", 0.02)


def test_what_was_submitted_is_in_the_ledger_after_the_drain(tmp_path: Path) -> None:
    """Requests that come together become few blocks; nothing is left behind."""
    store = FakeStore()

    async def scenario() -> None:
        async with opened(tmp_path, store) as path:
            await asyncio.gather(*(path.send(*calls(5, first=10 * n)) for n in range(1, 9)))
        assert path.pipeline.statistics().settling == 0
        with pytest.raises(ShuttingDown):
            await path.send(*calls(1, first=999))

    asyncio.run(scenario())

    assert store.rows == 40
    assert len(store.attempts) == len(store.tables)


def test_acknowledged_means_on_disk_not_in_the_ledger(tmp_path: Path) -> None:
    """With a ledger that does not answer spans are acknowledged, and inserted at the next start."""
    store = FakeStore()

    async def first() -> None:
        store.open.clear()
        async with opened(tmp_path, store, drain=False) as path:
            await path.send(*calls(3))
            assert store.rows == 0

    async def second() -> None:
        async with opened(tmp_path, store):
            pass

    asyncio.run(first())
    assert store.rows == 0
    asyncio.run(second())
    assert store.rows == 3


def test_a_store_that_times_out_after_applying_is_told_the_same_again(tmp_path: Path) -> None:
    """Token and bytes of every attempt are the same, so the rows are there once."""
    store = FakeStore(after=[RetryableError("time-out")] * 3)

    async def scenario() -> None:
        async with opened(tmp_path, store) as path:
            await path.send(*calls(4))

    asyncio.run(scenario())

    assert len(store.attempts) == 4
    assert len(set(store.attempts)) == 1
    assert store.rows == 4


def test_a_store_that_is_down_for_a_while_loses_nothing(tmp_path: Path) -> None:
    """Meanwhile senders are acknowledged; what they sent follows once it is up."""
    store = FakeStore(before=[RetryableError("refused"), OSError("reset"), RetryableError("busy")])

    async def scenario() -> None:
        async with opened(tmp_path, store) as path:
            for number in range(1, 6):
                await path.send(*calls(2, first=10 * number))
        assert path.count("costattr_inserts_total", outcome="failed") == 3

    asyncio.run(scenario())

    assert store.rows == 10


def test_a_block_that_is_refused_for_good_is_parked_until_it_is_asked_for(tmp_path: Path) -> None:
    """It holds up nobody, its reason can be read, and a later try brings it in."""
    store = FakeStore(before=[PermanentError("code 117: bad data")])

    async def scenario() -> None:
        async with opened(tmp_path, store) as path:
            await path.send(*calls(2))
            await until(lambda: path.pipeline.statistics().parked == 1)
            await path.send(*calls(3, first=50))
            await until(lambda: store.rows == 3)
            (item,) = path.parked.items()
            assert (item.kind, item.rows, item.reason) == ("block", 2, "code 117: bad data")
            assert path.count("costattr_parked") == 1

            path.parked.ask_again(item.name)
            await until(lambda: store.rows == 5)
            await until(lambda: not path.parked.items())

    asyncio.run(scenario())

    tokens = [token for token, _ in store.attempts]
    assert tokens[0] == tokens[-1]


def test_spans_that_are_sent_again_are_counted_once(tmp_path: Path) -> None:
    """In the same group, later, and after a start over the same journal."""
    store = FakeStore()

    async def first() -> None:
        store.open.clear()
        async with opened(tmp_path, store, drain=False, settle_seconds=3600) as path:
            await asyncio.gather(path.send(*calls(3)), path.send(*calls(3)))
            await path.send(*calls(4))
            assert path.count("costattr_resent_spans_total") == 6
            assert path.pipeline.statistics().settling == 4

    async def second() -> None:
        async with opened(tmp_path, store) as path:
            await path.send(*calls(5))
            assert path.count("costattr_resent_spans_total") == 4

    asyncio.run(first())
    asyncio.run(second())

    assert store.rows == 5


def test_one_call_seen_by_two_libraries_counts_once_across_requests(tmp_path: Path) -> None:
    """The second span comes in another request and names the same response: it is a duplicate."""
    store = FakeStore()

    async def scenario() -> None:
        async with opened(tmp_path, store, settle_seconds=3600) as path:
            same = {**CALL, "gen_ai.response.id": "chatcmpl-same-1"}
            await path.send(wire_span(same, number=1))
            await path.send(wire_span(same, number=2))
        assert statuses(path) == {"priced": 1, "duplicate_of": 1}

    asyncio.run(scenario())


def test_a_late_copy_is_a_duplicate_of_what_was_counted(tmp_path: Path) -> None:
    """The first span is in the ledger already when the second comes."""
    store = FakeStore()

    async def scenario() -> None:
        async with opened(tmp_path, store) as path:
            same = {**CALL, "gen_ai.response.id": "chatcmpl-same-1"}
            await path.send(wire_span(same, number=1))
            await until(lambda: store.rows == 1)
            await path.send(wire_span(same, number=2))
        assert statuses(path) == {"priced": 1, "duplicate_of": 1}

    asyncio.run(scenario())


def test_nobody_can_make_another_ones_call_a_duplicate(tmp_path: Path) -> None:
    """The same span and response under keys of two tenants are two calls, at once and later."""
    store = FakeStore()

    async def scenario() -> None:
        async with opened(tmp_path, store) as path:
            same = wire_span({**CALL, "gen_ai.response.id": "chatcmpl-same-1"})
            await asyncio.gather(
                path.send(same, key_tenant="acme"), path.send(same, key_tenant="globex")
            )
            await until(lambda: store.rows == 2)
            await path.send(same, key_tenant="initech")
        assert statuses(path) == {"priced": 3}

    asyncio.run(scenario())


def test_too_much_that_waits_for_the_ledger_slows_senders_down(tmp_path: Path) -> None:
    """Above the limit a request is refused before anything of it is kept."""
    store = FakeStore()

    async def scenario() -> None:
        async with opened(tmp_path, store, settle_seconds=3600, max_settling_spans=5) as path:
            await path.send(*calls(6))
            with pytest.raises(Overloaded, match="wait for the ledger"):
                await path.send(*calls(1, first=50))

    asyncio.run(scenario())

    assert store.rows == 6


def test_a_journal_without_room_refuses_and_forgets_nothing(tmp_path: Path) -> None:
    """Refused spans are not taken for resent ones when they come again."""
    store = FakeStore()

    async def scenario() -> None:
        async with opened(tmp_path, store, journal_max_bytes=100) as path:
            for _ in range(2):
                with pytest.raises(Overloaded, match="100 bytes"):
                    await path.send(*calls(1))
            assert path.count("costattr_resent_spans_total") == 0

    asyncio.run(scenario())

    assert store.rows == 0


def test_a_span_that_breaks_the_reader_is_parked_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its neighbours are counted; nothing is lost without a trace."""
    store = FakeStore()

    def fragile(verdicts, **rest):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN003, ANN202
        found = tuple(verdicts)
        if any(verdict.span.span_id.endswith("2") for verdict in found):
            raise ZeroDivisionError
        return conclude(found, **rest)

    monkeypatch.setattr(assessor, "conclude", fragile)

    async def scenario() -> None:
        async with opened(tmp_path, store) as path:
            await path.send(*calls(3))
        (item,) = path.parked.items()
        assert (item.kind, item.reason) == ("span", "ZeroDivisionError: ")

    asyncio.run(scenario())

    assert store.rows == 2


async def until(holds) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    """Wait until something holds; the test's time limit ends it."""
    while not holds():  # noqa: ASYNC110 - the condition is in other threads
        await asyncio.sleep(0.01)


def statuses(path: Path_) -> dict[str, int]:
    """Return how many spans were assessed with each status."""
    return {
        sample.labels["status"]: int(sample.value)
        for metric in path.metrics.assessed.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }


def test_a_run_is_in_the_ledger_when_its_booking_returns(tmp_path: Path) -> None:
    """All blocks of a run stand in one record; the booking waits for the last of them."""
    store = FakeStore()

    async def scenario() -> None:
        async with opened(tmp_path, store) as path:
            await path.pipeline.book([a_block(1), a_block(2)])
            assert store.rows == 2

    asyncio.run(scenario())


def test_a_run_that_the_ledger_refuses_says_so(tmp_path: Path) -> None:
    """A block that is parked is an error of the run that made it."""
    store = FakeStore(before=[PermanentError("no")])

    async def scenario() -> None:
        async with opened(tmp_path, store) as path:
            with pytest.raises(PermanentError, match="parked"):
                await path.pipeline.book([a_block(1), a_block(2)])

    asyncio.run(scenario())
    assert store.rows == 1


def a_block(number: int) -> Block:
    """Make a block of one line."""
    return encode(lines_of(assessed(number)), batch_id=number, recorded_ns=NOW_NS)
