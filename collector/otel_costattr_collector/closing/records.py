"""What was closed and opened again, by whom and why: appended to, never changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final, Literal

from ..ledger import native
from ..months import month_at
from ..spend import Edge
from ..store import Store

Action = Literal["close", "reopen"]

_TABLE: Final = "closed_months"
_NAME: Final = "LowCardinality(String)"
_KINDS: Final = {
    "month": _NAME,
    "action": _NAME,
    "who": _NAME,
    "note": "String",
    "time_zone": _NAME,
    "lines": "Int64",
    "calls": "Int64",
    "amount_usd": "Nullable(Decimal(38, 12))",
    "recorded_ns": "DateTime64(9, 'UTC')",
}
_READ: Final = (
    "SELECT month, action, who, note, time_zone, lines, calls, amount_usd,"
    " toUnixTimestamp64Nano(closed_months.recorded_ns) AS recorded_ns"
    " FROM closed_months ORDER BY closed_months.recorded_ns"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One closing, or one opening again.

    Attributes:
        month: Such as `2026-10`.
        action: What was done.
        who: Who did it.
        note: Why.
        time_zone: IANA name of the zone whose month it is.
        lines: Lines of the month then, reversals taken off.
        calls: Model calls of the month then.
        amount_usd: What it cost then, USD; None where nothing had a price.
        recorded_ns: When, nanoseconds UTC.
    """

    month: str
    action: Action
    who: str
    note: str
    time_zone: str
    lines: int
    calls: int
    amount_usd: Decimal | None
    recorded_ns: int


def records(store: Store) -> tuple[Record, ...]:
    """Return every record, the oldest first.

    Raises:
        StoreError: The store refused or did not answer.
    """
    return tuple(Record(**row) for row in store.query(_READ).mappings())


def append(store: Store, record: Record) -> None:
    """Write one record.

    Raises:
        StoreError: The store refused or did not answer.
    """
    values: dict[str, Any] = {name: getattr(record, name) for name in _KINDS}
    columns: list[tuple[str, str, Sequence[object]]] = [
        (name, kind, [values[name]]) for name, kind in _KINDS.items()
    ]
    digest = blake2b(repr(sorted(values.items())).encode(), digest_size=12).hexdigest()
    store.append(_TABLE, native.block(columns, 1), token=f"{_TABLE}:{digest}")


def closed_between(store: Store, since: Edge | None, until: Edge | None) -> list[str]:
    """Name the closed months that a period touches.

    Args:
        store: Where they are kept.
        since: Its start; None for since ever.
        until: Its end, exclusive; None for open.

    Raises:
        StoreError: The store refused or did not answer.
    """
    zone = store.layout.time_zone
    first = "" if since is None else month_at(since.ns, zone)
    last = "9999" if until is None else month_at(until.ns - 1, zone)
    return sorted(name for name in in_force(records(store)) if first <= name <= last)


def in_force(found: Iterable[Record]) -> dict[str, Record]:
    """Return the last closing of each month that was not opened again.

    Args:
        found: Records, the oldest first.
    """
    closed: dict[str, Record] = {}
    for record in found:
        if record.action == "close":
            closed.setdefault(record.month, record)
        else:
            closed.pop(record.month, None)
    return closed
