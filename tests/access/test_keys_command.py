"""`costattr keys`: what people see."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from otel_costattr_collector.cli import COMMANDS

from otel_costattr import cli


def run(*words: str) -> int:
    """Run `costattr keys` with these words."""
    return cli.main(COMMANDS, ["keys", *words])


def test_a_key_is_printed_once_and_listed_without_its_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `create` prints is never printed again."""
    run("create", "--role", "read", "--name", "grafana", "--data", str(tmp_path))
    secret = capsys.readouterr().out.splitlines()[0]

    run("list", "--data", str(tmp_path))
    listed = capsys.readouterr().out

    assert secret.startswith("costattr_")
    assert "grafana" in listed
    assert secret.split("_", 2)[2] not in listed


def test_create_as_json_is_for_scripts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The key and what it may do come as one object."""
    words = ["--role", "ingest", "--tenant", "acme", "--name", "app", "--json"]

    assert run("create", *words, "--data", str(tmp_path)) == 0

    made = json.loads(capsys.readouterr().out)
    assert made["key"].startswith(f"costattr_{made['id']}_")
    assert (made["role"], made["tenant"]) == ("ingest", "acme")
    assert "sha256" not in made


def test_a_revoked_key_is_listed_as_revoked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list shows when a key ended."""
    run("create", "--role", "read", "--name", "old", "--data", str(tmp_path), "--json")
    key_id = json.loads(capsys.readouterr().out)["id"]

    assert run("revoke", key_id, "--data", str(tmp_path)) == 0
    capsys.readouterr()
    run("list", "--data", str(tmp_path), "--json")

    assert json.loads(capsys.readouterr().out)[0]["revoked"].endswith("Z")


def test_an_empty_list_says_what_that_means(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without keys there is an address rule, and the list tells it."""
    run("list", "--data", str(tmp_path))

    assert "loopback" in capsys.readouterr().out


def test_a_key_that_is_not_there_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refusal is a sentence, not a stack."""
    assert run("revoke", "nope", "--data", str(tmp_path)) == 2
    assert capsys.readouterr().err.startswith("costattr keys: ")
