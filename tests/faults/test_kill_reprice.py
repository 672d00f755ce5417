"""SIGKILL in the middle of a reprice: all of it or nothing, and again changes nothing more."""

from __future__ import annotations

import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from collector.served import Served, serving, start
from faults.test_kill_allocation import DYING
from faults.truth import PRICE
from plain_http import HTTP
from wire import calls, traces

QUICK = ("--settle-seconds", "0", "--wrapper-settle-seconds", "0")
CALLS = 10
BEFORE = CALLS * PRICE
AFTER = BEFORE * 9 / 10
ORDER: dict[str, Any] = {
    "start_date": "2026-09-01",
    "end_date": "2026-09-30",
    "overlays": [{"text": '[[discount]]\nprovider = "openai"\npercent = 10\n'}],
}


def _reprice(served: Served) -> dict[str, Any]:
    answer = HTTP.post(f"{served.urls['api']}/v1/reprice", json=ORDER, timeout=30)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _killed(served: Served) -> None:
    with pytest.raises(httpx.HTTPError):
        _reprice(served)
    assert served.process.wait(30) == -signal.SIGKILL
    assert served.process.stdout is not None
    served.process.stdout.close()


def _totals(served: Served) -> set[Decimal]:
    """Return the total of each of some dimensions: one element if they agree."""
    answers = [served.costs(group_by=by)["total"] for by in ("tenant", "feature", "session")]
    return {Decimal(answer["total_cost"]) for answer in answers}


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_killed_reprice_is_whole_or_not_there(tmp_path: Path) -> None:
    """Killed before it is journaled nothing is there; killed between two of its blocks, all is."""
    data = tmp_path / "data"
    served = start(data, *QUICK, environment={"KILL_AT": "journal"}, program=DYING)
    assert served.post(traces(*calls(CALLS)).SerializeToString()).status_code == 200
    served.settled(calls=CALLS)
    _killed(served)

    served = start(data, *QUICK, environment={"KILL_AT": "second"}, program=DYING)
    assert _totals(served) == {BEFORE}
    _killed(served)

    with serving(data, *QUICK) as served:
        assert _totals(served) == {AFTER}
        again = _reprice(served)
        assert (again["looked_at"], again["changed"], again["booked"]) == (CALLS, 0, 0)
        assert _totals(served) == {AFTER}
        assert served.costs()["total"]["calls"] == CALLS
