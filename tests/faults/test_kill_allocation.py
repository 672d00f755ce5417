"""SIGKILL in the middle of a run: all of it or nothing, and again changes nothing more."""

from __future__ import annotations

import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from collector.served import Served, serving, start
from plain_http import HTTP
from wire import calls, traces

SETTLE = ("--settle-seconds", "0.1", "--wrapper-settle-seconds", "0.1")
DYING = Path(__file__).with_name("killed_serve.py")
RULES = """
[[rule]]
name = "halves"
where = ["provider=openai"]
target = "tenant"
weights = { left = 1, right = 1 }
"""
ORDER = {"rules": RULES, "first_day": "2020-01-01", "last_day": "2049-12-31"}


def _allocate(served: Served, **more: object) -> httpx.Response:
    return HTTP.post(f"{served.urls['api']}/v1/allocations", json=ORDER | more, timeout=30)


def _sums(served: Served, measure: str) -> dict[str, Decimal]:
    answer = served.costs(group_by="tenant", measure=measure)
    return {row["entity_id"]: Decimal(row["total_cost"]) for row in answer["data"]}


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_killed_allocation_is_whole_after_the_start(tmp_path: Path) -> None:
    """Killed between journal and insert; the next start completes it, and a run finds no change."""
    data = tmp_path / "data"
    with serving(data, *SETTLE) as served:
        assert served.post(traces(*calls(8)).SerializeToString()).status_code == 200

    dying = start(data, *SETTLE, program=DYING)
    assert dying.process.stdout is not None
    direct = _sums(dying, "direct")
    with pytest.raises(httpx.HTTPError):
        _allocate(dying)
    assert dying.process.wait(30) == -signal.SIGKILL
    dying.process.stdout.close()

    with serving(data, *SETTLE) as served:
        total = sum(direct.values(), Decimal(0))
        loaded = _sums(served, "fully_loaded")
        again: dict[str, Any] = _allocate(served).json()

        assert total > 0
        assert {name: usd for name, usd in loaded.items() if usd} == {
            "left": total / 2,
            "right": total / 2,
        }
        assert _sums(served, "direct") == direct
        assert (again["state"], again["lines"]) == ("unchanged", 0)
        assert _sums(served, "fully_loaded") == loaded


BILL = {
    "id": "bill",
    "provider": "openai",
    "lines": [
        {"day": "2040-01-01", "model": "gpt-4o-mini", "amount_usd": "5"},
        {"day": "2040-01-02", "kind": "tax", "amount_usd": "1"},
    ],
}
HELD = {"bill": "bill", "first_day": "2040-01-01", "last_day": "2040-01-31", "post": True}


def _reconcile(served: Served) -> httpx.Response:
    return HTTP.post(f"{served.urls['api']}/v1/reconcile", json=HELD, timeout=30)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_killed_true_ups_are_whole_after_the_start(tmp_path: Path) -> None:
    """Two true-ups of 5 and 1 USD are journaled when the collector dies; both are there, once."""
    data = tmp_path / "data"
    dying = start(data, *SETTLE, program=DYING)
    assert dying.process.stdout is not None
    posted = HTTP.post(f"{dying.urls['api']}/v1/invoices", json=BILL, timeout=30)
    assert posted.status_code == 200, posted.text
    with pytest.raises(httpx.HTTPError):
        _reconcile(dying)
    assert dying.process.wait(30) == -signal.SIGKILL
    dying.process.stdout.close()

    with serving(data, *SETTLE) as served:
        again = _reconcile(served).json()
        total = served.costs()["total"]["total_cost"]

    assert again["lines"] == 0
    assert total == "6"
