"""Builds books that do not agree, and says what they add up to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from otel_costattr_collector.audit.rollups import Days
from otel_costattr_collector.ledger import Line, encode
from otel_costattr_collector.store import Store

from otel_costattr.testing import START_NS

NS = 10**9
HOUR_NS = 3600 * NS
RECORDED_NS = START_NS + 60 * NS
LATER_NS = START_NS + 2 * HOUR_NS
"""When audits of these tests look: long after everything was recorded, on the same day."""
TODAY = datetime.fromtimestamp(RECORDED_NS // NS, tz=UTC).date()
DAYS = Days(first=TODAY, last=TODAY)
TABLES = ("ledger", "spend_by_tenant_day", "spend_by_feature_15m", "spend_by_session")
MEASURES = ("lines", "calls", "usage_calls", "input_total_tokens", "amount_usd", "list_usd")


def book(
    store: Store, lines: Sequence[Line], *, batch_id: int, recorded_ns: int = RECORDED_NS
) -> None:
    """Insert lines as one batch."""
    store.insert(encode(lines, batch_id=batch_id, recorded_ns=recorded_ns))


def totals(store: Store, table: str) -> tuple[object, ...]:
    """Add up a table."""
    measures = ", ".join(f"sum(spent.{name})" for name in MEASURES)
    return store.query(f"SELECT {measures} FROM {table} AS spent").rows[0]


def all_totals(store: Store) -> set[tuple[object, ...]]:
    """Add up ledger and rollups: one element if they agree."""
    return {totals(store, table) for table in TABLES}


def lose(store: Store, rollup: str, where: str = "true") -> None:
    """Take rows out of a rollup, as a power cut or an operator would."""
    store.command(f"DELETE FROM {rollup} WHERE {where} SETTINGS lightweight_deletes_sync = 2")
