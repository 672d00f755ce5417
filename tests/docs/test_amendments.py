"""docs/amendments.md runs: its commands over three calls, its file of owners."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from amendments.test_reprice import fill, span
from listening import api_at
from otel_costattr_collector import api
from otel_costattr_collector import cli as service
from otel_costattr_collector.closing.closer import Closer
from otel_costattr_collector.store import Store

from otel_costattr import cli

PAGE = (Path(__file__).parents[2] / "docs" / "amendments.md").read_text("utf-8")
COMMANDS = re.findall(r"^\$ costattr (.+)$", PAGE, re.MULTILINE)
NOVEMBER_NS = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp()) * 10**9


@pytest.fixture
def printed(
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> dict[str, Sequence[str]]:
    """Run every command of the page in order; by the command's name, what each printed."""
    fill(store, [span(1), span(2), span(3, tenant="globex")])
    (tmp_path / "contract.toml").write_text('[[discount]]\nprovider = "openai"\npercent = 10\n')
    (owners,) = re.findall(r"```csv\n(.+?)```", PAGE, re.DOTALL)
    (tmp_path / "owners.csv").write_text(owners)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(api, "Closer", partial(Closer, clock=lambda: NOVEMBER_NS))
    found: dict[str, list[str]] = {}
    with api_at(api.create_api(store)) as url:
        monkeypatch.setenv("COSTATTR_URL", url)
        for command in COMMANDS:
            words = shlex.split(command)
            assert cli.main(service.COMMANDS, words) == 0, command
            found.setdefault(words[0], []).append(capsys.readouterr().out)
    return found  # type: ignore[return-value]


def test_the_commands_of_the_page_run(printed: dict[str, Sequence[str]]) -> None:
    """A contract takes a tenth off 3 x 0.00027 USD; it is shown, then booked by three pairs."""
    preview, booked = printed["reprice"]

    assert "3 of 3 lines would change: -0.000081 USD (reprice:" in preview
    assert "6 lines booked" in booked
    assert len(printed["what-if"]) == 2
    assert "0 of 0 lines would change" in printed["reattribute"][0]
    assert len(printed["report"]) == 2
    # 0.00081 less a tenth.
    assert printed["close"] == ["2026-09 is closed: 3 calls, 0.000729 USD\n"]
    (listed,) = printed["closed"]
    assert "2026-09  3 calls, 0.000729 USD, unchanged" in listed
    assert "2026-09 closed by nobody: books are done" in listed
    assert printed["reopen"] == [
        "2026-09 is open again; what got a later date meanwhile keeps it\n"
    ]
