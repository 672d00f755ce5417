"""From the journal's blocks to the ledger: the same bytes and token until they are in."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from otel_costattr.errors import PermanentError

from ..journal import DoneRecord, Journal
from ..ledger import Block
from ..metrics import Metrics
from ..telemetry import Trace, no_trace
from .parked import Parked

FIRST_DELAY_S: Final = 0.5
LONGEST_DELAY_S: Final = 30.0

_log: Final = logging.getLogger(__name__)


class Inserts(Protocol):
    """What is needed of a store."""

    def insert(self, block: Block, *, token: str = "") -> None:
        """Write one block; with a token seen before it changes nothing."""


class Inserter:
    """Inserts blocks one after the other; after a doubt it repeats itself to the byte.

    Args:
        store: Where the blocks go.
        journal: Told when a block is done.
        parked: Takes blocks that are refused for good.
        metrics: Where inserts are counted.
        token_of: The token of a block, where it is not its own.
        jitter: Gives a factor from 0 to 1 for each delay.
        trace: Makes a span around each attempt.
    """

    def __init__(
        self,
        *,
        store: Inserts,
        journal: Journal,
        parked: Parked,
        metrics: Metrics,
        token_of: Callable[[Block], str] = lambda block: block.token,
        jitter: Callable[[], float] = random.random,
        trace: Trace = no_trace,
    ) -> None:
        self._store: Final = store
        self._journal: Final = journal
        self._parked: Final = parked
        self._metrics: Final = metrics
        self._token_of: Final = token_of
        self._jitter: Final = jitter
        self._trace: Final = trace
        self._thread: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="insert")

    async def insert(self, block: Block, segment: int) -> bool:
        """Return once the block is in the ledger (True) or parked; however long that takes.

        Args:
            block: What to insert.
            segment: Of the journal, where the block stands; released at the end.
        """
        loop = asyncio.get_running_loop()
        delay = FIRST_DELAY_S
        while (inserted := await loop.run_in_executor(self._thread, self._attempt, block)) is None:
            await asyncio.sleep(delay * (0.5 + self._jitter() / 2))
            delay = min(2 * delay, LONGEST_DELAY_S)
        await loop.run_in_executor(self._thread, self._finish, block, segment)
        return inserted

    def close(self) -> None:
        """End the thread once its present attempt is over."""
        self._thread.shutdown(wait=True)

    def _attempt(self, block: Block) -> bool | None:
        """Whether the block is in the ledger rather than parked; None if nobody knows yet."""
        try:
            with (
                self._metrics.insert_seconds.time(),
                self._trace(
                    "insert", batch=block.token, rows=block.rows, size_bytes=len(block.data)
                ),
            ):
                self._store.insert(block, token=self._token_of(block))
        except PermanentError as error:
            _log.error("block %s is refused for good and parked: %s", block.token, error)
            self._parked.add_block(block, str(error))
            self._metrics.inserts.labels("parked").inc()
            return False
        except Exception as error:  # noqa: BLE001 - whatever it was, the block is safe: try again
            _log.warning("block %s is tried again: %s", block.token, error)
            self._metrics.inserts.labels("failed").inc()
            return None
        else:
            self._metrics.inserts.labels("done").inc()
            self._metrics.lines.inc(block.rows)
        return True

    def _finish(self, block: Block, segment: int) -> None:
        self._journal.append([DoneRecord(batch_id=block.batch_id)], sync=False)
        self._journal.release(segment)
