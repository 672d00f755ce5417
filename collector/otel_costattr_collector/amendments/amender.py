"""Who may amend, and what stands: one at a time, and never a line that is still on its way."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from otel_costattr.errors import StoreError
from otel_costattr.pricing import PriceBook

from ..ledger import Line
from ..ledger.columns import LINE_COLUMNS
from .contracts import Books
from .wishes import Wish, granted

PATIENCE_S: Final = 2.0
"""How long a freeze waits for what is on its way; after that the late spans wait."""

LONGEST_S: Final = 900.0
"""How long late spans wait for their call; after that they are booked without an amendment."""

STEP_S: Final = 0.01
_BEFORE_NS: Final = 2 * 86_400 * 10**9
_BOOK: Final = [column.name for column in LINE_COLUMNS].index("price_book")

Heads: TypeAlias = Callable[[Collection[str], int], Mapping[str, Sequence[Line]]]
"""Finds the heads of spans, by how the ledger names them, from a moment on."""

Answer: TypeAlias = Literal["ready", "later"]

_log: Final = logging.getLogger(__name__)


class Amender:
    """Amends what late telemetry is about, for the thread that freezes.

    From the first look at a head until the amendment is in the ledger nobody else amends: runs of
    amendments and the audit take the same lock. The next freeze may amend meanwhile, but not the
    same spans: it would find the line that is just being taken back.

    Args:
        heads: Finds heads in the ledger.
        books: Finds the prices of heads that were priced again; None for nobody's but our own.
        lock: Held by whoever amends.
        clock: Seconds, never going back.
        patience_s: How long a freeze waits for what is on its way, seconds.
    """

    def __init__(
        self,
        heads: Heads,
        *,
        books: Books | None = None,
        lock: threading.Lock | None = None,
        clock: Callable[[], float] = time.monotonic,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._look: Final = heads
        self._find_books: Final = books
        self._lock: Final = lock or threading.Lock()
        self._clock: Final = clock
        self._patience_s: Final = patience_s
        self._in_flight: Callable[[], Collection[int]] = tuple
        self._heads: Final[dict[str, tuple[Line, ...]]] = {}
        self._books: Final[dict[str, PriceBook]] = {}
        self._versions: Final[set[str]] = set()
        self._held = False
        """Whether the freeze under way has the lock."""

        self._amended: Final[set[str]] = set()
        """What the freeze under way amends."""

        self._left: Final[dict[int, frozenset[str]]] = {}
        """Batches on their way that the lock is kept for, and what their freeze amends."""

        self._guard: Final = threading.Lock()
        self._waiting_since: float | None = None

    def watch(self, in_flight: Callable[[], Collection[int]]) -> None:
        """Learn which batches are frozen and not in the ledger yet."""
        self._in_flight = in_flight

    def prepare(self, wishes: Iterable[Wish]) -> Answer:
        """Make sure that the heads are known which wishes are about.

        Returns:
            `later` if somebody else amends, if lines or amendments are on their way that may be
            these, or if the ledger does not answer.
        """
        asked = {wish.arrived: wish.at_ns for wish in wishes}
        if not self._hold() or not self._wait(lambda: self._left_alone(asked)):
            return self._later()
        missing = {name: ns for name, ns in asked.items() if name not in self._heads}
        try:
            missing = self._find(missing)
            if missing and not self._settled():
                return self._later()
            missing = self._find(missing)
            self._learn(asked)
        except StoreError as error:
            _log.warning("late spans wait for the ledger: %s", error)
            return self._later()
        for name in missing:
            _log.warning("%s was counted but is not in the ledger: it is not amended", name)
            self._heads[name] = ()
        self._waiting_since = None
        return "ready"

    def grant(self, wish: Wish) -> list[Line]:
        """Return the lines that fulfil a wish; none if nothing differs, or nothing is there."""
        booked, self._heads[wish.arrived] = granted(
            self._heads.get(wish.arrived, ()), wish, self._books
        )
        if booked:
            self._amended.add(wish.arrived)
        return booked

    def finish(self, batch_ids: Collection[int]) -> None:
        """End a freeze: others may amend once its batches are in the ledger."""
        for known in (self._heads, self._books, self._versions):
            known.clear()
        with self._guard:
            if not self._held:
                return
            if self._amended:
                self._left.update(dict.fromkeys(batch_ids, frozenset(self._amended)))
                self._amended.clear()
            self._held = False
            self._free_if_done()

    def inserted(self, batch_id: int) -> None:
        """Learn that a batch is in the ledger, or parked; from any thread."""
        with self._guard:
            if self._left.pop(batch_id, None) is not None:
                self._free_if_done()

    def _hold(self) -> bool:
        """Take the lock, or keep that of an earlier freeze; whether that was possible."""
        with self._guard:
            self._held = self._held or bool(self._left)
        self._held = self._held or self._lock.acquire(timeout=self._patience_s)
        return self._held

    def _left_alone(self, asked: Collection[str]) -> bool:
        """Whether nothing on its way amends what is asked for."""
        with self._guard:
            return all(names.isdisjoint(asked) for names in self._left.values())

    def _free_if_done(self) -> None:
        if not self._held and not self._left:
            self._lock.release()

    def _find(self, missing: Mapping[str, int]) -> dict[str, int]:
        if not missing:
            return {}
        found = self._look(missing, min(missing.values()) - _BEFORE_NS)
        self._heads.update({name: tuple(lines) for name, lines in found.items()})
        return {name: ns for name, ns in missing.items() if name not in found}

    def _learn(self, asked: Iterable[str]) -> None:
        """Find the prices of heads, each version once a freeze."""
        if self._find_books is None:
            return
        found = (line for name in asked for line in self._heads.get(name, ()))
        fresh = {str(line[_BOOK]) for line in found} - self._versions
        if fresh:
            self._books.update(self._find_books(fresh))
            self._versions.update(fresh)

    def _settled(self) -> bool:
        """Wait until what was on its way is in the ledger; whether it is."""
        waits = set(self._in_flight())
        return self._wait(lambda: waits.isdisjoint(self._in_flight())) or self._given_up()

    def _wait(self, holds: Callable[[], bool]) -> bool:
        """Wait for so long until something holds; whether it does."""
        until = self._clock() + self._patience_s
        while not holds():
            if self._clock() > until:
                return False
            time.sleep(STEP_S)
        return True

    def _given_up(self) -> bool:
        since = self._waiting_since
        return since is not None and self._clock() - since > LONGEST_S

    def _later(self) -> Answer:
        if self._waiting_since is None:
            self._waiting_since = self._clock()
        return "later"
