"""The key file: made, listed and revoked without ever holding a secret."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from otel_costattr_collector.access.keys import create_key, parse_keys, read_keys, revoke_key

from otel_costattr.errors import BadInput, BadSettings

NOON_NS = 1_795_262_400_000_000_000  # 2026-11-21T12:00:00Z
ENTRY = {
    "id": "0f3a91c2d4",
    "name": "grafana",
    "role": "read",
    "tenant": "",
    "sha256": "0" * 64,
    "created": "2026-11-21T12:00:00Z",
    "revoked": "",
}


def test_a_made_key_is_read_back_without_its_secret(tmp_path: Path) -> None:
    """The file holds everything about a key but the key."""
    made, secret = create_key(
        tmp_path / "keys.json", name="app", role="ingest", tenant="acme", now_ns=NOON_NS
    )

    assert (made,) == read_keys(tmp_path / "keys.json")
    assert (made.role, made.tenant, made.created) == ("ingest", "acme", "2026-11-21T12:00:00Z")
    assert secret.startswith(f"costattr_{made.id}_")
    assert secret.split("_", 2)[2] not in (tmp_path / "keys.json").read_text()


def test_a_tenant_is_kept_as_the_ledger_writes_it(tmp_path: Path) -> None:
    """Otherwise a reader of the tenant would find none of its rows."""
    made, _ = create_key(
        tmp_path / "keys.json", name="app", role="read", tenant=" cafe\u0301 ", now_ns=NOON_NS
    )

    assert made.tenant == "caf\u00e9"


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    """Hashes too are nobody else's business."""
    create_key(tmp_path / "keys.json", name="app", role="ingest", now_ns=NOON_NS)

    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600


def test_the_folder_is_made_with_the_first_key(tmp_path: Path) -> None:
    """A key can be made before the server ever ran."""
    create_key(tmp_path / "new" / "keys.json", name="app", role="read", now_ns=NOON_NS)

    assert len(read_keys(tmp_path / "new" / "keys.json")) == 1


def test_no_two_keys_share_a_secret(tmp_path: Path) -> None:
    """Each key is its own."""
    path = tmp_path / "keys.json"

    secrets = {create_key(path, name="app", role="read", now_ns=NOON_NS)[1] for _ in range(5)}

    assert len(secrets) == 5


def test_a_revoked_key_stays_in_the_file_with_its_end(tmp_path: Path) -> None:
    """A key that ended is still known as one that ended, and ends once."""
    path = tmp_path / "keys.json"
    made, _ = create_key(path, name="app", role="ingest", now_ns=NOON_NS)

    revoke_key(path, made.id, now_ns=NOON_NS + 1_000_000_000)
    again = revoke_key(path, made.id, now_ns=NOON_NS + 9_000_000_000)

    assert again.revoked == "2026-11-21T12:00:01Z"
    assert (again,) == read_keys(path)


def test_revoking_an_unknown_key_says_so(tmp_path: Path) -> None:
    """A typing error never looks like a revocation."""
    with pytest.raises(BadSettings, match="has no key 'nope'"):
        revoke_key(tmp_path / "keys.json", "nope", now_ns=NOON_NS)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": ""}, "name = ''"),
        ({"name": "a\nb"}, "printable"),
        ({"name": "x" * 201}, "1 to 200"),
        ({"tenant": "a\x00"}, "tenant has a value"),
        ({"tenant": " "}, "tenant is empty"),
        ({"role": "admin", "tenant": "acme"}, "give it no tenant"),
    ],
    ids=[
        "no name",
        "line break",
        "long name",
        "control character",
        "blank tenant",
        "admin of a tenant",
    ],
)
def test_a_key_that_cannot_be_is_refused(
    tmp_path: Path, fields: dict[str, str], message: str
) -> None:
    """A key is made complete or not at all."""
    wanted = {"name": "app", "role": "ingest", **fields}

    with pytest.raises(BadInput, match=message):
        create_key(tmp_path / "keys.json", now_ns=NOON_NS, **wanted)  # type: ignore[arg-type]

    assert read_keys(tmp_path / "keys.json") == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON"),
        ("[]", "no key file of format 1"),
        ('{"format": 2, "keys": []}', "no key file of format 1"),
        ('{"format": 1, "keys": {}}', "keys is no list"),
        (json.dumps({"format": 1, "keys": [{}]}), r"keys\[0\]: needs exactly"),
        (json.dumps({"format": 1, "keys": [ENTRY | {"name": 1}]}), "name: is no text"),
        (json.dumps({"format": 1, "keys": [ENTRY | {"role": "root"}]}), "'root' is none of"),
        (json.dumps({"format": 1, "keys": [ENTRY | {"sha256": "x"}]}), "no SHA-256"),
        (json.dumps({"format": 1, "keys": [ENTRY, ENTRY]}), "same id"),
    ],
    ids=["json", "shape", "format", "list", "fields", "type", "role", "hash", "twice"],
)
def test_a_wrong_file_is_refused_with_the_place(text: str, message: str) -> None:
    """Whoever edits the file by hand learns where it is wrong."""
    with pytest.raises(BadSettings, match=message):
        parse_keys(text, source="keys.json")


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    """What cannot be read is no empty key file."""
    (tmp_path / "keys.json").mkdir()

    with pytest.raises(BadSettings, match="cannot be read"):
        read_keys(tmp_path / "keys.json")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """The error names the file, not a stack of ours."""
    (tmp_path / "file").touch()

    with pytest.raises(BadSettings, match="cannot be written"):
        create_key(tmp_path / "file" / "keys.json", name="app", role="read", now_ns=NOON_NS)


def test_keys_made_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    """Two people who make keys at once both get theirs."""
    script = (
        "import sys; from otel_costattr_collector.cli import COMMANDS; from otel_costattr import cli;"
        " sys.exit(cli.main(COMMANDS, sys.argv[1:]))"
    )
    command = [sys.executable, "-c", script, "keys", "create", "--role", "read", "--name", "app"]

    processes = [
        subprocess.Popen([*command, "--data", str(tmp_path)], stdout=subprocess.DEVNULL)
        for _ in range(4)
    ]

    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    assert len(read_keys(tmp_path / "keys.json")) == 4
