"""Closing while telemetry comes: what is acknowledged counts in its month, or keeps it open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from closing.books import CALL, DAY_NS, IN_OCTOBER, NOVEMBER, OCTOBER, Books, call
from ingest.path import FakeStore, Path_, opened
from ingest.test_pipeline import until
from otel_costattr_collector.closing.calendar import ClosedMonths
from otel_costattr_collector.closing.closer import StillOpen
from otel_costattr_collector.ingest import Submission, inserter
from otel_costattr_collector.ingest.awaited import Awaited
from otel_costattr_collector.ingest.settling import Pending
from otel_costattr_collector.months import month_of
from otel_costattr_collector.store import Store

from otel_costattr.errors import PermanentError
from otel_costattr.model import Span

MONTH = month_of("2024-10", "UTC")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without long delays."""
    monkeypatch.setattr(inserter, "FIRST_DELAY_S", 0.01)


async def send(path: Path_, *spans: Span) -> None:
    """Submit spans and return once they are acknowledged."""
    submission = Submission(spans=spans, received_ns=1, key_tenant="")
    await path.pipeline.submit(submission, len(spans))


@asynccontextmanager
async def ledgered(data: Path, books: Books, **settings: Any) -> AsyncIterator[Path_]:
    """Run the path into the ledger of some books; their closer knows what is on its way."""
    store = cast("FakeStore", books.store)
    async with opened(data, store, closed=books.closed, **settings) as path:
        books.closer._on_their_way = path.pipeline.on_their_way  # type: ignore[misc]
        yield path


def test_a_span_that_settles_keeps_its_month_open(tmp_path: Path, store: Store) -> None:
    """Another month may be closed meanwhile; once it is booked, its own, too."""
    books = Books(store)

    async def scenario() -> None:
        async with ledgered(tmp_path, books, settle_seconds=3600) as path:
            await send(path, call(1, at_ns=OCTOBER))
            with pytest.raises(StillOpen, match="1 spans of it are still settling"):
                await asyncio.to_thread(books.close)
            await asyncio.to_thread(books.closer.close, "2024-09", who="ann", note="")

    asyncio.run(scenario())
    books.closer._on_their_way = lambda _: ()  # type: ignore[misc]
    books.close()
    assert books.total(IN_OCTOBER) == CALL


def test_a_span_that_comes_after_the_closing_has_a_later_date(tmp_path: Path, store: Store) -> None:
    """The one before counts in October; nobody has to restart anything."""
    books = Books(store)

    async def scenario() -> None:
        async with ledgered(tmp_path, books) as path:
            await send(path, call(1, at_ns=OCTOBER))
            await until(lambda: books.total(IN_OCTOBER) == CALL)
            await until(lambda: not list(path.pipeline.on_their_way(MONTH)))
            await asyncio.to_thread(books.close)
            await send(path, call(2, at_ns=OCTOBER))
            await until(lambda: books.total() == 2 * CALL)

    asyncio.run(scenario())
    assert books.total(IN_OCTOBER) == CALL


def test_a_block_that_is_being_written_or_parked_keeps_its_month_open(tmp_path: Path) -> None:
    """Its bytes have their dates already: closing waits, and says where to look."""
    fake = FakeStore()

    async def scenario() -> None:
        async with opened(tmp_path, fake) as path:
            fake.open.clear()
            await send(path, call(1, at_ns=OCTOBER))
            await until(lambda: path.pipeline.statistics().settling == 0)
            writing = list(path.pipeline.on_their_way(MONTH))
            fake.before = [PermanentError("refused")]
            fake.open.set()
            await until(lambda: path.pipeline.statistics().parked == 1)
            await until(lambda: not path.pipeline.in_flight())
            parked = list(path.pipeline.on_their_way(MONTH))
            other = list(path.pipeline.on_their_way(month_of("2024-09", "UTC")))

            assert writing == ["1 blocks are being written"]
            assert other == []
            (words,) = parked
            assert words.startswith("block-")
            assert words.endswith("is parked: see `costattr parked`")

    asyncio.run(scenario())


def pending(at_ns: int) -> Pending:
    """Make a span that waits."""
    return Pending(
        number=1,
        place=0,
        segment=1,
        received_ns=1,
        key_tenant="",
        span=call(1, at_ns=at_ns),
    )


def test_spans_are_awaited_until_their_blocks_are_on_their_way() -> None:
    """By the quarter of an hour in which they started, so that months of any zone can be asked."""
    awaited = Awaited()
    items = [pending(OCTOBER), pending(NOVEMBER - 1), pending(NOVEMBER), pending(NOVEMBER)]
    awaited.add(items)
    assert awaited.between(OCTOBER, NOVEMBER) == 2
    awaited.leave(items[:1] + items[2:])
    assert awaited.between(OCTOBER, NOVEMBER) == 2
    awaited.went()
    assert awaited.between(OCTOBER, NOVEMBER) == 1
    assert awaited.between(NOVEMBER, NOVEMBER + DAY_NS) == 0


def test_months_are_those_of_the_reporting_zone(store: Store) -> None:
    """October in Kathmandu begins 5:45 hours earlier than in UTC."""
    month = month_of("2024-10", "Asia/Kathmandu")
    assert month.start_ns == OCTOBER - (5 * 60 + 45) * 60 * 10**9
    assert ClosedMonths(store).dated((), 0) == ()
