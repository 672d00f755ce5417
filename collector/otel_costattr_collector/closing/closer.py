"""Closing a month, and opening it again: only when nothing of it is on its way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from otel_costattr.errors import BadInput, RetryableError

from ..months import Month, month_of
from ..store import Store
from .calendar import ClosedMonths
from .records import Record, append, records

PATIENCE_S: Final = 10.0
"""How long a closing waits for whoever amends or freezes."""

OnTheirWay = Callable[[Month], Iterable[str]]
"""Says what of a month is taken and not in the ledger yet, in words; nothing if nothing is."""

_SUMS: Final = "sum(spent.lines), sum(spent.calls), sum(spent.amount_usd)"
_BY_DAY: Final = (
    f"SELECT {_SUMS} FROM spend_by_tenant_day AS spent"  # noqa: S608 - names of ours
    " WHERE spent.day BETWEEN {first:Date} AND {last:Date}"
)
_BY_LINE: Final = (
    f"SELECT {_SUMS}, (SELECT toUnixTimestamp64Nano(min(event_ns)) FROM ledger) FROM ledger AS spent"  # noqa: S608 - likewise
    " WHERE spent.event_ns >= fromUnixTimestamp64Nano({since:Int64}, 'UTC')"
    " AND spent.event_ns < fromUnixTimestamp64Nano({until:Int64}, 'UTC')"
)


class StillOpen(RetryableError):  # noqa: N818 - named by what it says
    """Something of the month is on its way to the ledger: a little later it can be closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What a month adds up to.

    Attributes:
        lines: Lines, reversals taken off.
        calls: Model calls.
        amount_usd: USD; None where nothing has a price.
    """

    lines: int
    calls: int
    amount_usd: Decimal | None


def sums_of(store: Store, month: Month) -> Sums:
    """Add a month up, by the rollup, which keeps sums whose lines have left the ledger.

    Raises:
        StoreError: The store refused or did not answer.
    """
    days = {"first": month.first, "last": month.last}
    return _sums(store.query(_BY_DAY, days).rows[0])


def _sums(row: tuple[object, ...]) -> Sums:
    lines, calls, amount = row[:3]
    return Sums(lines=lines, calls=calls, amount_usd=amount)  # type: ignore[arg-type]


class Closer:
    """Closes months and opens them again, one at a time.

    Args:
        store: Where ledger and closings are.
        closed: The calendar that everything is dated by.
        amending: Held by whoever amends or books.
        on_their_way: Looks for what is not in the ledger yet.
        clock: Nanoseconds UTC.
        patience_s: How long to wait for whoever amends or freezes, seconds.
    """

    def __init__(
        self,
        store: Store,
        closed: ClosedMonths,
        amending: threading.Lock,
        *,
        on_their_way: OnTheirWay = lambda _: (),
        clock: Callable[[], int] = time.time_ns,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._store: Final = store
        self._closed: Final = closed
        self._amending: Final = amending
        self._on_their_way: Final = on_their_way
        self._clock: Final = clock
        self._patience_s: Final = patience_s

    def close(self, name: str, *, who: str, note: str) -> tuple[Record, bool]:
        """Close a month: from now on nothing is booked with a date in it.

        Args:
            name: Such as `2026-10`.
            who: Who closes it.
            note: Why.

        Returns:
            The closing in force, and whether it is a new one.

        Raises:
            BadInput: It is no month, is not over, or ledger and rollup do not agree about it.
            StillOpen: Something of it is on its way; asking again later may help.
            StoreError: The store refused or did not answer.
        """
        month = month_of(name, self._store.layout.time_zone)
        if self._clock() < month.end_ns:
            raise BadInput(f"{month.name} is not over in {month.zone}: close it afterwards")
        with self._alone():
            known = self._closed.read().get(month.name)
            if known is not None:
                return known, False
            ways = list(self._on_their_way(month))
            if ways:
                raise StillOpen(f"{month.name} cannot be closed yet: {'; '.join(ways)}")
            sums = self._agreed(month)
            record = self._record(month, "close", who, note, sums)
            # If nobody can say whether it was written, what follows is dated as if it was.
            self._closed.expect(month)
            append(self._store, record)
            self._closed.read()
        return record, True

    def reopen(self, name: str, *, who: str, note: str) -> Record:
        """Open a closed month again; what got a later date meanwhile keeps it.

        Args:
            name: Such as `2026-10`.
            who: Who opens it.
            note: Why.

        Raises:
            BadInput: It is no month, or not closed.
            StillOpen: Somebody amends just now.
            StoreError: The store refused or did not answer.
        """
        month = month_of(name, self._store.layout.time_zone)
        with self._alone():
            if month.name not in self._closed.read():
                raise BadInput(f"{month.name} is not closed: `costattr closed` lists what is")
            record = self._record(month, "reopen", who, note, sums_of(self._store, month))
            append(self._store, record)
            self._closed.read()
        return record

    def trail(self) -> tuple[Record, ...]:
        """Return every closing and opening, the oldest first.

        Raises:
            StoreError: The store refused or did not answer.
        """
        return records(self._store)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep everybody from booking, in the order in which those who book take the locks."""
        if not self._amending.acquire(timeout=self._patience_s):
            raise StillOpen("lines are being amended or booked: try again in a moment")
        try:
            if not self._closed.lock.acquire(timeout=self._patience_s):
                raise StillOpen("telemetry is being booked: try again in a moment")
            try:
                yield
            finally:
                self._closed.lock.release()
        finally:
            self._amending.release()

    def _agreed(self, month: Month) -> Sums:
        sums = sums_of(self._store, month)
        edges = {"since": month.start_ns, "until": month.end_ns}
        row = self._store.query(_BY_LINE, edges).rows[0]
        # Old months leave the ledger whole, so one that has lines before this one has all of it.
        is_whole = 0 < row[3] < month.start_ns
        if _sums(row) != sums and (is_whole or row[0] > sums.lines):
            raise BadInput(
                f"ledger and rollup do not agree about {month.name}: run `costattr audit --repair`"
                " over the days on which it was recorded"
            )
        return sums

    def _record(self, month: Month, action: str, who: str, note: str, sums: Sums) -> Record:
        # The last record of a month decides, whatever the clock did meanwhile.
        latest = max((one.recorded_ns for one in self.trail()), default=0)
        return Record(
            month=month.name,
            action="close" if action == "close" else "reopen",
            who=who,
            note=note,
            time_zone=month.zone,
            lines=sums.lines,
            calls=sums.calls,
            amount_usd=sums.amount_usd,
            recorded_ns=max(self._clock(), latest + 1),
        )
