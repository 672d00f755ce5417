"""`BudgetGuard`: what it answers, what it counts, and that it never gets in the way."""

from __future__ import annotations

import decimal
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from guard.limited import ACME, GLOBEX, Collector, limit, owner
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from otel_costattr import BudgetGuard, attribution
from otel_costattr.errors import BadSettings
from otel_costattr.limits import pico, usd
from otel_costattr.model import Owner

STEPS = (("0.5", "warn", ""), ("0.8", "degrade", "gpt-4o-mini"), ("1", "block", ""))


@pytest.mark.parametrize(
    ("others", "action", "model"),
    [
        ("0.49", "allow", ""),
        ("0.5", "warn", ""),
        ("0.8", "degrade", "gpt-4o-mini"),
        ("1", "block", ""),
        ("7", "block", ""),
    ],
)
def test_the_highest_threshold_that_is_reached_answers(
    others: str, action: str, model: str
) -> None:
    """Half of 1 USD warns, 0.80 changes the model, 1 USD blocks: whoever spent it."""
    guard = Collector(limit(steps=STEPS, others=others, cap="1")).guard()
    found = guard.ask(ACME)

    assert (found.action, found.model) == (action, model)
    assert (found.budget, found.reason) == (("b", "threshold") if action != "allow" else ("", ""))
    assert guard.reserve(ACME).action == action


@pytest.mark.parametrize(
    ("filters", "who", "words", "counts"),
    [
        pytest.param({}, GLOBEX, {}, True, id="everybody"),
        pytest.param({"tenant": ["acme"]}, GLOBEX, {}, False, id="another tenant"),
        pytest.param({"tenant": ["acme", "globex"]}, GLOBEX, {}, True, id="one of two"),
        pytest.param({"tenant": [""]}, Owner(), {}, True, id="nobody knows whose"),
        pytest.param(
            {"tenant": ["acme"], "feature": ["chat"]},
            owner(tenant="acme", feature="chat"),
            {},
            True,
            id="both",
        ),
        pytest.param({"tenant": ["acme"], "feature": ["chat"]}, ACME, {}, False, id="only one"),
        pytest.param({"tags.eu": ["y"]}, owner(tags={"eu": "y"}), {}, True, id="a tag"),
        pytest.param({"model": ["gpt-4o"]}, ACME, {"model": "gpt-4o"}, True, id="a model"),
        pytest.param({"model": ["gpt-4o"]}, ACME, {}, False, id="another model"),
        pytest.param(
            {"tenant_root": ["org_1"]}, owner(tenant="org_1:user_7"), {}, True, id="an organisation"
        ),
        pytest.param(
            {"tenant_root": ["org_1"]}, owner(tenant="org_12:user_7"), {}, False, id="another one"
        ),
        pytest.param({"provider": ["openai"]}, ACME, {"provider": "openai"}, True, id="provider"),
    ],
)
def test_a_budget_counts_what_its_filters_say(
    filters: dict[str, list[str]], who: Owner, words: dict[str, str], counts: object
) -> None:
    """Every dimension of it has to fit."""
    guard = Collector(limit(filters=filters, others="1")).guard()

    assert (guard.ask(who, **words).action == "block") is counts


def test_the_owner_in_force_is_asked_for() -> None:
    """`attribution` says whose call it is."""
    guard = Collector(limit(others="1")).guard()

    with attribution(tenant="acme"):
        assert guard.ask().action == "block"
    assert guard.ask().action == "allow"


def test_the_strictest_of_several_budgets_answers() -> None:
    """One warns, one blocks: the call is blocked, and holds nothing of the other one."""
    collector = Collector(
        limit("a", {}, steps=(("0", "warn", ""),), cap=None), limit("b", others="0.95", cap="0.05")
    )
    guard = collector.guard()
    assert guard.ask(ACME).action == "warn"
    blocked = guard.reserve(ACME)

    assert (blocked.action, blocked.decision.budget, blocked.decision.reason) == (
        "block", "b", "limit",
    )  # fmt: skip
    guard.refresh()
    assert collector.told[-1]["accounts"]["a@1"]["used_usd"] == "0.000000000000"


def test_estimates_of_calls_under_way_count() -> None:
    """Nine of ten dimes fit beside a dime that was spent; one that cost nothing makes room."""
    guard = Collector(limit()).guard()
    guard.reserve(ACME).spent(Decimal("0.10"))
    held = [guard.reserve(ACME) for _ in range(9)]

    assert [one.action for one in held] == ["allow"] * 9
    assert guard.reserve(ACME).action == "block"
    held[0].spent(0)
    held[0].spent(100)  # only the first word counts
    assert guard.reserve(ACME).action == "allow"


def test_an_estimate_may_be_that_of_the_call() -> None:
    """60 cents fit twice in no dollar."""
    guard = Collector(limit()).guard()
    first = guard.reserve(ACME, estimate_usd=Decimal("0.60"))

    assert (first.action, first.model) == ("allow", "")
    assert guard.reserve(ACME, estimate_usd=Decimal("0.60")).action == "block"


def test_64_threads_at_the_limit_overspend_by_nothing() -> None:
    """A call costs at most its estimate: 64 threads spend 100 USD to the cent and no more."""
    guard = Collector(limit(steps=(("100", "block", ""),), cap="100")).guard(estimate="0.25")
    costs = [Decimal("0.25"), Decimal("0.01"), Decimal("0.13")]
    spent: list[Decimal] = []
    gate = threading.Barrier(64)

    def work() -> None:
        gate.wait()
        number = 0
        while True:
            with guard.reserve(ACME) as call:
                if call.action == "block":
                    return
                cost = costs[number % 3]
                call.spent(cost)
                spent.append(cost)
            number += 1

    threads = [threading.Thread(target=work) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Decimal("99.75") < sum(spent) <= 100


def test_64_threads_with_calls_dearer_than_estimated_stay_within_the_bound() -> None:
    """Estimate 0.10, cost 0.35: the overspend is at most the calls under way times 0.25 USD."""
    guard = Collector(limit(steps=(("10", "block", ""),), cap="10")).guard()
    cost, estimate = Decimal("0.35"), Decimal("0.10")
    spent: list[Decimal] = []
    gate = threading.Barrier(64)

    def work() -> None:
        gate.wait()
        while True:
            call = guard.reserve(ACME)
            if call.action == "block":
                return
            call.spent(cost)
            spent.append(cost)

    threads = [threading.Thread(target=work) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 10 - estimate < sum(spent) <= 10 + 64 * (cost - estimate)


def test_a_cost_that_is_never_told_is_its_estimate_until_the_ledger_knows() -> None:
    """Lag 120 s: before it the dollar is taken, after it the collector tells of it, not we."""
    collector = Collector(limit())
    guard = collector.guard(estimate="1")
    with guard.reserve(ACME) as call:
        assert call.action == "allow"
    collector.now_s += 119
    guard.refresh()
    assert guard.ask(ACME).action == "block"
    collector.now_s += 2
    guard.refresh()
    assert guard.ask(ACME).action == "allow"


def test_a_call_that_is_never_closed_is_over_some_time() -> None:
    """After 600 s its estimate is given back."""
    collector = Collector(limit())
    guard = collector.guard(estimate="1")
    guard.reserve(ACME)
    for seconds, used in ((599, "1.000000000000"), (2, "0.000000000000")):
        collector.now_s += seconds
        guard.refresh()
        assert collector.told[-1]["accounts"]["b@1"]["used_usd"] == used


@pytest.mark.parametrize(
    ("on_stale", "action", "reason"),
    [("allow", "allow", "stale"), ("block", "block", "stale"), ("last", "warn", "threshold")],
)
def test_a_copy_that_is_too_old_answers_as_was_chosen(
    on_stale: Any, action: str, reason: str
) -> None:
    """After 60 s without a collector; calls are counted all the same."""
    collector = Collector(limit(steps=(("0", "warn", ""),), cap=None))
    guard = collector.guard(on_stale=on_stale)
    assert guard.ask(ACME).action == "warn"
    collector.error = OSError("nobody there")
    collector.now_s += 61

    assert guard.refresh() is False
    for found in (guard.ask(ACME), guard.reserve(ACME).decision):
        assert (found.action, found.reason) == (action, reason)
    assert guard.failures == {"BudgetGuard.refresh": 1}


def test_before_the_first_copy_nothing_is_known() -> None:
    """`allow` unless the application chose otherwise."""
    collector = Collector()
    collector.error = OSError("not yet")

    assert collector.guard().reserve(ACME).action == "allow"
    assert collector.guard(on_stale="last").reserve(ACME).action == "allow"
    assert collector.guard(on_stale="block").reserve(ACME).action == "block"


@pytest.mark.parametrize(
    "broken",
    [
        {"cap_usd": "much"},
        {"steps": [{"at_usd": "1", "action": "explode", "model": ""}]},
        {"filters": None},
        {"others_usd": "NaN"},
    ],
    ids=str,
)
def test_an_answer_that_makes_no_sense_changes_nothing(broken: dict[str, Any]) -> None:
    """The last good copy stays; the failure is counted."""
    collector = Collector(limit(others="1"))
    guard = collector.guard()
    collector.limits = [limit() | broken]

    assert guard.refresh() is False
    assert guard.ask(ACME).action == "block"
    assert guard.failures == {"BudgetGuard.refresh": 1}


def test_nothing_raises_into_the_application() -> None:
    """An owner that is none, a cost that is none: counted, and the call goes on."""
    guard = Collector(limit()).guard()
    wrong: Any = object()

    assert guard.ask(wrong).action == "allow"
    assert guard.reserve(wrong).action == "allow"
    call = guard.reserve(ACME)
    call.spent(wrong)
    call.spent(Decimal(-1))
    assert guard.failures == {
        "BudgetGuard.ask": 1, "BudgetGuard.reserve": 1, "BudgetGuard.spent": 2,
    }  # fmt: skip
    assert guard.reserve(GLOBEX).action == "allow"


def test_what_was_spent_stays_when_the_copy_is_renewed() -> None:
    """A new cap holds for all of it; a new period begins at nothing, an ended budget is gone."""
    collector = Collector(limit())
    guard = collector.guard()
    guard.reserve(ACME).spent(Decimal("0.95"))
    guard.refresh()
    assert guard.reserve(ACME).action == "block"
    assert collector.told[-1]["accounts"]["b@1"] == {
        "settled_usd": "0.950000000000",
        "used_usd": "0.950000000000",
        "cap_usd": "1.000000000000",
    }
    collector.limits = [limit() | {"account": "b@2"}]
    guard.refresh()
    assert guard.reserve(ACME).action == "allow"
    collector.limits = []
    guard.refresh()
    assert guard.ask(ACME).reason == ""


def test_a_thread_runs_only_between_start_and_stop() -> None:
    """It renews at once; stopping gives the share back, and answers are stale."""
    collector = Collector(limit(others="1"))
    guard = BudgetGuard("http://nowhere", fetch=collector.fetch, on_stale="block", refresh_s=0.001)
    threads = threading.active_count()
    with guard:
        assert guard.start() is guard
        assert threading.active_count() == threads + 1
        while len(collector.told) < 3:
            pass
        assert guard.ask(ACME).budget == "b"
    assert threading.active_count() == threads
    assert [one["leaving"] for one in collector.told[-2:]] == [False, True]
    assert guard.ask(ACME).reason == "stale"
    guard.stop()


def test_a_cost_told_between_the_end_and_a_new_copy_counts() -> None:
    """The first word counts, be it late: 0.95 instead of the estimate of 0.10."""
    guard = Collector(limit()).guard()
    with guard.reserve(ACME) as call:
        pass
    call.spent(Decimal("0.95"))
    with call:
        pass

    assert guard.reserve(ACME).action == "block"


def test_one_renewal_at_a_time() -> None:
    """A second one that meets the first does nothing: an older answer never replaces a newer."""
    inner: list[bool] = []

    def fetch(_: Any) -> dict[str, Any]:
        inner.append(guard.refresh())
        return {"limits": [], "lag_s": 1}

    guard = BudgetGuard("https://nowhere", fetch=fetch)

    assert (guard.refresh(), inner) == (True, [False])


@pytest.mark.parametrize(
    "words",
    [
        {"url": "collector:8320"},
        {"refresh_s": 0},
        {"refresh_s": 30},
        {"estimate_usd": Decimal(-1)},
        {"on_stale": "guess"},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_when_it_is_made(words: dict[str, Any]) -> None:
    """A wrong setting is told at the start, not while calls run."""
    with pytest.raises(BadSettings, match="BudgetGuard"):
        BudgetGuard(**{"url": "http://x", **words})


def test_a_forked_child_is_a_process_of_its_own() -> None:
    """With the lock held at the fork: the child has another name, no copy, its own thread."""
    collector = Collector(limit())
    guard = collector.guard()
    guard.reserve(ACME).spent(1)
    reading, writing = os.pipe()
    guard._started = True
    with guard._lock:
        child = os.fork()
        if not child:
            found = [guard.reserve(ACME).action, guard._thread is not None, guard._id]
            os.write(writing, json.dumps(found).encode())
            os._exit(0)
    os.waitpid(child, 0)
    action, has_thread, name = json.loads(os.read(reading, 1000))
    for end in (reading, writing):
        os.close(end)

    assert (action, has_thread) == ("allow", True)
    assert name != guard._id
    assert guard.ask(ACME).action == "block"


@contextmanager
def _answering(seen: list[tuple[str, str | None]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, self.headers["X-API-Key"]))
            body = json.dumps({"limits": [limit(others="1")], "lag_s": 1}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_limits_come_over_http() -> None:
    """From `/v1/limits` of the collector, with the key if there is one."""
    seen: list[tuple[str, str | None]] = []
    with _answering(seen) as url:
        with_key = BudgetGuard(f"{url}/", key="k")
        assert with_key.refresh() is True
        assert BudgetGuard(url).refresh() is True

    assert with_key.ask(ACME).action == "block"
    assert seen == [("/v1/limits", "k"), ("/v1/limits", None)]


@given(st.decimals(min_value=-1000, max_value=1000, places=12))
def test_amounts_are_exact_whatever_the_context(amount: Decimal) -> None:
    """An application that computes with three digits changes no limit."""
    with decimal.localcontext(decimal.Context(prec=3, traps=[decimal.Inexact])):
        text = usd(pico(amount))
    assert Decimal(text) == amount


def test_an_estimate_is_rounded_up() -> None:
    """A third of 1e-12 USD is held as 1e-12."""
    assert pico(Decimal("1E-13")) == 1
