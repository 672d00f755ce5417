"""From the journal's spans to its frozen blocks; runs on one thread."""

from __future__ import annotations

import logging
import secrets
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Final

from .. import ledger
from ..closing.calendar import ClosedMonths
from ..journal import FrozenRecord, Journal
from ..ledger import Block
from .assessor import Assessor
from .awaited import Awaited
from .parked import Parked
from .settling import Pending, Settling

MAX_SPANS: Final = 10_000
"""Spans in one freeze: large enough for the engine, small enough for memory and latency."""

_log: Final = logging.getLogger(__name__)


class Freezer:
    """Lets spans settle, assesses them and records the blocks that they became.

    Args:
        journal: Holds the spans and takes the blocks.
        settling: Where spans wait.
        assessor: Makes their lines.
        parked: Takes spans that nobody can assess.
        clock: Nanoseconds UTC.
        new_id: Gives 64 random bits for a batch.
        closed: The calendar that lines are dated by; None if nothing is ever closed, for tests.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        settling: Settling,
        assessor: Assessor,
        parked: Parked,
        clock: Callable[[], int],
        new_id: Callable[[], int] = lambda: secrets.randbits(64),
        closed: ClosedMonths | None = None,
    ) -> None:
        self._journal: Final = journal
        self._settling: Final = settling
        self._assessor: Final = assessor
        self._parked: Final = parked
        self._clock: Final = clock
        self._new_id: Final = new_id
        self._closed: Final = closed
        self.awaited: Final = Awaited()
        """Spans that the pipeline cannot know to be in a block, by when they happened."""

        self._arrived: Final[deque[list[Pending]]] = deque()
        self._left: Final[dict[int, int]] = {}
        self._came = 0
        self._went = 0
        self._in_hand = 0
        self._unwritten: tuple[FrozenRecord, list[Pending]] | None = None
        self._late: list[Pending] = []

    def arrive(self, items: list[Pending]) -> None:
        """Take spans that are in the journal; from any thread, and it never waits."""
        if items:
            self._came += len(items)
            self.awaited.add(items)
            self._arrived.append(items)

    def freeze(self, *, everything: bool = False) -> tuple[Sequence[Block], int]:
        """Freeze what has settled and return its blocks and the segment that holds them.

        Args:
            everything: Whether to take what still waits, too.

        Raises:
            RetryableError: The journal cannot be written now; call again.
        """
        self._went += self._in_hand
        self._in_hand = 0
        self.awaited.went()
        with self._closed.lock if self._closed else nullcontext():
            return self._freeze(everything=everything)

    def _freeze(self, *, everything: bool) -> tuple[Sequence[Block], int]:
        if self._unwritten is None:
            self._admit()
            now_ns = self._clock()
            taken = self._settling.take(None if everything else now_ns, limit=MAX_SPANS)
            taken, self._late = [*self._late, *taken], []
            blocks = self._blocks(taken, now_ns) if taken else ()
            taken = self._without_late(taken)
            if not taken:
                return (), 0
            self._unwritten = (FrozenRecord(took=_took(taken), blocks=blocks), taken)
        record, taken = self._unwritten
        segment = self._journal.append([record])
        self._unwritten = None
        self._in_hand = len(taken)
        self.awaited.leave(taken)
        self._release(taken)
        return record.blocks, segment

    @property
    def waiting(self) -> int:
        """Spans that no block took yet, and those of the blocks that `freeze` returned last."""
        return self._came - self._went

    @property
    def lag_seconds(self) -> float:
        """How long ago the oldest span was acknowledged that no block took yet; 0 if none waits."""
        oldest = self._settling.oldest_ns
        return 0.0 if oldest is None else max(0, self._clock() - oldest) / 1e9

    def inserted(self, batch_id: int) -> None:
        """Learn that a block is in the ledger, or parked; from any thread."""
        self._assessor.inserted(batch_id)

    def _without_late(self, taken: list[Pending]) -> list[Pending]:
        """Keep for a later freeze what cannot be amended now."""
        if not self._late:
            return taken
        late = {id(item) for item in self._late}
        return [item for item in taken if id(item) not in late]

    def _admit(self) -> None:
        while self._arrived:
            items = self._arrived.popleft()
            for item in items:
                self._left[item.number] = self._left.get(item.number, 0) + 1
            self._settling.add(items)

    def _blocks(self, taken: Sequence[Pending], now_ns: int) -> tuple[Block, ...]:
        blocks = tuple(
            ledger.encode(group, batch_id=self._new_id(), recorded_ns=now_ns)
            for group in ledger.split(self._dated(self._lines(taken), now_ns))
        )
        self._assessor.finish([block.batch_id for block in blocks])
        return blocks

    def _dated(self, lines: Sequence[ledger.Line], now_ns: int) -> Sequence[ledger.Line]:
        return self._closed.dated(lines, now_ns) if self._closed else lines

    def _lines(self, taken: Sequence[Pending]) -> Sequence[ledger.Line]:
        try:
            lines = self._assessor.lines(taken)
            self._late += self._assessor.waiting()
        except Exception:  # noqa: BLE001 - one bad span must not hold up the others
            _log.exception("%d spans cannot be assessed together: one by one", len(taken))
        else:
            return lines
        one_by_one: list[ledger.Line] = []
        for item in taken:
            try:
                one_by_one += self._assessor.lines([item])
                self._late += self._assessor.waiting()
            except Exception as error:  # noqa: BLE001 - likewise
                _log.exception("span %s cannot be assessed: parked", item.span.span_id)
                self._parked.add_span(
                    item.span, item.key_tenant, f"{type(error).__name__}: {error}"
                )
        return one_by_one

    def _release(self, taken: Iterable[Pending]) -> None:
        for item in taken:
            self._left[item.number] -= 1
            if not self._left[item.number]:
                del self._left[item.number]
                self._journal.release(item.segment)


def _took(taken: Iterable[Pending]) -> Mapping[int, tuple[int, ...]]:
    places: defaultdict[int, list[int]] = defaultdict(list)
    for item in taken:
        places[item.number].append(item.place)
    return {number: tuple(found) for number, found in places.items()}
