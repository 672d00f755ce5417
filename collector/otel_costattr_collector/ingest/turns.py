"""Who goes first: what a sender waits for, before what nobody waits for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Final

LONGEST_S: Final = 0.05
"""How long assessing stands still for requests at once."""


class Turns:
    """Lets requests go before assessing, which shares the interpreter's lock with them.

    Assessing looks now and then whether a request is under way and waits for it, at most so long at
    once; then it works for as long as it has waited, so that half of the time is its own under any
    load.

    Args:
        longest_s: How long it waits at once, in seconds.
        clock: Seconds that never go back.
    """

    def __init__(
        self, *, longest_s: float = LONGEST_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._longest_s: Final = longest_s
        self._clock: Final = clock
        self._requests = 0
        self._nobody: Final = Event()
        self._works_until = clock()

    @contextmanager
    def first(self) -> Iterator[None]:
        """Go before assessing for as long as the block lasts; on the event loop."""
        self._requests += 1
        self._nobody.clear()
        try:
            yield
        finally:
            self._requests -= 1
            if not self._requests:
                self._nobody.set()

    def give_way(self) -> None:
        """Wait if a request is under way and it is its turn; on the thread that assesses."""
        if not self._requests:
            return
        began = self._clock()
        if began < self._works_until:
            return
        self._nobody.wait(self._longest_s)
        ended = self._clock()
        self._works_until = ended + (ended - began)
