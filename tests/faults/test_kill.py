"""SIGKILL at random points: nothing acknowledged is lost, nothing resent is doubled."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest
from collector.served import serving, start
from faults.truth import Sender, Target, book, expected

SETTLE = ("--settle-seconds", "0.3", "--wrapper-settle-seconds", "0.3")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_eight_kills_leave_ledger_and_rollups_exact(tmp_path: Path) -> None:
    """After eight rounds every acknowledged span is there once, in ledger and rollups."""
    survive(tmp_path / "data", rounds=8, seed=8)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_fifty_kills_leave_ledger_and_rollups_exact(tmp_path: Path) -> None:
    """The same, fifty rounds long."""
    survive(tmp_path / "data", rounds=50, seed=50)


def survive(data: Path, *, rounds: int, seed: int) -> None:
    """Kill a collector again and again under load, then compare with the truth."""
    chance = random.Random(seed)  # noqa: S311 - the same points of killing each time
    target = Target()
    senders = [Sender(target, 1 + 10_000_000 * place) for place in range(3)]
    for number in range(rounds):
        served = start(data, *SETTLE)
        try:
            target.move(served.urls["http"])
            if number == 0:
                for sender in senders:
                    sender.start()
            time.sleep(chance.uniform(0.05, 1.5))  # the point of the kill is what varies
        finally:
            served.stop(signal.SIGKILL)
            assert served.process.stdout is not None
            served.process.stdout.close()
    with serving(data, *SETTLE) as served:
        target.move(served.urls["http"])
        for sender in senders:
            sender.finish()

    assert sum(sender.resent for sender in senders) > 0
    assert book(data) == expected(sum(sender.acknowledged for sender in senders))
