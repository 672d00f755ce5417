"""The chain of a line: what it amends, and what amended it, down to the line that stands."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel, Field

from ..ledger.entries import CHAINED, REBOOKS, in_sql
from ..plain import decimal_text
from ..store import Store

LONGEST: Final = 100
_STEP: Final = f"""
SELECT line_id, entry, amends, cause, run_id, tenant, amount_usd,
    concat(replaceOne(toString(ledger.recorded_ns), ' ', 'T'), 'Z') AS recorded,
    concat(replaceOne(toString(ledger.event_ns), ' ', 'T'), 'Z') AS dated
FROM ledger
WHERE (line_id IN {{ids:Array(String)}} OR amends IN {{ids:Array(String)}})
    AND (entry IN {in_sql(CHAINED)} OR (entry = 'allocation' AND cause != 'split'))
ORDER BY ledger.recorded_ns, entry IN {in_sql(REBOOKS)}, line_id
LIMIT 1 BY line_id
LIMIT 1000
"""  # noqa: S608 - names of ours


class Link(BaseModel):
    """One line of a chain."""

    line_id: str
    entry: str = Field(description="What it books, such as call, reversal or rebook.")
    amends: str = Field(description="The line that it takes back or replaces; '' for the first.")
    cause: str = Field(description="Why it was booked; '' for the first.")
    run_id: str = Field(description="The run that booked it, or ''.")
    amount_usd: str | None = Field(description="USD; null without a price.")
    recorded: str = Field(description="When it was booked, UTC.")
    dated: str = Field(description="Its date in the ledger, UTC.")


def chain_of(store: Store, line_id: str, *, tenant: str = "") -> list[Link]:
    """Return the chain of a line, the first line first; empty if nothing amends anything.

    Args:
        store: Where the ledger is.
        line_id: Any line of the chain.
        tenant: The only tenant whose lines may be read, or `''` for all.

    Raises:
        StoreError: The store refused or did not answer.
    """
    found: dict[str, Mapping[str, Any]] = {}
    asked: set[str] = set()
    ask = {line_id}
    while ask and len(asked) < LONGEST:
        asked |= ask
        for row in store.query(_STEP, {"ids": sorted(ask)}).mappings():
            found.setdefault(row["line_id"], row)
        named = {*found, *(row["amends"] for row in found.values() if row["amends"])}
        ask = named - asked
    links = [_link(row) for row in found.values() if not tenant or row["tenant"] == tenant]
    links.sort(key=lambda one: (one.recorded, one.entry in REBOOKS))
    return links if len(links) > 1 else []


def _link(row: Mapping[str, Any]) -> Link:
    amount: Decimal | None = row["amount_usd"]
    named = {name: row[name] for name in ("line_id", "entry", "amends", "cause", "run_id")}
    return Link(
        **named,
        amount_usd=None if amount is None else decimal_text(amount),
        recorded=row["recorded"],
        dated=row["dated"],
    )
