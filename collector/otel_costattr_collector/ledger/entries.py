"""What a line books, and what takes it back or books it anew: said once, for Python and for SQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

CALLS: Final = ("call", "rebook")
"""What stands for a model call: the call itself, or what it became."""

COSTS: Final = ("cost", "cost_rebook")
"""What stands for a cost that is no model call; all about such costs begins with `cost`."""

REBOOKS: Final = ("rebook", "cost_rebook")
REVERSALS: Final = ("reversal", "cost_reversal")
AMENDING: Final = (*REVERSALS, *REBOOKS)
CHAINED: Final = (*dict.fromkeys((*CALLS, *COSTS, *AMENDING)),)
"""Whatever is amended or amends; allocations and true-ups are booked against instead."""

_OF_COST: Final[tuple[str, str]] = ("cost_reversal", "cost_rebook")
_PAIRS: Final[Mapping[str, tuple[str, str]]] = dict.fromkeys(COSTS, _OF_COST)


def pair_of(entry: str) -> tuple[str, str]:
    """Name the entries that take a line back and book it anew.

    A pair of a cost has entries of its own, so that it never counts among those of calls. What
    continues a pair that was booked as that of a call, before there were others, is booked so too:
    both sides of it stand in the same sums.

    Args:
        entry: That of the line.
    """
    return _PAIRS.get(entry, ("reversal", "rebook"))


def is_of_cost(line: Mapping[str, Any]) -> bool:
    """Tell whether a line books a cost that is no call, or amends one; a call has a call key.

    Args:
        line: Its columns by name.
    """
    entry = line["entry"]
    return entry in (*COSTS, *_OF_COST) or (entry in AMENDING and not line["call_key"])


def in_sql(entries: Collection[str]) -> str:
    """Write entries as a list of SQL."""
    return f"({', '.join(repr(entry) for entry in entries)})"
