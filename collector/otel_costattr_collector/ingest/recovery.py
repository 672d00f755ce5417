"""What happens between a stop, clean or not, and the first new span."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from otel_costattr.calls import Verdict
from otel_costattr.errors import StoreError
from otel_costattr.model import (
    INPUT_TOKEN_UNITS,
    OUTPUT_TOKEN_UNITS,
    ModelCall,
    Span,
    Unit,
    Usage,
)

from ..journal import DoneRecord, Journal
from ..ledger import Block
from ..ledger.columns import unit_column
from ..ledger.dates import HAPPENED_NS
from ..patience import patiently
from ..store import Store
from .memory import Memory
from .seen import Seen, key_of
from .settling import Pending, pending_of

RUNNING: Final = "running"
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

_log: Final = logging.getLogger(__name__)


class Marker:
    """A file that exists while the service runs, so that the next start knows how this one ended.

    Args:
        folder: Where it is.
        boot_id: Names the boot of the machine, or `''` if nobody knows.
    """

    def __init__(self, folder: Path, *, boot_id: str | None = None) -> None:
        self._path: Final = folder / RUNNING
        self._boot_id: Final = _this_boot() if boot_id is None else boot_id

    def memory_was_lost(self) -> bool:
        """Whether the last run ended unclean and what it had not synced may be gone.

        After a kill the machine still has every write; after a power cut only the synced ones.
        """
        try:
            before = self._path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return False
        return not before or before != self._boot_id

    def set(self) -> None:
        """Say that the service runs."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("w", encoding="utf-8") as file:
            file.write(self._boot_id)
            file.flush()
            os.fsync(file.fileno())

    def clear(self) -> None:
        """Say that the service ended well."""
        self._path.unlink(missing_ok=True)


def _this_boot() -> str:
    try:
        return _BOOT_ID.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def insert_frozen(
    journal: Journal,
    insert: Callable[[Block], None],
    park: Callable[[Block, str], None],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Insert every block that was frozen and not done, and return how many there were.

    Args:
        journal: Has the blocks.
        insert: Brings one into the ledger; what is worth retrying is retried until it works.
        park: Takes one that is refused for good, with the reason.
        sleep: Waits some seconds between attempts.
    """
    blocks = list(journal.state.blocks.values())
    for block, segment in blocks:
        try:
            for attempt in patiently(f"block {block.token} of the last run", sleep=sleep):
                with attempt:
                    insert(block)
        except StoreError as error:
            park(block, str(error))
        journal.append([DoneRecord(batch_id=block.batch_id)])
        journal.release(segment)
    journal.state.blocks.clear()
    return len(blocks)


def pending_again(journal: Journal, seen: Seen) -> list[list[Pending]]:
    """Return the spans that no block took yet, copies among them marked; `seen` learns them."""
    found = []
    for waiting in journal.state.waiting.values():
        record = waiting.record
        items = [
            item for item in pending_of(record, waiting.segment) if item.place in waiting.places
        ]
        for item in items:
            key = key_of(item.span, item.key_tenant)
            item.resent = key in seen
            seen.add((key,))
        found.append(items)
    journal.state.waiting.clear()
    return found


def load_seen(store: Store, seen: Seen, *, hours: int = 24, limit: int) -> int:
    """Learn from the ledger which spans were taken lately, and return how many.

    Only spans: a record without ids of its own is recognised by what it says.
    """
    sql = (
        "SELECT trace_id, span_id, if(owner_source['tenant'] = 'key', tenant, '') FROM ledger"
        " WHERE signal = 'span' AND recorded_ns >= now() - INTERVAL {hours:UInt32} HOUR"
        " AND amends = '' ORDER BY recorded_ns DESC LIMIT {limit:UInt64}"
    )
    rows = store.query(sql, {"hours": hours, "limit": limit}).rows
    seen.add(
        key_of(Span(trace_id=trace_id, span_id=span_id), key_tenant)
        for trace_id, span_id, key_tenant in reversed(rows)
    )
    return len(rows)


_COUNTED: Final = """
    SELECT trace_id, span_id, parent_span_id, scope_name, {happened},
        ifNull(duration_ns, 0), status, usage_calls, request_model, response_model, response_id,
        if(owner_source['tenant'] = 'key', tenant, ''), {units}
    FROM ledger
    WHERE signal = 'span' AND entry = 'call' AND calls = 1 AND amends = ''
        AND recorded_ns >= now() - INTERVAL {{hours:UInt32}} HOUR
    ORDER BY recorded_ns DESC
    LIMIT {{limit:UInt64}}
"""


def load_calls(store: Store, memory: Memory, *, hours: int = 24, limit: int = 20_000) -> int:
    """Learn from the ledger which calls were counted lately, and return how many.

    Args:
        store: Where the ledger is.
        memory: Learns them.
        hours: How far back.
        limit: How many at most, the latest ones; each costs some time at the start.
    """
    units = (*INPUT_TOKEN_UNITS, *OUTPUT_TOKEN_UNITS)
    sql = _COUNTED.format(
        units=", ".join(map(unit_column, units)), happened=HAPPENED_NS.format(table="ledger")
    )
    rows = store.query(sql, {"hours": hours, "limit": limit}).rows
    for row in reversed(rows):
        memory.remember([_counted(row[:11], dict(zip(units, row[12:], strict=True)))], row[11])
    return len(rows)


def _counted(row: Sequence[Any], counts: Mapping[Unit, int]) -> Verdict:
    trace, span_id, parent, scope, start_ns, duration_ns, status, has_usage, *named = row
    span = Span(
        trace_id=trace,
        span_id=span_id,
        parent_span_id=parent,
        scope_name=scope,
        start_ns=start_ns,
        end_ns=start_ns + duration_ns,
    )
    call = ModelCall(
        role="aggregate" if status == "aggregate" else "call",
        request_model=named[0],
        response_model=named[1],
        response_id=named[2],
        usage=Usage(counts={u: n for u, n in counts.items() if n}) if has_usage else None,
    )
    return Verdict(span=span, call=call, kind="counts", scopes=frozenset({scope}))
