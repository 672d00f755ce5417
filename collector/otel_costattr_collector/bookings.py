"""Lines that are no telemetry - costs, amendments, allocations - booked whole or not at all."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from otel_costattr.errors import BadInput
from otel_costattr_collector import ledger
from otel_costattr_collector.allocation.splits import with_splits
from otel_costattr_collector.closing.calendar import ClosedMonths
from otel_costattr_collector.ledger import Block, Line
from otel_costattr_collector.ledger.columns import LINE_COLUMNS
from otel_costattr_collector.store import Store

MAX_LINES: Final = 400_000
"""Lines of one run; a larger one is asked for in parts, such as month by month."""

IDS_AT_ONCE: Final = 5_000
_ID: Final = [column.name for column in LINE_COLUMNS].index("line_id")
_BOOKED: Final = "SELECT line_id FROM ledger WHERE line_id IN {ids:Array(String)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """What became of the lines of a run.

    Attributes:
        lines: Written now.
        known: In the ledger before; they were left alone.
    """

    lines: int
    known: int


class Writes(Protocol):
    """Brings the blocks of one run into the ledger, all of them or none."""

    def __call__(self, blocks: Sequence[Block]) -> None:
        """Return once all blocks are in the ledger.

        Raises:
            RetryableError: Nothing was written, or what was will be completed later.
        """


class Bookings:
    """Books runs of lines one after the other; a line whose id is known is never booked again.

    Args:
        store: Where the ledger is read.
        write: Brings blocks into the ledger; each block on its own if None, for tests.
        clock: Nanoseconds UTC.
        new_id: Gives 64 random bits for a batch.
        closed: The calendar that lines are dated by; None for one of its own.
    """

    def __init__(
        self,
        store: Store,
        *,
        write: Writes | None = None,
        clock: Callable[[], int] = time.time_ns,
        new_id: Callable[[], int] = lambda: secrets.randbits(64),
        closed: ClosedMonths | None = None,
    ) -> None:
        self._store: Final = store
        self._write: Final = write or _one_by_one(store)
        self.clock: Final = clock
        """Nanoseconds UTC."""

        self._new_id: Final = new_id
        self.closed: Final = closed or ClosedMonths(store)
        """Lines of closed months are dated later."""

        self.amending: Final = threading.Lock()
        """Held by whoever amends lines, from the first look at them until the pairs are booked."""

    def book(self, make: Callable[[], Iterable[Line]]) -> Booked:
        """Book what `make` returns; from a worker thread, it waits for the ledger.

        No other run is booked between the start of `make` and the return, so `make` may read the
        ledger and decide by what it says. The same lines booked again change nothing.

        Args:
            make: Gives at most `MAX_LINES` lines; their `line_id` says what they are.

        Raises:
            BadInput: There are too many lines for one run; nothing was booked.
            RetryableError: The ledger cannot be reached; asking again completes or repeats it.
        """
        with self.amending:
            lines = _bounded(with_splits(tuple(make())))
            fresh = self._fresh(lines)
            if fresh:
                now_ns = self.clock()
                self._write(
                    [
                        ledger.encode(group, batch_id=self._new_id(), recorded_ns=now_ns)
                        for group in ledger.split(self.closed.dated(fresh, now_ns))
                    ]
                )
            return Booked(lines=len(fresh), known=len(lines) - len(fresh))

    def _fresh(self, lines: Sequence[Line]) -> Sequence[Line]:
        by_id = {line[_ID]: line for line in lines}
        ids = list(by_id)
        for first in range(0, len(ids), IDS_AT_ONCE):
            some = ids[first : first + IDS_AT_ONCE]
            for (known,) in self._store.query(_BOOKED, {"ids": some}).rows:
                by_id.pop(known, None)
        return tuple(by_id.values())


def _bounded(lines: Iterable[Line]) -> Sequence[Line]:
    found: list[Line] = []
    for line in lines:
        found.append(line)
        if len(found) > MAX_LINES:
            raise BadInput(
                f"more than {MAX_LINES} lines in one run: ask for a shorter period at a time"
            )
    return found


def _one_by_one(store: Store) -> Writes:
    def write(blocks: Sequence[Block]) -> None:
        for block in blocks:
            store.insert(block)

    return write
