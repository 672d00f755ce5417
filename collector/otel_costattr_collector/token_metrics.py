"""Tokens that metrics report, summed by day for the check of how many of them calls explain.

Never journaled and never money: a crash loses what was not written yet, at most some seconds.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import blake2b
from typing import Final
from zoneinfo import ZoneInfo

from otel_costattr.errors import StoreError

from .codec.token_points import TokenPoint
from .ingest.seen import Seen
from .ledger import native
from .metrics import Metrics
from .store import Store

FLUSH_S: Final = 10.0
MAX_ROWS: Final = 100_000
"""Rows that wait for the store; points that would need more are counted and left out."""

_REMEMBERED: Final = 1_000_000
_MAX_SERIES: Final = 200_000
_MAX_AGE_S: Final = 330 * 86_400
_MAX_AHEAD_S: Final = 86_400
_MASK: Final = (1 << 64) - 1
_COLUMNS: Final = (
    ("day", "String"),
    ("tenant", "LowCardinality(String)"),
    ("service_name", "LowCardinality(String)"),
    ("provider", "LowCardinality(String)"),
    ("model", "LowCardinality(String)"),
    ("token_type", "LowCardinality(String)"),
    ("series", "String"),
    ("started", "String"),
    ("added", "Int64"),
    ("first_total", "Int64"),
    ("last_total", "Int64"),
)

_log: Final = logging.getLogger(__name__)
Key = tuple[date, str, str, str, str, str, str, date]


@dataclass(slots=True)
class Tokens:
    """What one row of the table adds.

    Attributes:
        added: Tokens of differences.
        first: Least that the running total was.
        last: Most that it was.
    """

    added: int = 0
    first: int = 0
    last: int = 0


class TokenTally:
    """Sums points by day; `add` on the event loop, `flush` wherever one caller at a time is.

    A difference that comes twice counts once while it is remembered. A running total is kept as
    it is, so that resent, late and lost points do no harm; where it falls without a new start it
    begins anew.

    Args:
        store: Where the table is.
        metrics: Where points that were left out are counted.
        clock: Seconds since 1970.
    """

    def __init__(
        self, store: Store, metrics: Metrics, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store: Final = store
        self._metrics: Final = metrics
        self._clock: Final = clock
        self._zone: Final = ZoneInfo(store.layout.time_zone)
        self._seen: Final = Seen(_REMEMBERED)
        self._latest: Final[dict[tuple[str, str, int], tuple[int, int, int]]] = {}
        self._rows: dict[Key, Tokens] = {}
        self._unwritten: tuple[bytes, str] | None = None

    def add(self, points: Sequence[TokenPoint], tenant: str) -> None:
        """Take what metrics report.

        Args:
            points: Tokens.
            tenant: The tenant that the sender's key proves, or `''`.
        """
        now = self._clock()
        left_out = 0
        for point in points:
            in_time = now - _MAX_AGE_S <= point.time_ns / 1e9 <= now + _MAX_AHEAD_S
            if not in_time or not self._add(point, tenant):
                left_out += 1
        if left_out:
            self._metrics.points_left_out.inc(left_out)

    def flush(self) -> None:
        """Write what was summed; after an error the same bytes are tried again.

        Raises:
            StoreError: The store refused or did not answer.
        """
        if self._unwritten is None:
            rows, self._rows = self._rows, {}
            if not rows:
                return
            self._unwritten = _block(rows), f"token-metrics-{secrets.token_hex(8)}"
        data, token = self._unwritten
        self._store.append("token_metrics", data, token=token)
        self._unwritten = None

    async def run(self, stop: asyncio.Event) -> None:
        """Flush every few seconds until `stop` is set."""
        while not stop.is_set():
            try:
                async with asyncio.timeout(FLUSH_S):
                    await stop.wait()
            except TimeoutError:
                await self.try_flush()

    async def try_flush(self) -> None:
        """Flush if the store takes it."""
        try:
            await asyncio.to_thread(self.flush)
        except StoreError as error:
            _log.warning("tokens of metrics are written later: %s", error)

    def _add(self, point: TokenPoint, tenant: str) -> bool:
        """Add a point; whether there was room."""
        day = self._day(point.time_ns)
        series, started = "", day
        if point.cumulative:
            begin = self._begin(point, tenant)
            series = _named(point.series, tenant, begin)
            started = self._day(begin) if begin else day
        key = (
            *(day, tenant, point.service_name, point.provider, point.model),
            *(point.token_type, series, started),
        )
        row = self._rows.get(key)
        if row is None and len(self._rows) >= MAX_ROWS:
            return False
        if point.cumulative:
            if row is None:
                self._rows[key] = Tokens(first=point.tokens, last=point.tokens)
            else:
                row.first = min(row.first, point.tokens)
                row.last = max(row.last, point.tokens)
        elif self._is_new(point, tenant):
            row = self._rows.setdefault(key, Tokens())
            row.added += point.tokens
        return True

    def _is_new(self, point: TokenPoint, tenant: str) -> bool:
        name = hash((point.series, tenant, point.start_ns, point.time_ns)) & _MASK or 1
        if name in self._seen:
            return False
        self._seen.add((name,))
        return True

    def _begin(self, point: TokenPoint, tenant: str) -> int:
        """Return where the running total begins: its start, or the fall that nobody announced."""
        name = (point.series, tenant, point.start_ns)
        at_ns, tokens, begin = self._latest.get(name, (0, 0, point.start_ns))
        if point.time_ns >= at_ns:
            if point.tokens < tokens:
                begin = point.time_ns
            self._latest[name] = (point.time_ns, point.tokens, begin)
            if len(self._latest) > _MAX_SERIES:
                del self._latest[next(iter(self._latest))]
        return begin

    def _day(self, ns: int) -> date:
        return datetime.fromtimestamp(ns // 10**9, UTC).astimezone(self._zone).date()


def _named(series: str, tenant: str, begin_ns: int) -> str:
    name = f"{series}\0{tenant}\0{begin_ns}".encode("utf-8", "replace")
    return blake2b(name, digest_size=8).hexdigest()


def _block(rows: Mapping[Key, Tokens]) -> bytes:
    values = [
        (str(key[0]), *key[1:7], str(key[7]), row.added, row.first, row.last)
        for key, row in rows.items()
    ]
    columns = [
        (name, kind, [row[place] for row in values]) for place, (name, kind) in enumerate(_COLUMNS)
    ]
    return native.block(columns, len(values))
