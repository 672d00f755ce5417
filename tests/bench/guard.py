"""What a guard costs in the path of a call, with a thousand budgets of tenants."""

from __future__ import annotations

import time
import timeit
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from bench.table import BenchRow

from otel_costattr import BudgetGuard, attribution
from otel_costattr.model import Owner

NUMBER = 5_000
ROUNDS = 15


def _limits(_: Mapping[str, Any]) -> Mapping[str, Any]:
    filters = [{"tenant": [f"tenant-{number}"]} for number in range(1_000)]
    steps = [
        {"at_usd": "800000", "action": "degrade", "model": "gpt-4o-mini"},
        {"at_usd": "1000000", "action": "block", "model": ""},
    ]
    return {
        "lag_s": 120,
        "limits": [
            {
                "account": f"b{number}@1",
                "budget": f"b{number}",
                "filters": one,
                "steps": steps,
                "others_usd": "1",
                "cap_usd": "500000",
            }
            for number, one in enumerate([*filters, {}, {"feature": ["chat"]}])
        ],
    }


def rows() -> Iterable[BenchRow]:
    """Measure, in CPU time of this thread, the best of several rounds."""
    guard = BudgetGuard("http://nowhere", fetch=_limits, max_stale_s=3_600)
    guard.refresh()
    owner = Owner(values={"tenant": "tenant-7", "feature": "chat"})
    cost = Decimal("0.0000321")

    def ask() -> None:
        guard.ask(owner)

    def reserve() -> None:
        guard.reserve(owner).spent(cost)

    def in_force() -> None:
        guard.reserve().spent(cost)

    peer = "1,002 budgets, 3 of them count"
    yield _row("BudgetGuard.ask(owner)", ask, peer)
    yield _row("BudgetGuard.reserve(owner) and spent", reserve, peer)
    with attribution(tenant="tenant-7", feature="chat"):
        yield _row("BudgetGuard.reserve() and spent, owner in force", in_force, peer)


def _row(what: str, work: Callable[[], None], peer: str) -> BenchRow:
    work()
    best = min(timeit.repeat(work, number=NUMBER, repeat=ROUNDS, timer=time.thread_time))
    return BenchRow(what=what, value=best / NUMBER * 1e6, unit="us", hold="<= 5", peer=peer)
