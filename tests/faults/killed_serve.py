"""`costattr serve` that is killed by SIGKILL in the middle of a booking.

`KILL_AT` says where: `journal`, before anything of it is kept; `insert`, the default, before its
first block reaches the ledger; `second`, after the first of several small blocks did.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Sequence
from typing import NoReturn

from otel_costattr_collector import cli, ledger
from otel_costattr_collector.ingest.inserter import Inserter
from otel_costattr_collector.ingest.pipeline import Pipeline
from otel_costattr_collector.ledger import Block, Line

KILL_AT = os.environ.pop("KILL_AT", "insert")
SMALL = 4
"""Lines of a block where a booking shall have several."""

_insert = Inserter.insert
_book = Pipeline.book
_split = ledger.split
_left: list[int] = []


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


async def _booked(self: Pipeline, blocks: Sequence[Block]) -> None:
    if KILL_AT == "journal":
        _die()
    _left.append(KILL_AT == "second")
    await _book(self, blocks)


async def _killed(self: Inserter, block: Block, segment: int) -> bool:
    if _left == [0]:
        _die()
    inserted = await _insert(self, block, segment)
    _left[:] = [one - 1 for one in _left]
    return inserted


def _small(lines: Iterable[Line]) -> tuple[tuple[Line, ...], ...]:
    return _split(lines, max_rows=SMALL)


if __name__ == "__main__":
    Pipeline.book = _booked  # type: ignore[method-assign]
    Inserter.insert = _killed  # type: ignore[method-assign]
    if KILL_AT == "second":
        ledger.split = _small  # type: ignore[assignment]
    sys.exit(cli.main())
