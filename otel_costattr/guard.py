"""Budgets at the place where money is spent: may this call be made, and with which model?

`BudgetGuard` answers from a copy of the limits in this process. A thread of its own renews the copy
from the collector; a call never waits for it.

**How much can be overspent.** The collector hands each process a cap, such that the caps of all
processes and everything else that was spent sum to no more than the limit. A call is let through
only if what this process has spent, plus the estimates of its calls under way, plus its own
estimate fit under the cap. So a limit is overspent by at most the sum, over the calls under way
when it is reached, of what each of them costs above its estimate: by nothing if the estimate is
the most that a call can cost.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Literal, Self

from otel_costattr.context import current_owner
from otel_costattr.errors import BadSettings
from otel_costattr.guest import Tally, reset_after_fork
from otel_costattr.limits import (
    ALLOW,
    Account,
    Action,
    Decision,
    Index,
    Limit,
    decide,
    over_http,
    pico,
    read_limit,
    usd,
)
from otel_costattr.model import Owner

OnStale = Literal["allow", "block", "last"]
Fetch = Callable[[Mapping[str, Any]], Mapping[str, Any]]

LONGEST_REFRESH_S: Final = 20.0
"""A collector that starts again waits longer than this for the processes that hold a share."""

_NEVER: Final = float("-inf")


class Reservation:
    """A call that was asked for: use it as a context manager, and say what the call cost.

    A call whose cost is never told counts with its estimate until the collector knows better.

    Attributes:
        decision: What the guard answered.
        accounts: Where the estimate is held; the guard's own business, like the next three.
        estimate: What the call is taken to cost, 1e-12 USD.
        until: When it is taken to be over, by the guard's clock.
        over: Whether its cost was told, or it holds nothing.
    """

    __slots__ = ("_guard", "accounts", "decision", "estimate", "over", "until")

    def __init__(
        self,
        guard: BudgetGuard,
        decision: Decision,
        accounts: tuple[Account, ...] = (),
        estimate: int = 0,
        until: float = 0.0,
    ) -> None:
        self.decision = decision
        self._guard = guard
        self.accounts = accounts
        self.estimate = estimate
        self.until = until
        self.over = not accounts

    @property
    def action(self) -> Action:
        """`allow`, `warn`, `degrade` or `block`."""
        return self.decision.action

    @property
    def model(self) -> str:
        """The cheaper model to use, where the action is `degrade`."""
        return self.decision.model

    def spent(self, cost_usd: Decimal | int) -> None:
        """Say what the call cost; only the first word counts, and it never raises.

        Args:
            cost_usd: USD, not negative.
        """
        self._guard.spent(self, cost_usd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.over:
            self._guard._leave(self)  # noqa: SLF001 - both are one thing


class BudgetGuard:
    """Answers whether a call may be made, from a local copy of the limits.

    Nothing here raises into the application, and no answer waits for the network. There is no
    thread before `start()`; after a fork the child starts its own.

    Args:
        url: API of a collector, such as `http://collector:8320`.
        key: A key with the role ingest; `''` if none is needed.
        estimate_usd: What a call is taken to cost until it is told; the most that one can cost
            makes limits exact.
        refresh_s: Seconds between two copies, 20 at most.
        max_stale_s: Seconds after which a copy is too old.
        on_stale: What is answered without a fresh copy: `allow`, `block`, or `last` for what the
            last copy says.
        max_call_s: Seconds after which a call that was never closed is taken to be over.
        fetch: Asks the collector; None for HTTP. For tests.
        clock: Seconds of a clock that only runs forward.

    Raises:
        BadSettings: The address is no http or https URL, or a number makes no sense.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str = "",
        estimate_usd: Decimal = Decimal("0.01"),
        refresh_s: float = 5.0,
        max_stale_s: float = 60.0,
        on_stale: OnStale = "allow",
        max_call_s: float = 600.0,
        fetch: Fetch | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise BadSettings(f"BudgetGuard: {url!r} is no address such as http://collector:8320")
        if min(refresh_s, max_stale_s, max_call_s) <= 0 or refresh_s > LONGEST_REFRESH_S:
            raise BadSettings(
                f"BudgetGuard: times are above 0 seconds, refresh_s is {LONGEST_REFRESH_S:g} at most"
            )
        if not 0 <= estimate_usd < 10**12:
            raise BadSettings(f"BudgetGuard: estimate_usd={estimate_usd}: no call costs that")
        if on_stale not in {"allow", "block", "last"}:
            raise BadSettings(f"BudgetGuard: on_stale={on_stale!r}: use allow, block or last")
        self._estimate: Final = pico(estimate_usd)
        self._refresh_s: Final = refresh_s
        self._max_stale_s: Final = max_stale_s
        self._max_call_s: Final = max_call_s
        self._stale: Final = (
            None
            if on_stale == "last"
            else Decision(action="allow" if on_stale == "allow" else "block", reason="stale")
        )
        self._fetch: Final = fetch or over_http(url.rstrip("/"), key)
        self._clock: Final = clock
        self._tally: Final = Tally()
        self._started = False
        self._thread: threading.Thread | None = None
        self.reset()
        reset_after_fork(self)

    def reset(self) -> None:
        """Know nothing, as after a fork: another process, another share of the limits."""
        self._lock = threading.Lock()
        self._id = uuid.uuid4().hex
        self._sequence = 0
        self._busy = False
        self._accounts: dict[str, Account] = {}
        self._index = Index([])
        self._open: list[Reservation] = []
        self._fresh_until = _NEVER
        self._lag_s = 120.0
        self._stop = threading.Event()
        if self._started:  # pragma: no cover - in a forked child, which coverage does not see
            self._run()

    def start(self) -> Self:
        """Keep the copy fresh from now on; starting twice is fine."""
        with self._lock:
            started, self._started = self._started, True
        if not started:
            self._run()
        return self

    def stop(self, timeout_s: float = 6.0) -> None:
        """End the thread; answers go stale.

        Args:
            timeout_s: How long to wait for a copy that is under way, seconds.
        """
        with self._lock:
            self._started = False
            thread, self._thread = self._thread, None
        self._stop.set()
        if thread is not None:
            thread.join(timeout_s)
            self.refresh(leaving=True)
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def failures(self) -> Mapping[str, int]:
        """Place in our own code to the number of errors caught there."""
        return self._tally.statistics().failures

    def ask(self, owner: Owner | None = None, *, model: str = "", provider: str = "") -> Decision:
        """Say what a call would be told now, and reserve nothing.

        Args:
            owner: Who owns the call; None for the one in force, see `attribution`.
            model: The model that is to be called, for budgets of models.
            provider: Its provider, for budgets of providers.
        """
        try:
            stale = self._clock() > self._fresh_until
            if stale and self._stale is not None:
                return self._stale
            return decide(self._index.of(owner or current_owner(), model, provider), 0)
        except Exception as error:  # noqa: BLE001 - the application goes on, whatever it was
            return self._failed("BudgetGuard.ask", error)

    def reserve(
        self,
        owner: Owner | None = None,
        *,
        estimate_usd: Decimal | None = None,
        model: str = "",
        provider: str = "",
    ) -> Reservation:
        """Ask for a call, and hold its estimate until its cost is told.

        Args:
            owner: Who owns the call; None for the one in force, see `attribution`.
            estimate_usd: What it is taken to cost; None for the guard's own estimate.
            model: The model that is to be called, for budgets of models.
            provider: Its provider, for budgets of providers.
        """
        try:
            estimate = self._estimate if estimate_usd is None else max(pico(estimate_usd), 0)
            now = self._clock()
            stale = self._stale if now > self._fresh_until else None
            accounts = self._index.of(owner or current_owner(), model, provider)
            if not accounts:
                return Reservation(self, stale or ALLOW)
            with self._lock:
                decision = stale or decide(accounts, estimate)
                if decision.action == "block":
                    return Reservation(self, decision)
                for account in accounts:
                    account.used += estimate
                made = Reservation(self, decision, accounts, estimate, now + self._max_call_s)
                self._open.append(made)
        except Exception as error:  # noqa: BLE001 - the application goes on, whatever it was
            return Reservation(self, self._failed("BudgetGuard.reserve", error))
        return made

    def spent(self, reservation: Reservation, cost_usd: Decimal | int) -> None:
        """Say what a reserved call cost; only the first word counts, and it never raises.

        Args:
            reservation: What `reserve` returned.
            cost_usd: USD, not negative.
        """
        try:
            cost = pico(cost_usd)
            if cost < 0:
                raise ValueError(f"a call cannot cost {cost_usd} USD")  # noqa: TRY301 - counted below
            with self._lock:
                if not reservation.over:
                    reservation.over = True
                    more = cost - reservation.estimate
                    for account in reservation.accounts:
                        account.used += more
                        account.settled += cost
        except Exception as error:  # noqa: BLE001 - the estimate stands instead
            self._tally.failed("BudgetGuard.spent", error)

    def refresh(self, *, leaving: bool = False) -> bool:
        """Renew the copy now, from the calling thread; for those who run no thread.

        Args:
            leaving: Give back what is not used of the share of this process.

        Returns:
            Whether there is a fresh copy.
        """
        with self._lock:
            if self._busy:
                return False
            self._busy = True
            report = self._report(leaving=leaving)
        try:
            asked_at = self._clock()
            answer = self._fetch(report)
            limits = [read_limit(one) for one in answer["limits"]]
            lag_s = float(answer["lag_s"])
        except Exception as error:  # noqa: BLE001 - the copy grows old, and the next try may do better
            self._tally.failed("BudgetGuard.refresh", error)
            with self._lock:
                self._busy = False
            return False
        with self._lock:
            self._busy = False
            self._install(limits)
            self._lag_s = lag_s
            self._fresh_until = _NEVER if leaving else asked_at + self._max_stale_s
        return True

    def _run(self) -> None:
        stop = self._stop

        def keep_fresh() -> None:
            self.refresh()
            while not stop.wait(self._refresh_s):
                self.refresh()

        self._thread = threading.Thread(target=keep_fresh, name="costattr-budgets", daemon=True)
        self._thread.start()

    def _failed(self, where: str, error: BaseException) -> Decision:
        self._tally.failed(where, error)
        return self._stale or ALLOW

    def _leave(self, reservation: Reservation) -> None:
        """Let the estimate of a call without a cost stand until the ledger has it."""
        with self._lock:
            reservation.until = self._clock() + self._lag_s

    def _report(self, *, leaving: bool) -> dict[str, Any]:
        now = self._clock()
        for reservation in self._open:
            if not reservation.over and reservation.until < now:
                reservation.over = True
                for account in reservation.accounts:
                    account.used -= reservation.estimate
        self._open = [one for one in self._open if not one.over]
        self._sequence += 1
        return {
            "guard": self._id,
            "sequence": self._sequence,
            "leaving": leaving,
            "holds_s": None if self._stale is None else self._max_stale_s + self._max_call_s,
            "accounts": {
                name: {
                    "settled_usd": usd(account.settled),
                    "used_usd": usd(account.used),
                    "cap_usd": None if account.cap is None else usd(account.cap),
                }
                for name, account in self._accounts.items()
            },
        }

    def _install(self, limits: list[Limit]) -> None:
        accounts: dict[str, Account] = {}
        for limit in limits:
            account = accounts[limit.account] = self._accounts.get(limit.account) or Account()
            account.take(limit)
        self._accounts = accounts
        self._index = Index([(limit, accounts[limit.account]) for limit in limits])
