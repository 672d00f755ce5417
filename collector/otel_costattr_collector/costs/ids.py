"""Each cost once: what an id was used for before, here and in the ledger."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..ledger import cost_line_id
from ..store import Store

CONTENT: Final = "cost"
"""The name in a line's provenance under which the hash of its content stands."""

MAX_REMEMBERED: Final = 500_000
"""More costs with an id than can be on their way to the ledger at once."""

_LEDGER: Final = """
    SELECT line_id, any(provenance['cost']) FROM ledger
    WHERE line_id IN {lines:Array(String)} AND entry = 'cost'
    GROUP BY line_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What became of keys.

    Attributes:
        new: Nobody had used them; they are taken now.
        same: Used before, for the same content.
        other: Used before, for other content.
    """

    new: frozenset[str]
    same: frozenset[str]
    other: frozenset[str]


class CostIds:
    """Knows which ids of costs were used; for any number of threads.

    What was taken since the start is in memory until long after the ledger has it, everything
    older in the ledger.

    Args:
        look_up: Asks the ledger; key to content.
        limit: Keys that memory holds.
    """

    def __init__(
        self,
        look_up: Callable[[Sequence[str]], Mapping[str, str]],
        *,
        limit: int = MAX_REMEMBERED,
    ) -> None:
        self._look_up: Final = look_up
        self._limit: Final = limit
        self._lock: Final = threading.Lock()
        self._taken: Final[OrderedDict[str, str]] = OrderedDict()

    def claim(self, offered: Mapping[str, str], *, all_or_none: bool = False) -> Claimed:
        """Take the keys that nobody used; from a worker thread, it asks the ledger.

        Args:
            offered: Key to content.
            all_or_none: Whether nothing is taken where any key was used for other content.

        Raises:
            StoreError: The ledger does not answer; nothing was taken.
        """
        with self._lock:
            unknown = [key for key in offered if key not in self._taken]
            known = {**self._look_up(unknown)} if unknown else {}
            known |= {key: self._taken[key] for key in offered if key in self._taken}
            other = frozenset(key for key, content in known.items() if content != offered[key])
            same = frozenset(known) - other
            new = frozenset(offered) - same - other
            if not (all_or_none and other):
                self._learn({key: offered[key] for key in new})
            return Claimed(new=new, same=same, other=other)

    def learn(self, taken: Mapping[str, str]) -> None:
        """Remember keys that are on their way to the ledger."""
        with self._lock:
            self._learn(taken)

    def release(self, keys: Iterable[str]) -> None:
        """Forget keys whose costs could not be kept."""
        with self._lock:
            for key in keys:
                self._taken.pop(key, None)

    def _learn(self, taken: Mapping[str, str]) -> None:
        self._taken.update(taken)
        while len(self._taken) > self._limit:
            self._taken.popitem(last=False)


def in_ledger(store: Store) -> Callable[[Sequence[str]], Mapping[str, str]]:
    """Make the question that `CostIds` asks the ledger."""

    def look_up(keys: Sequence[str]) -> Mapping[str, str]:
        lines = {cost_line_id("cost", "key", key): key for key in keys}
        found = store.query(_LEDGER, {"lines": list(lines)}).rows
        return {lines[line_id]: content for line_id, content in found}

    return look_up
