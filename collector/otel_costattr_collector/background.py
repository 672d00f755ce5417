"""Work beside the requests, from the start of the service to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Final

Work = Callable[[asyncio.Event], Coroutine[None, None, None]]
"""Works until the event is set; no failure ends it before."""


class Background:
    """Runs several pieces of work side by side.

    Args:
        work: What is run.
    """

    def __init__(self, work: Sequence[Work]) -> None:
        self._work: Final = work
        self._stopping: Final = asyncio.Event()
        self._tasks: frozenset[asyncio.Task[None]] = frozenset()

    def start(self) -> None:
        """Begin all of it, in the running event loop."""
        self._tasks = frozenset(asyncio.create_task(run(self._stopping)) for run in self._work)

    def end(self) -> None:
        """Ask all of it to end."""
        self._stopping.set()

    async def ended(self, *, timeout_s: float) -> None:
        """Wait until all of it has ended, or for so many seconds."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)
