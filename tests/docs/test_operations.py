"""The page on running the collector: its commands work, and it explains every metric."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from collector.served import run, serving
from otel_costattr_collector.metrics import Metrics

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_commands_work(tmp_path: Path) -> None:
    """Each command of the page ends well against a collector whose books agree."""
    commands = re.findall(r"^\$ costattr (.+)$", PAGE, re.MULTILINE)
    assert len(commands) >= 4
    with serving(tmp_path / "data") as served:
        environment = {
            "COSTATTR_URL": served.urls["api"],
            "COSTATTR_DATA": str(tmp_path / "data"),
        }
        for command in commands:
            done = run(*shlex.split(command), environment=environment)
            assert done.returncode == 0, (command, done.stderr)


def test_every_metric_is_explained() -> None:
    """What the registry shows has a row in the table."""
    names = {metric.name for metric in Metrics().registry.collect()}

    assert {name for name in names if f"`{name}`" not in PAGE} == set()
