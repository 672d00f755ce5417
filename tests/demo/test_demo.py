"""The README's first command, and what it must print."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PER_MTOK = Decimal(1_000_000)

# Published rates in USD per million tokens, as on openai.com in 2026.
MINI_INPUT, MINI_CACHED, MINI_OUTPUT = Decimal("0.15"), Decimal("0.075"), Decimal("0.60")
O4_INPUT, O4_OUTPUT = Decimal("1.10"), Decimal("4.40")
EMBEDDING = Decimal("0.02")

PLAIN_CHAT = (1200 * MINI_INPUT + 300 * MINI_OUTPUT) / PER_MTOK
CACHED_CHAT = (1024 * MINI_INPUT + 3072 * MINI_CACHED + 150 * MINI_OUTPUT) / PER_MTOK
SEARCH = 2 * 512 * EMBEDDING / PER_MTOK
PLAN = (900 * O4_INPUT + (376 + 1024) * O4_OUTPUT) / PER_MTOK

ACME = 2 * PLAIN_CHAT + 2 * CACHED_CHAT
GLOBEX = PLAIN_CHAT + SEARCH + PLAN
INITECH = PLAIN_CHAT
TOTAL = ACME + GLOBEX + INITECH


def picture() -> str:
    """Return the table that the README shows."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return readme.split("```text\n")[1].split("```")[0]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_demo_prints_the_total_that_the_published_rates_give() -> None:
    """Nine calls of three tenants cost what arithmetic says, to the last digit, as the README shows."""
    environment = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "demo.py")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert Decimal("0.00955848") == TOTAL
    assert str(TOTAL.normalize()) in done.stdout
    assert picture() in done.stdout
