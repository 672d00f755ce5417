"""Requests that wait together share one commit."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from ..errors import Overloaded, ShuttingDown

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """How full the queue is.

    Attributes:
        waiting: Weight of what waits or is being committed.
        limit: Weight above which nothing more is taken.
        commits: Commits that were begun.
    """

    waiting: int
    limit: int
    commits: int


class GroupCommit(Generic[Item]):
    """Commits items in the order they came, many at once, on a thread of its own.

    While one commit runs, the next group gathers; so the group grows with the load and a lone
    item waits for nobody.

    Args:
        commit: Makes a group durable; runs on the thread. What it raises goes to each waiter.
        name: Of the thread.
        max_waiting: Weight above which `submit` refuses.
        max_group: Weight at which a group is closed; a heavier single item is a group alone.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Item]], None],
        *,
        name: str,
        max_waiting: int,
        max_group: int,
    ) -> None:
        self._commit: Final = commit
        self._thread: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._max_waiting: Final = max_waiting
        self._max_group: Final = max_group
        self._queue: deque[tuple[Item, int, asyncio.Future[None]]] = deque()
        self._waiting = 0
        self._commits = 0
        self._closing = False
        self._worker: asyncio.Task[None] | None = None

    async def submit(self, item: Item, weight: int) -> None:
        """Return once the item is durable.

        Args:
            item: What to commit.
            weight: Its share of the limits, such as its number of spans.

        Raises:
            Overloaded: Too much waits already; the item was not taken.
            ShuttingDown: `drain` was called; the item was not taken.
            Exception: Whatever the commit of its group raised.
        """
        if self._closing:
            raise ShuttingDown("the collector is stopping: send this to another one, or later")
        if self._waiting and self._waiting + weight > self._max_waiting:
            raise Overloaded(
                f"{self._waiting} spans wait already, {self._max_waiting} may: send again later"
            )
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((item, weight, done))
        self._waiting += weight
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        await done

    async def drain(self) -> None:
        """Take nothing more and return once everything that was taken is committed."""
        self._closing = True
        while self._worker is not None:
            await asyncio.shield(self._worker)
        self._thread.shutdown(wait=True)

    def statistics(self) -> Statistics:
        """Return how full the queue is."""
        return Statistics(waiting=self._waiting, limit=self._max_waiting, commits=self._commits)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._queue:
                group = self._next_group()
                items = [item for item, _, _ in group]
                self._commits += 1
                error: Exception | None = None
                try:
                    await loop.run_in_executor(self._thread, self._commit, items)
                except Exception as caught:  # noqa: BLE001 - it belongs to those who wait
                    error = caught
                self._settle(group, error)
        finally:
            self._worker = None

    def _next_group(self) -> list[tuple[Item, int, asyncio.Future[None]]]:
        group = [self._queue.popleft()]
        weight = group[0][1]
        while self._queue and weight + self._queue[0][1] <= self._max_group:
            group.append(self._queue.popleft())
            weight += group[-1][1]
        return group

    def _settle(
        self, group: list[tuple[Item, int, asyncio.Future[None]]], error: Exception | None
    ) -> None:
        for _, weight, done in group:
            self._waiting -= weight
            if done.cancelled():
                continue
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)
