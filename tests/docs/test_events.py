"""The page on events: its commands work and cost what they say."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
from collector.served import serving
from otel_costattr_collector.events.posted import ALIASES, Event

PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text("utf-8")
SHELL = shutil.which("sh")


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_commands_work(tmp_path: Path) -> None:
    """Each command of the page is accepted whole, and is a duplicate the second time if it has ids."""
    assert SHELL is not None
    commands = re.findall(r"```sh\n(curl .+?)```", PAGE, re.DOTALL)
    with serving(tmp_path / "data", "--settle-seconds", "0") as served:
        environment = {
            **os.environ,
            "COSTATTR_OTLP": served.urls["http"],
            "COSTATTR_API": served.urls["api"],
        }
        answers = [
            json.loads(subprocess.check_output([SHELL, "-c", command], env=environment))
            for command in (*commands, commands[1])
        ]
        costs = served.settled(calls=3)

    assert [answer["accepted"] for answer in answers] == [1, 2, 0]
    assert answers[2]["duplicates"] == 2
    assert costs["total"]["unpriced_calls"] == 0
    # gpt-4o-mini 0.15 and 0.60, claude-haiku-4-5 1, 0.10, 1.25 and 5 USD per million.
    small = 1010 * Decimal("0.15") + 205 * Decimal("0.60")
    haiku = 120 + 5000 * Decimal("0.10") + 800 * Decimal("1.25") + 310 * 5
    assert Decimal(costs["total"]["total_cost"]) == (small + haiku) / 1_000_000


def test_every_field_is_explained() -> None:
    """What may be posted, in every spelling, has its place in the table."""
    names = {*Event.model_fields, *ALIASES}

    assert {name for name in names if f"`{name}`" not in PAGE} == set()
