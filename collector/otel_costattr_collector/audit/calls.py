"""Call keys in the ledger: which calls may count more than once, and every line of them.

A cost that is no call has no call key; its line id, which is a hash of what it is, stands for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from ..ledger import from_row, select_list
from ..ledger.dates import happened_ns
from ..ledger.entries import CHAINED, REBOOKS, REVERSALS, in_sql
from ..store import Store
from .copies import OURS, RESTORE, Booked, Surplus, surplus
from .rollups import LOOK_SETTINGS, Days

BEFORE_DAYS: Final = 1
"""A call that was recorded up to so long before the period is compared, too."""

CALLS_AT_ONCE: Final = 500
MOST_SUSPECTS: Final = 50_000
_KEY_TENANT: Final = "if(spent.owner_source['tenant'] = 'key', spent.tenant, '')"
_ROOT: Final = f"if(spent.entry IN {in_sql(REVERSALS)}, spent.amends, spent.line_id)"
_COST: Final = (
    f"if(spent.entry IN {in_sql(REVERSALS)} OR startsWith(spent.cause, '{RESTORE}'),"
    " spent.amends, spent.line_id)"
)
_CALL: Final = f"if(spent.call_key = '', {_COST}, spent.call_key)"
_ENTRIES: Final = in_sql(CHAINED)
_RECORDED: Final = (
    "toDate(spent.recorded_ns, {zone:String}) BETWEEN {first:Date} AND {last:Date}"
    f" AND spent.entry IN {_ENTRIES}"
)

_SUSPECTS: Final = f"""
SELECT call_key, min(first_ns) AS first_ns FROM
(
    SELECT any({_CALL}) AS call_key,
        toUnixTimestamp64Nano(min(spent.event_ns)) AS first_ns
    FROM ledger AS spent WHERE {_RECORDED}
    GROUP BY {_ROOT}, {_KEY_TENANT}
    HAVING sum(spent.lines) NOT IN (0, 1) OR countIf(spent.call_key = '' AND spent.lines > 0) > 1
    UNION ALL
    SELECT {_CALL} AS call_key,
        toUnixTimestamp64Nano(min(spent.event_ns)) AS first_ns
    FROM ledger AS spent WHERE {_RECORDED}
    GROUP BY call_key, {_KEY_TENANT}
    HAVING sum(spent.calls) NOT IN (0, 1)
    UNION ALL
    SELECT any({_CALL}) AS call_key,
        toUnixTimestamp64Nano(min(spent.event_ns)) AS first_ns
    FROM ledger AS spent
    WHERE {_RECORDED} AND spent.entry IN {in_sql(REVERSALS)}
        AND startsWith(spent.cause, '{OURS}')
    GROUP BY spent.line_id, {_KEY_TENANT}
    HAVING count() > 1
)
WHERE call_key != ''
GROUP BY call_key ORDER BY call_key LIMIT {{at_most:UInt64}}
"""

_LINES: Final = f"""
SELECT {select_list()}, ledger.batch_id, toUnixTimestamp64Nano(ledger.recorded_ns),
    {_KEY_TENANT.replace("spent.", "ledger.")},
    ledger.call_key = '' AND ledger.line_id IN
    (
        SELECT spent.amends FROM ledger AS spent
        WHERE spent.entry IN {in_sql(REBOOKS)} AND spent.call_key = ''
            AND NOT startsWith(spent.cause, '{RESTORE}')
            AND spent.amends IN {{call_keys:Array(String)}}
    )
FROM ledger
WHERE (ledger.call_key IN {{call_keys:Array(String)}}
        OR (ledger.call_key = '' AND {_COST.replace("spent.", "ledger.")} IN {{call_keys:Array(String)}}))
    AND ledger.event_ns >= fromUnixTimestamp64Nano({{first_ns:Int64}}, 'UTC')
    AND ledger.entry IN {_ENTRIES}
"""
_DAY_NS: Final = 86_400 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A call that may count more than once.

    Attributes:
        call_key: Which call.
        first_ns: When the first of its lines happened.
    """

    call_key: str
    first_ns: int


def miscounted(store: Store, days: Days) -> Iterator[tuple[Surplus, ...]]:
    """Yield what to book so that each call of a period counts once, some hundred calls at a time.

    Args:
        store: Where the ledger is.
        days: Days of recording; a line of the day before is compared with them.

    Raises:
        StoreError: The engine refused or did not answer.
    """
    suspects = _suspects(store, days)
    for start in range(0, len(suspects), CALLS_AT_ONCE):
        found = surplus(_booked(store, suspects[start : start + CALLS_AT_ONCE]))
        if found:
            yield found


def _suspects(store: Store, days: Days) -> Sequence[Suspect]:
    parameters: dict[str, object] = {
        "zone": store.layout.time_zone,
        "first": str(days.first - timedelta(days=BEFORE_DAYS)),
        "last": str(days.last),
        "at_most": MOST_SUSPECTS,
    }
    rows = store.query(_SUSPECTS, parameters, settings=LOOK_SETTINGS).mappings()
    return [Suspect(**row) for row in rows]


def _booked(store: Store, suspects: Sequence[Suspect]) -> Sequence[Booked]:
    parameters: dict[str, Any] = {
        "call_keys": [one.call_key for one in suspects],
        "first_ns": min(one.first_ns for one in suspects) - _DAY_NS,
    }
    while True:
        found = [_read(row) for row in store.query(_LINES, parameters, settings=LOOK_SETTINGS).rows]
        first_ns = min((happened_ns(one.by_name) for one in found), default=parameters["first_ns"])
        if first_ns >= parameters["first_ns"]:
            return found
        # A line is dated later than it happened if that month was closed: its call is older.
        parameters["first_ns"] = first_ns - _DAY_NS


def _read(row: Sequence[Any]) -> Booked:
    *line, batch_id, recorded_ns, key_tenant, amended = row
    return Booked(
        line=from_row(line),
        batch_id=batch_id,
        recorded_ns=recorded_ns,
        key_tenant=key_tenant,
        amended=bool(amended),
    )
