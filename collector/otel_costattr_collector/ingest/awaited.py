"""Acknowledged spans by when they happened, until their blocks are on their way."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from typing import Final

from .settling import Pending

QUARTER_NS: Final = 900 * 10**9
"""Every month of every time zone in use begins with a quarter of an hour, UTC."""


class Awaited:
    """Counts spans by the quarter of an hour in which they started; for any number of threads."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._quarters: Final[Counter[int]] = Counter()
        self._leaving: Counter[int] = Counter()

    def add(self, items: Iterable[Pending]) -> None:
        """Count spans that are acknowledged."""
        quarters = _quarters(items)
        with self._lock:
            self._quarters.update(quarters)

    def leave(self, items: Iterable[Pending]) -> None:
        """Note that the blocks of some spans are recorded; the spans count until `went`."""
        quarters = _quarters(items)
        with self._lock:
            self._leaving.update(quarters)

    def went(self) -> None:
        """Learn that all blocks that were recorded are on their way."""
        with self._lock:
            self._quarters.subtract(self._leaving)
            for quarter in self._leaving:
                if not self._quarters[quarter]:
                    del self._quarters[quarter]
            self._leaving = Counter()

    def between(self, first_ns: int, last_ns: int) -> int:
        """Count the spans that started in a period.

        Args:
            first_ns: Its start, nanoseconds UTC; a quarter of an hour begins then.
            last_ns: Its end, exclusive; likewise.
        """
        first, last = first_ns // QUARTER_NS, last_ns // QUARTER_NS
        with self._lock:
            return sum(n for quarter, n in self._quarters.items() if first <= quarter < last)


def _quarters(items: Iterable[Pending]) -> Counter[int]:
    return Counter(item.span.start_ns // QUARTER_NS for item in items)
