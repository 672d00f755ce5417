"""After a power cut: the cases of `power_cut.py`, in a process of their own.

chDB opens one folder a process, and these cases open many, one after the other.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.measured
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_after_a_power_cut_every_block_is_there_once() -> None:
    """Every case of `power_cut.py` holds, the first, a middle and the last cut of a repair."""
    _hold("not nightly")


@pytest.mark.nightly
@pytest.mark.timeout(400)
def test_a_repair_may_be_cut_anywhere() -> None:
    """The other cuts of a repair hold likewise."""
    _hold("nightly")


def _hold(which: str) -> None:
    cases = Path(__file__).with_name("power_cut.py")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"]

    done = subprocess.run(
        [*command, "-m", which, str(cases)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
