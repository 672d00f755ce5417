"""What guards in applications are told: the budgets that they can hold, what is spent, their share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from otel_costattr.limits import pico, usd
from otel_costattr.model import DIMENSIONS
from otel_costattr_collector.budgets.book import BudgetBook, Window, window_at
from otel_costattr_collector.budgets.leases import Held, Known, Leases, Share
from otel_costattr_collector.budgets.records import Budget
from otel_costattr_collector.budgets.status import days_of
from otel_costattr_collector.plain import decimal_text
from otel_costattr_collector.queries import ROOTS
from otel_costattr_collector.store import Store

FRESH_S: Final = 2.0
"""Seconds for which what was read of the ledger answers all guards."""

_LONGEST_S: Final = 32 * 86_400.0
_KNOWABLE: Final = frozenset({*DIMENSIONS, *ROOTS, "model", "provider"})

Usd = Annotated[Decimal, Field(max_digits=40, decimal_places=12, allow_inf_nan=False)]


class HeldWords(BaseModel):
    """What a guard says about one limit."""

    model_config = ConfigDict(extra="forbid")

    settled_usd: Usd
    used_usd: Usd
    cap_usd: Usd | None


class Report(BaseModel):
    """What a guard says when it asks."""

    model_config = ConfigDict(extra="forbid")

    guard: Annotated[str, Field(min_length=1, max_length=64)]
    sequence: Annotated[int, Field(ge=1, lt=2**62)]
    leaving: bool = False
    holds_s: Annotated[float, Field(gt=0, le=_LONGEST_S)] | None = None
    accounts: Annotated[dict[str, HeldWords], Field(max_length=100_000)] = {}


class Step(BaseModel):
    """What is answered from some amount on."""

    at_usd: str
    action: str
    model: str


class LimitWords(BaseModel):
    """One limit as guards read it."""

    account: str = Field(description="Budget and start of the period.")
    budget: str
    filters: dict[str, list[str]]
    steps: list[Step]
    others_usd: str = Field(description="What everybody but the asking process spent or may.")
    cap_usd: str | None = Field(description="The most that the asking process may spend.")


class LimitsAnswer(BaseModel):
    """All limits."""

    lag_s: float = Field(description="Seconds after which a call that is over is in the ledger.")
    limits: list[LimitWords]


class Limits:
    """Answers guards.

    Args:
        store: The ledger.
        leases: The shares of all processes.
        clock: Seconds of a clock that only runs forward, that of the leases.
        now_ns: Nanoseconds UTC.
    """

    def __init__(
        self,
        store: Store,
        leases: Leases,
        *,
        clock: Callable[[], float] = time.monotonic,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store: Final = store
        self._book: Final = BudgetBook(store)
        self._leases: Final = leases
        self._clock: Final = clock
        self._now_ns: Final = now_ns
        self._lock: Final = threading.Lock()
        self._read_s = float("-inf")
        self._found: tuple[tuple[Budget, Window, Decimal], ...] = ()

    def answer(self, report: Report | None, *, tenant: str = "") -> LimitsAnswer:
        """Tell the limits; to a guard with its shares.

        Args:
            report: What the guard says; None for somebody who only looks.
            tenant: The only tenant whose budgets are told, or `''` for all.

        Raises:
            BadInput: A later question of this guard was answered before.
            RetryableError: The collector has just started, and the guard is a new one.
            StoreError: The store refused or did not answer.
        """
        found, read_s = self._known(tenant)
        known = {
            _account(budget, window): Known(
                limit=_pico(budget.block_at()), spent=pico(spent), at_s=read_s
            )
            for budget, window, spent in found
        }
        shares: Mapping[str, Share] = {
            name: Share(others=one.spent, cap=None) for name, one in known.items()
        }
        if report is not None:
            held = {name: _held(words) for name, words in report.accounts.items()}
            holds_s = _LONGEST_S if report.holds_s is None else report.holds_s
            shares = self._leases.share(
                report.guard,
                report.sequence,
                held,
                known,
                holds_s=holds_s,
                leaving=report.leaving,
            )
        return LimitsAnswer(
            lag_s=self._leases.lag_s,
            limits=[
                _words(budget, _account(budget, window), shares[_account(budget, window)])
                for budget, window, _ in found
            ],
        )

    def _known(self, tenant: str) -> tuple[tuple[tuple[Budget, Window, Decimal], ...], float]:
        with self._lock:
            if self._clock() - self._read_s >= FRESH_S:
                read_s, now_ns = self._clock(), self._now_ns()
                self._found = tuple(
                    self._spent(one, now_ns)
                    for one in self._book.in_force(now_ns)
                    if all(name in _KNOWABLE or name.startswith("tags.") for name in one.filters)
                )
                self._read_s = read_s
            told = [one for one in self._found if not tenant or _is_of(one[0], tenant)]
            return tuple(told), self._read_s

    def _spent(self, budget: Budget, now_ns: int) -> tuple[Budget, Window, Decimal]:
        window = window_at(budget.period, budget.time_zone, now_ns)
        days = days_of(self._store, budget, window.first, until_ns=window.end_ns)
        costs = (one.cost for one in days.values() if one.cost is not None)
        return budget, window, sum(costs, Decimal(0))


def _is_of(budget: Budget, tenant: str) -> bool:
    return budget.filters.get("tenant") == [tenant]


def _account(budget: Budget, window: Window) -> str:
    return f"{budget.id}@{window.start_ns}"


def _pico(amount: Decimal | None) -> int | None:
    return None if amount is None else pico(amount)


def _held(words: HeldWords) -> Held:
    return Held(
        settled=pico(words.settled_usd), used=pico(words.used_usd), cap=_pico(words.cap_usd)
    )


def _words(budget: Budget, account: str, share: Share) -> LimitWords:
    steps: list[dict[str, Any]] = [
        {
            "at_usd": decimal_text(budget.amount_usd * one.percent / 100),
            "action": one.action,
            "model": one.model,
        }
        for one in budget.thresholds
    ]
    return LimitWords(
        account=account,
        budget=budget.id,
        filters=budget.filters,
        steps=[Step.model_validate(step) for step in steps],
        others_usd=usd(share.others),
        cap_usd=None if share.cap is None else usd(share.cap),
    )
