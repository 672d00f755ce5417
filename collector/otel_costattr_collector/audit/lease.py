"""A lease in a table: at most one collector of several mends the books.

ClickHouse has no compare-and-set, but it keeps only the first of several inserts with one
deduplication token: a term is claimed by an insert whose token is its number.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ..ledger import native
from ..store import Store

_CURRENT: Final = (
    "SELECT term, holder, toUnixTimestamp64Nano(expires_ns) AS expires_ns FROM leases"
    " WHERE name = {name:String} ORDER BY term DESC, taken_ns, holder LIMIT 1"
)
_TIME: Final = "DateTime64(9, 'UTC')"
_NAME: Final = "LowCardinality(String)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Who holds a lease.

    Attributes:
        number: Of the term, from 1; 0 if nobody ever held it.
        holder: The collector.
        expires_ns: Until when, nanoseconds UTC.
    """

    number: int
    holder: str
    expires_ns: int


class Lease:
    """One collector's view of a lease.

    Args:
        store: Where the table is.
        name: What is leased.
        holder: This collector; the same after a restart.
        seconds: Length of a term. It is longer than replicas lag and clocks differ.
        clock: Nanoseconds UTC.
    """

    def __init__(
        self,
        store: Store,
        *,
        name: str,
        holder: str,
        seconds: float,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store: Final = store
        self._name: Final = name
        self.holder: Final = holder
        self._term_ns: Final = round(seconds * 1e9)
        self._clock: Final = clock

    def take(self) -> Term:
        """Claim or prolong the lease if it is free or ours, and return who holds it then.

        Raises:
            StoreError: The engine refused or did not answer.
        """
        now_ns = self._clock()
        term = self.current()
        if term.expires_ns > now_ns:
            ours = term.holder == self.holder
            if not ours or term.expires_ns - now_ns > self._term_ns // 2:
                return term
        self._claim(term.number + 1, now_ns)
        return self.current()

    def current(self) -> Term:
        """Return who holds the lease, or held it last.

        Raises:
            StoreError: The engine refused or did not answer.
        """
        rows = self._store.query(_CURRENT, {"name": self._name}).rows
        number, holder, expires_ns = rows[0] if rows else (0, "", 0)
        return Term(number=number, holder=holder, expires_ns=expires_ns)

    def _claim(self, number: int, now_ns: int) -> None:
        columns: list[tuple[str, str, Sequence[object]]] = [
            ("name", _NAME, [self._name]),
            ("term", "UInt64", [number]),
            ("holder", _NAME, [self.holder]),
            ("taken_ns", _TIME, [now_ns]),
            ("expires_ns", _TIME, [now_ns + self._term_ns]),
        ]
        token = f"{self._name}:{number}"
        self._store.append("leases", native.block(columns, 1), token=token)
