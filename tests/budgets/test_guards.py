"""`BudgetGuard` against the collector's API on a real port: limits, shares, staleness, 64 threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from assessed import assessed
from listening import api_at
from otel_costattr_collector.api import create_api
from otel_costattr_collector.budgets import limits
from otel_costattr_collector.ledger import encode, lines_of
from otel_costattr_collector.store import Store
from plain_http import HTTP

from otel_costattr import BudgetGuard, attribution
from otel_costattr.model import Owner

ACME = Owner(values={"tenant": "acme"})
ESTIMATE, DEARER = Decimal("0.10"), Decimal("0.35")
CALL = Decimal("0.00027")
THREADS = 64


@pytest.fixture
def url(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An API over an empty ledger, without budgets; it looks into the ledger for each answer."""
    monkeypatch.setattr(limits, "FRESH_S", 0)
    with api_at(create_api(store)) as address:
        yield address


def budget(url: str, amount: str, *, name: str = "acme", warn: int = 50) -> None:
    """Set acme's budget of this month, blocked when it is spent."""
    thresholds = [{"percent": warn}, {"percent": 100, "action": "block"}]
    one = {
        "id": name,
        "filters": {"tenant": ["acme"]},
        "period": "month",
        "amount_usd": amount,
        "thresholds": thresholds,
    }
    answer = HTTP.post(f"{url}/v1/budgets", json={"budgets": [one]})
    assert answer.status_code == 200, answer.text


def guard_of(url: str, clock: Callable[[], float] = time.monotonic) -> BudgetGuard:
    """Make a guard with a copy of the limits."""
    made = BudgetGuard(url, estimate_usd=ESTIMATE, on_stale="block", clock=clock)
    assert made.refresh()
    return made


def spend(store: Store, calls: int) -> None:
    """Book calls of acme, of now."""
    now_ns = time.time_ns()
    made = [assessed(number, start_ns=now_ns) for number in range(1, calls + 1)]
    lines = [line for one in made for line in lines_of(one)]
    store.insert(encode(lines, batch_id=calls, recorded_ns=now_ns))


def spent_by_threads(guards: list[BudgetGuard], cost: Decimal) -> Decimal:
    """Let 64 threads, divided among guards, call until each is blocked; return what they spent."""
    spent: list[Decimal] = []
    start = threading.Barrier(THREADS)

    def work(guard: BudgetGuard) -> None:
        start.wait()
        while True:
            with guard.reserve(ACME) as call:
                if call.action == "block":
                    return
                call.spent(cost)
                spent.append(cost)

    threads = [
        threading.Thread(target=work, args=(guards[place % len(guards)],))
        for place in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(spent, Decimal(0))


def until_nothing_is_left(guards: list[BudgetGuard], cost: Decimal) -> Decimal:
    """Spend share after share: each copy brings half or less of what is free."""
    total = Decimal(0)
    for _ in range(8):
        total += spent_by_threads(guards, cost)
        assert all(guard.refresh() for guard in guards)
    return total


@pytest.mark.parametrize("processes", [1, 4])
def test_64_threads_with_exact_estimates_never_overspend(url: str, processes: int) -> None:
    """20 USD by calls of a dime, in one process or four with shares of the limit: not a cent more."""
    budget(url, "20")
    guards = [guard_of(url) for _ in range(processes)]

    assert Decimal(19) <= until_nothing_is_left(guards, ESTIMATE) <= 20


def test_64_threads_overspend_by_no_more_than_the_bound(url: str) -> None:
    """Calls of 0.35 USD that are estimated at 0.10: at most 0.25 for each call under way."""
    budget(url, "5")
    total = until_nothing_is_left([guard_of(url)], DEARER)

    assert 5 - 2 * ESTIMATE < total <= 5 + THREADS * (DEARER - ESTIMATE)


def test_what_the_ledger_knows_is_in_the_next_copy(url: str, store: Store) -> None:
    """Nothing, then the half that warns, then all of it; no call asks the network."""
    budget(url, str(4 * CALL))
    guard = guard_of(url)
    with attribution(tenant="acme"):
        before = guard.ask().action
        spend(store, 2)
        unchanged = guard.ask().action
        assert guard.refresh()
        half = guard.ask().action
        spend(store, 4)
        assert guard.refresh()

        assert [before, unchanged, half, guard.ask().action] == ["allow", "allow", "warn", "block"]


def test_a_budget_that_is_set_later_holds_from_the_next_copy_on(url: str) -> None:
    """The thread of the guard renews it; here it is renewed by hand."""
    guard = guard_of(url)
    assert guard.ask(ACME).action == "allow"
    budget(url, "0.05")
    assert guard.refresh()

    assert guard.reserve(ACME).action == "block"


def test_without_a_collector_the_copy_holds_until_it_is_stale(store: Store) -> None:
    """Fresh for a minute after the collector is gone; then what the application chose."""
    now = [1_000.0]
    with api_at(create_api(store)) as address:
        budget(address, "1")
        guard = guard_of(address, clock=lambda: now[0])
    failed = guard.refresh()
    now[0] += 59
    fresh = guard.reserve(ACME)
    now[0] += 2
    stale = guard.reserve(ACME)

    assert failed is False
    assert (fresh.action, stale.action) == ("allow", "block")
    assert stale.decision.reason == "stale"
    assert guard.failures == {"BudgetGuard.refresh": 1}


def test_a_guard_that_runs_renews_its_copy_over_http(url: str) -> None:
    """Started before there is a budget, it learns of one by itself."""
    with BudgetGuard(url, refresh_s=0.02, estimate_usd=ESTIMATE) as guard:
        budget(url, "0.05")
        until = time.monotonic() + 10
        while guard.reserve(ACME).action != "block":
            assert time.monotonic() < until

    assert guard.failures == {}
