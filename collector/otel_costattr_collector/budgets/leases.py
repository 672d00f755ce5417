"""Who may spend how much of a limit: shares of many processes that never sum to more than there is.

Pure but for a clock that is passed in; amounts are whole numbers of 1e-12 USD.

For each limit L, at every moment: the shares in force, plus what was spent outside of them, are at
most L. A share in force is the larger of the one a process said that it holds and the one it was
sent last, since an answer may be lost. What was spent outside is what the ledger knows less what
the processes said that they had spent so long ago that the ledger must have it: never too little.
A process gets what it uses plus one part of what is free, the free amount divided by one more than
the processes there are, so that a new one always finds some.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from otel_costattr.errors import BadInput, RetryableError


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a process says about one limit, 1e-12 USD.

    Attributes:
        settled: Cost of its calls that are over.
        used: The same, plus what its calls under way may cost.
        cap: The most that it may spend by the last answer that it got; None without one.
    """

    settled: int
    used: int
    cap: int | None


MAX_PROCESSES: Final = 10_000
NOTHING: Final = Held(settled=0, used=0, cap=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the ledger says about one limit, 1e-12 USD.

    Attributes:
        limit: From how much on calls are blocked; None where they never are.
        spent: Cost in the ledger.
        at_s: When it was read, by the clock of the leases.
    """

    limit: int | None
    spent: int
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a process is told, 1e-12 USD.

    Attributes:
        others: What everybody else spent or may be spending.
        cap: The most that it may spend in this period itself; None where nothing is blocked.
    """

    others: int
    cap: int | None


@dataclass(slots=True)
class _Part:
    held: Held = NOTHING
    committed: int = 0
    history: deque[tuple[float, int]] = field(default_factory=deque)

    def confirmed(self, before_s: float) -> int:
        """Return what was settled so long ago that the ledger has it."""
        while len(self.history) > 1 and self.history[1][0] <= before_s:
            self.history.popleft()
        return self.history[0][1] if self.history and self.history[0][0] <= before_s else 0


@dataclass(slots=True)
class _Process:
    sequence: int = 0
    until_s: float = 0.0
    parts: dict[str, _Part] = field(default_factory=dict)


class Leases:
    """The shares of all processes that ask this collector.

    Args:
        lag_s: Seconds after which a call that is over is in the ledger.
        warm_s: Seconds after the start in which nobody gets more than it holds: processes that
            asked an earlier run of the collector hold shares that this one does not know yet.
        clock: Seconds of a clock that only runs forward.
    """

    def __init__(
        self, *, lag_s: float, warm_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.lag_s: Final = lag_s
        self._clock: Final = clock
        self._warm_until: Final = clock() + warm_s
        self._processes: dict[str, _Process] = {}
        self._lock: Final = threading.Lock()

    @property
    def processes(self) -> int:
        """How many processes hold shares."""
        return len(self._processes)

    def share(
        self,
        name: str,
        sequence: int,
        held: Mapping[str, Held],
        known: Mapping[str, Known],
        *,
        holds_s: float,
        leaving: bool = False,
    ) -> dict[str, Share]:
        """Hear one process, and tell it its shares.

        Args:
            name: The process.
            sequence: Number of its question; an older one than was heard before is refused.
            held: What it says, by account: a budget in a period.
            known: What the ledger says, by account, of all accounts that it is told of.
            holds_s: Seconds that it may act on the answer, its calls included.
            leaving: Whether it ends: it keeps what it uses, and no more.

        Raises:
            BadInput: A later question was answered before.
            RetryableError: The process is a new one, and the collector has just started or hears too
                many.
        """
        with self._lock:
            now_s = self._clock()
            self._forget(now_s)
            warm = now_s < self._warm_until
            if warm and sequence == 1:
                raise RetryableError("the collector has just started and hears who holds what")
            if name not in self._processes and len(self._processes) >= MAX_PROCESSES:
                raise RetryableError(f"{MAX_PROCESSES} processes hold shares already")
            process = self._processes.setdefault(name, _Process())
            if sequence <= process.sequence:
                raise BadInput(f"question {sequence} comes after question {process.sequence}")
            process.sequence = sequence
            process.until_s = now_s + holds_s + self.lag_s
            parts: dict[str, _Part] = {}
            for account in known:
                part = process.parts.get(account) or _Part()
                part.held = held.get(account, NOTHING)
                part.history.append((now_s, part.held.settled))
                part.committed = max(part.held.used, part.held.cap or 0)
                parts[account] = part
            process.parts = parts
            shares = {
                account: self._share(name, account, what, warm=warm, leaving=leaving)
                for account, what in known.items()
            }
            for account, share in shares.items():
                if share.cap is not None:
                    parts[account].committed = max(parts[account].committed, share.cap)
                    if leaving:
                        parts[account].committed = parts[account].held.used
            return shares

    def _share(self, name: str, account: str, known: Known, *, warm: bool, leaving: bool) -> Share:
        before_s = known.at_s - self.lag_s
        confirmed = used = committed = 0
        own = self._processes[name].parts[account]
        for process in self._processes.values():
            part = process.parts.get(account)
            if part is not None:
                confirmed += part.confirmed(before_s)
                if part is not own:
                    used += part.held.used
                    committed += part.committed
        outside = max(known.spent - confirmed, 0)
        if known.limit is None:
            return Share(others=outside + used, cap=None)
        if warm or leaving:
            cap = max(own.held.used, 0 if leaving else own.held.cap or 0)
        else:
            free = known.limit - outside - committed - own.held.used
            cap = own.held.used + max(free, 0) // (len(self._processes) + 1)
        return Share(others=outside + used, cap=cap)

    def _forget(self, now_s: float) -> None:
        gone = [name for name, process in self._processes.items() if process.until_s < now_s]
        for name in gone:
            del self._processes[name]
