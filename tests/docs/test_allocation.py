"""docs/allocation.md runs: its rules, its commands, its split."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from allocation.places import by, insert, shared
from listening import api_at
from otel_costattr_collector import cli as service
from otel_costattr_collector.api import create_api
from otel_costattr_collector.store import Store

from otel_costattr import cli
from otel_costattr.context import current_owner

PAGE = (Path(__file__).parents[2] / "docs" / "allocation.md").read_text("utf-8")


def _block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_commands_of_the_page_run(
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Previewed, booked, reported, listed and taken back; without any use the idle take 12 USD."""
    insert(store, shared("12", pool="gpu"), shared("8", pool="", name="2", team="platform"))
    (tmp_path / "allocation.toml").write_text(_block("toml"))
    monkeypatch.chdir(tmp_path)
    with api_at(create_api(store)) as url:
        monkeypatch.setenv("COSTATTR_URL", url)
        printed = []
        run = ""
        for command in _block("sh").splitlines():
            words = command.replace("RUN", run).split()[1:]
            assert cli.main(service.COMMANDS, words) == 0
            printed.append(capsys.readouterr().out)
            run = run or printed[-1].split(": ")[0]

    preview, posted, report, listed, reversed_ = printed
    assert "gpu: 12 USD to tenant by tokens" in preview
    assert "idle" in report
    assert "  search  6 USD  (weight 3)" in posted
    assert listed.startswith(f"{run} #1: 5 lines")
    assert reversed_ == f"{run}: reversed, 5 lines\n"
    assert by(store, "tenant") == {"": Decimal(20), "idle": Decimal(0)}


def test_the_split_of_the_page_says_what_it_says() -> None:
    """The call counts under chat and carries the attribute that other languages set."""
    seen = []

    class Client:
        def create(self, *_: object) -> None:
            seen.append(current_owner())

    client = type("OpenAI", (), {"chat": type("Chat", (), {"completions": Client()})})
    code = compile(_block("python"), "docs/allocation.md", "exec")
    exec(code, {"client": client})  # noqa: S102 - our own documentation

    assert seen[0].values == {"tenant": "acme", "feature": "chat"}
    assert f"`costattr.tag.split.feature` = `{seen[0].tags['split.feature']}`" in PAGE
