"""`costattr serve` that is killed by SIGKILL when it is about to insert the first block of a booking."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from otel_costattr_collector import cli
from otel_costattr_collector.ingest.inserter import Inserter
from otel_costattr_collector.ingest.pipeline import Pipeline
from otel_costattr_collector.ledger import Block

_insert = Inserter.insert
_book = Pipeline.book
_booking = False


async def _booked(self: Pipeline, blocks: Sequence[Block]) -> None:
    global _booking  # noqa: PLW0603 - one process, one kill
    _booking = True
    await _book(self, blocks)


async def _killed(self: Inserter, block: Block, segment: int) -> bool:
    if _booking:
        os.kill(os.getpid(), signal.SIGKILL)
    return await _insert(self, block, segment)


if __name__ == "__main__":
    Pipeline.book = _booked  # type: ignore[method-assign]
    Inserter.insert = _killed  # type: ignore[method-assign]
    sys.exit(cli.main())
