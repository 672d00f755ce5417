"""The way of a span: journal, acknowledgement, settling, frozen block, ledger."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from otel_costattr.errors import PermanentError

from ..errors import Overloaded
from ..journal import FrozenRecord, Journal, Record, SpansRecord
from ..ledger import Block
from ..ledger.blocks import months_between
from ..metrics import Metrics
from ..months import Month
from ..telemetry import Trace, no_trace
from .freezer import Freezer
from .group_commit import GroupCommit
from .inserter import Inserter
from .parked import Parked
from .receiver import Submission
from .seen import Seen, key_of
from .settling import pending_of
from .turns import Turns

MAX_GROUP_SPANS: Final = 20_000
SHORTEST_TICK_S: Final = 0.05
LONGEST_TICK_S: Final = 1.0
PARKED_TICK_S: Final = 5.0

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """How far the spans have come.

    Attributes:
        waiting: Spans that wait for their acknowledgement.
        settling: Acknowledged spans that no block took yet.
        frozen: Blocks that are not in the ledger yet.
        parked: Blocks and spans that were refused for good.
        journal_bytes: Size of the journal.
    """

    waiting: int
    settling: int
    frozen: int
    parked: int
    journal_bytes: int


class Pipeline:
    """Acknowledges spans once they are journaled, and brings them to the ledger.

    Args:
        journal: Makes spans durable.
        seen: Spans that were taken before.
        freezer: Turns settled spans into blocks.
        inserter: Brings blocks into the ledger.
        parked: What was refused for good.
        metrics: Where spans are counted.
        max_waiting: Spans that may wait for the journal.
        max_settling: Acknowledged spans that may wait for their block.
        settle_seconds: How long spans settle; blocks are made a few times as often.
        turns: Lets requests go before assessing.
        trace: Makes a span around each batch for the journal and each freeze.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        seen: Seen,
        freezer: Freezer,
        inserter: Inserter,
        parked: Parked,
        metrics: Metrics,
        max_waiting: int,
        max_settling: int,
        settle_seconds: float,
        turns: Turns,
        trace: Trace = no_trace,
    ) -> None:
        self.turns: Final = turns
        self._journal: Final = journal
        self._seen: Final = seen
        self._freezer: Final = freezer
        self._inserter: Final = inserter
        self._parked: Final = parked
        self._metrics: Final = metrics
        self._max_settling: Final = max_settling
        self._trace: Final = trace
        self._tick_s: Final = min(max(settle_seconds / 4, SHORTEST_TICK_S), LONGEST_TICK_S)
        self._commits: Final[GroupCommit[Submission]] = GroupCommit(
            self._commit, name="journal", max_waiting=max_waiting, max_group=MAX_GROUP_SPANS
        )
        self._thread: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="freeze")
        self._frozen: Final[asyncio.Queue[tuple[Block, int]]] = asyncio.Queue(maxsize=1)
        self._under_way: Final[dict[int, frozenset[int]]] = {}
        """Batch to the months that it touches, such as 202611, UTC."""

        self._waits: Final[dict[int, asyncio.Future[bool]]] = {}
        self._stopping: Final = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._next_number = journal.state.next_number

    async def submit(self, submission: Submission, weight: int) -> None:
        """Return once the spans survive a power cut.

        Raises:
            Overloaded: Too much waits, here or for the ledger, or the disk is full.
            RetryableError: The journal could not be written.
        """
        self.check_room()
        await self._commits.submit(submission, weight)

    def check_room(self) -> None:
        """Refuse more while too much waits; asked before work goes into what would be refused.

        Raises:
            Overloaded: Too much waits for the ledger.
        """
        if self._freezer.waiting > self._max_settling:
            raise Overloaded(f"{self._max_settling} spans wait for the ledger: send again later")

    def start(self) -> None:
        """Begin to make blocks and to insert them."""
        self._tasks = [
            asyncio.create_task(self._freeze_on()),
            asyncio.create_task(self._insert_on()),
            asyncio.create_task(self._retry_parked()),
        ]

    async def drain(self, *, timeout_s: float) -> None:
        """Take nothing more and bring what was taken to the ledger.

        What the ledger does not take in time stays in the journal for the next start.
        """
        await self._commits.drain()
        self._stopping.set()
        try:
            async with asyncio.timeout(timeout_s):
                await self._finish()
        except TimeoutError:
            _log.warning("the ledger did not take everything in time: the journal keeps the rest")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._thread.shutdown(wait=True)
        self._inserter.close()

    def statistics(self) -> Statistics:
        """Return how far the spans have come."""
        return Statistics(
            waiting=self._commits.statistics().waiting,
            settling=self._freezer.waiting,
            frozen=len(self._under_way),
            parked=len(self._parked.items()),
            journal_bytes=self._journal.size_bytes,
        )

    @property
    def lag_seconds(self) -> float:
        """How long ago the oldest span was acknowledged that no block took yet; 0 if none waits."""
        return self._freezer.lag_seconds

    def in_flight(self) -> frozenset[int]:
        """Return the batches that are being written, or wait for it; from any thread."""
        return frozenset(self._under_way.copy())

    def on_their_way(self, month: Month) -> Iterator[str]:
        """Say what of a month is acknowledged and not in the ledger; from any thread.

        Args:
            month: The month.
        """
        spans = self._freezer.awaited.between(month.start_ns, month.end_ns)
        if spans:
            yield f"{spans} spans of it are still settling"
        months = set(months_between(month.start_ns, month.end_ns))
        blocks = sum(not months.isdisjoint(touched) for touched in (*self._under_way.values(),))
        if blocks:
            yield f"{blocks} blocks are being written"
        for name, block in self._parked.blocks():
            if not months.isdisjoint(block.partitions):
                yield f"{name} is parked: see `costattr parked`"

    # --- to the journal, on its thread ------------------------------------------------------

    def _commit(self, submissions: Sequence[Submission]) -> None:
        records: list[SpansRecord] = []
        keys: set[int] = set()
        resent = 0
        for submission in submissions:
            fresh = []
            for span in submission.spans:
                key = key_of(span, submission.key_tenant)
                if not submission.again and (key in keys or key in self._seen):
                    resent += 1
                else:
                    keys.add(key)
                    fresh.append(span)
            if fresh:
                records.append(
                    SpansRecord(
                        number=self._next_number + len(records),
                        received_ns=submission.received_ns,
                        key_tenant=submission.key_tenant,
                        spans=tuple(fresh),
                    )
                )
        if records:
            with self._trace("batch", requests=len(submissions), spans=len(keys)):
                segment = self._journal.append(records)
            self._next_number += len(records)
            self._seen.add(keys)
            for record in records:
                self._freezer.arrive(pending_of(record, segment))
        if resent:
            self._metrics.resent.inc(resent)

    # --- to the ledger ----------------------------------------------------------------------

    async def _freeze_on(self) -> None:
        while not self._stopping.is_set():
            if not await self._freeze():
                await self._sleep(self._tick_s)

    async def _freeze(self, *, everything: bool = False) -> bool:
        """Freeze once; whether there was something."""
        loop = asyncio.get_running_loop()
        freeze = partial(self._frozen_now, everything=everything)
        try:
            blocks, segment = await loop.run_in_executor(self._thread, freeze)
        except Exception:  # noqa: BLE001 - whatever it was, the spans are safe: try again
            _log.exception("settled spans wait in the journal")
            return False
        for block in blocks:
            await self.take(block, segment)
        return segment > 0

    def _frozen_now(self, *, everything: bool) -> tuple[Sequence[Block], int]:
        if not self._freezer.waiting:
            return self._freezer.freeze(everything=everything)
        with self._trace("freeze", waiting=self._freezer.waiting):
            return self._freezer.freeze(everything=everything)

    async def take(self, block: Block, segment: int) -> None:
        """Queue a frozen block for the ledger, once there is room.

        Args:
            block: What to insert.
            segment: Of the journal, where it stands.
        """
        self._under_way[block.batch_id] = frozenset(block.partitions)
        await self._frozen.put((block, segment))

    async def book(self, blocks: Sequence[Block]) -> None:
        """Return once the blocks of one run are in the ledger: all of them, whatever happens.

        They stand in one record of the journal, so that after a crash all or none are inserted.

        Args:
            blocks: What to insert.

        Raises:
            RetryableError: The journal cannot be written; nothing was booked.
            PermanentError: The ledger refused a block for good; it is parked.
        """
        record = FrozenRecord(took={}, blocks=tuple(blocks))
        segment = await asyncio.to_thread(self._journal.append, [record])
        loop = asyncio.get_running_loop()
        waits = [self._waits.setdefault(block.batch_id, loop.create_future()) for block in blocks]
        for block in blocks:
            await self.take(block, segment)
        inserted = await asyncio.gather(*waits)
        if not all(inserted):
            raise PermanentError("the ledger refused a block of this run: see `costattr parked`")

    async def _insert_on(self) -> None:
        while True:
            block, segment = await self._frozen.get()
            inserted = await self._inserter.insert(block, segment)
            self._under_way.pop(block.batch_id, None)
            self._freezer.inserted(block.batch_id)
            wait = self._waits.pop(block.batch_id, None)
            if wait is not None and not wait.done():
                wait.set_result(inserted)
            self._frozen.task_done()

    async def _finish(self) -> None:
        await self._tasks[0]
        while await self._freeze(everything=True):
            pass
        await self._frozen.join()

    async def _retry_parked(self) -> None:
        while not self._stopping.is_set():
            for name, record in await asyncio.to_thread(lambda: list(self._parked.asked())):
                _log.info("%s is tried again", name)
                await self._again(name, record)
            await self._sleep(PARKED_TICK_S)

    async def _again(self, name: str, record: Record) -> None:
        match record:
            case SpansRecord():
                again = Submission(
                    spans=record.spans,
                    received_ns=record.received_ns,
                    key_tenant=record.key_tenant,
                    again=True,
                )
                await self._commits.submit(again, len(record.spans))
                self._parked.remove(name)
            case FrozenRecord():
                segment = await asyncio.to_thread(self._journal.append, [record])
                self._parked.remove(name)
                for block in record.blocks:
                    await self.take(block, segment)

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
