"""Shares of many processes: together never more than there is, whatever is lost or late."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otel_costattr_collector.budgets import leases as leases_module
from otel_costattr_collector.budgets.leases import NOTHING, Held, Known, Leases, Share

from otel_costattr.errors import BadInput, RetryableError
from otel_costattr.guard import BudgetGuard, Reservation
from otel_costattr.limits import pico, usd
from otel_costattr.model import Owner

LAG_S = 100.0
LIMIT = pico(10)
ACME = Owner(values={"tenant": "acme"})


class World:
    """Some processes with guards, a ledger that hears of costs late, and one clock.

    Unguarded spending is part of the ledger only after the lag too, so the limit holds for what
    the guards spend beside what of it was known.
    """

    def __init__(self, processes: int, estimate: int) -> None:
        self.now_s = 0.0
        self.leases = Leases(lag_s=LAG_S, warm_s=0, clock=lambda: self.now_s)
        self.spent: list[tuple[float, int]] = []
        self.lose = False
        self.guards = [self._guard(estimate) for _ in range(processes)]
        self.open: list[Reservation] = []

    def _guard(self, estimate: int) -> BudgetGuard:
        return BudgetGuard(
            "http://nowhere",
            estimate_usd=Decimal(usd(estimate)),
            on_stale="block",
            max_stale_s=30,
            max_call_s=100_000,
            fetch=self.answer,
            clock=lambda: self.now_s,
        )

    def answer(self, report: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer as the service does; the answer may be lost on its way."""
        held = {
            name: Held(
                settled=pico(Decimal(one["settled_usd"])),
                used=pico(Decimal(one["used_usd"])),
                cap=None if one["cap_usd"] is None else pico(Decimal(one["cap_usd"])),
            )
            for name, one in report["accounts"].items()
        }
        ledger = sum(cost for at_s, cost in self.spent if at_s <= self.now_s - LAG_S)
        known = {"b@1": Known(limit=LIMIT, spent=ledger, at_s=self.now_s)}
        share = self.leases.share(
            report["guard"], report["sequence"], held, known, holds_s=report["holds_s"]
        )["b@1"]
        if self.lose:
            raise OSError("lost")
        return {
            "lag_s": LAG_S,
            "limits": [
                {
                    "account": "b@1",
                    "budget": "b",
                    "filters": {"tenant": ["acme"]},
                    "steps": [{"at_usd": usd(LIMIT), "action": "block", "model": ""}],
                    "others_usd": usd(share.others),
                    "cap_usd": usd(share.cap or 0),
                }
            ],
        }

    def total(self) -> int:
        """Everything that was spent."""
        return sum(cost for _, cost in self.spent)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("refresh"), st.integers(0, 3), st.booleans()),
        st.tuples(st.just("call"), st.integers(0, 3), st.integers(1, 8)),
        st.tuples(st.just("end"), st.integers(0, 30), st.integers(0, 100)),
        st.tuples(st.just("wait"), st.integers(1, 60), st.none()),
    ),
    max_size=120,
)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, processes=st.integers(1, 4))
def test_no_limit_is_overspent_by_calls_within_their_estimates(
    steps: list[tuple[str, int, Any]], processes: int
) -> None:
    """Random calls, waits, renewals and lost answers of up to four processes: never above 10 USD."""
    estimate = pico(1)
    world = World(processes, estimate)
    for what, number, more in steps:
        if what == "refresh":
            world.lose = more
            world.guards[number % processes].refresh()
        elif what == "call":
            made = [world.guards[number % processes].reserve(ACME) for _ in range(more)]
            world.open += [one for one in made if one.action != "block"]
        elif what == "end" and world.open:
            call = world.open.pop(number % len(world.open))
            cost = estimate * more // 100
            call.spent(Decimal(usd(cost)))
            world.spent.append((world.now_s, cost))
        elif what == "wait":
            world.now_s += number
        assert world.total() + estimate * len(world.open) <= LIMIT


@pytest.mark.parametrize("processes", [1, 2, 7])
def test_nearly_all_of_a_limit_can_be_spent(processes: int) -> None:
    """Processes that ask in turn find what is left until less than an estimate each is."""
    estimate = pico(Decimal("0.05"))
    world = World(processes, estimate)
    for _ in range(60):
        for guard in world.guards:
            guard.refresh()
            while (call := guard.reserve(ACME)).action != "block":
                call.spent(Decimal("0.05"))
                world.spent.append((world.now_s, estimate))
        world.now_s += 5

    assert LIMIT - (processes + 1) * processes * estimate <= world.total() <= LIMIT


def _leases(warm_s: float = 0) -> Leases:
    return Leases(lag_s=LAG_S, warm_s=warm_s, clock=lambda: 0.0)


def _ask(
    leases: Leases, name: str, sequence: int, held: Held = NOTHING, *, spent: int = 0, **more: Any
) -> Share:
    known = {"b": Known(limit=LIMIT, spent=spent, at_s=0)}
    return leases.share(name, sequence, {"b": held}, known, holds_s=60, **more)["b"]


def test_what_others_spent_is_not_there_to_share() -> None:
    """4 of 10 USD are in the ledger: the first process gets half of the rest, so does the next."""
    leases = _leases()

    assert _ask(leases, "p", 1, spent=pico(4)) == Share(others=pico(4), cap=pico(3))
    assert _ask(leases, "q", 1, spent=pico(4)) == Share(others=pico(4), cap=pico(1))


def test_a_process_that_leaves_gives_back_what_it_does_not_use() -> None:
    """It held 5 USD and used 1: the next process finds 9 to share."""
    leases = _leases()
    _ask(leases, "p", 1)
    left = _ask(leases, "p", 2, Held(settled=pico(1), used=pico(1), cap=pico(5)), leaving=True)

    assert left.cap == pico(1)
    assert _ask(leases, "q", 1) == Share(others=pico(1), cap=pico(3))


def test_a_collector_that_starts_again_gives_no_more_than_is_held() -> None:
    """A process that held 5 USD keeps them; a new one is told to come back."""
    leases = _leases(warm_s=30)

    assert _ask(leases, "p", 7, Held(settled=0, used=0, cap=pico(5))).cap == pico(5)
    with pytest.raises(RetryableError, match="just started"):
        _ask(leases, "q", 1)


def test_questions_out_of_order_are_refused() -> None:
    """An old one must not undo what a newer one said."""
    leases = _leases()
    _ask(leases, "p", 2)

    with pytest.raises(BadInput, match="after question 2"):
        _ask(leases, "p", 2)
    assert leases.processes == 1


def test_a_budget_that_blocks_nothing_has_no_cap() -> None:
    """The process learns what the others spent."""
    found = _leases().share("p", 1, {}, {"b": Known(limit=None, spent=7, at_s=0)}, holds_s=60)

    assert found == {"b": Share(others=7, cap=None)}


def test_the_share_of_a_process_that_is_gone_comes_back() -> None:
    """60 s that it may act and 100 s until the ledger knows: then its 5 USD are free again."""
    clock = [0.0]
    leases = Leases(lag_s=LAG_S, warm_s=0, clock=lambda: clock[0])
    _ask(leases, "p", 1)
    clock[0] = 161

    assert _ask(leases, "q", 1).cap == pico(5)
    assert leases.processes == 1


def test_processes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes up names does not fill the memory."""
    monkeypatch.setattr(leases_module, "MAX_PROCESSES", 1)
    leases = _leases()
    _ask(leases, "p", 1)
    _ask(leases, "p", 2)

    with pytest.raises(RetryableError, match="already"):
        _ask(leases, "q", 1)
