"""The key file: made, listed and revoked by `costattr keys`, read by the gate.

A JSON document that no secret stands in:

    {"format": 1, "keys": [{"id": "0f3a91c2d4", "name": "grafana", "role": "read", "tenant": "",
      "sha256": "9b1c...", "created": "2026-11-20T08:00:00Z", "revoked": ""}]}

A key is `costattr_<id>_<secret>` with 256 random bits of secret. `sha256` is the hex digest of the
whole key: nothing slower is needed against guessing, because nobody can guess 256 bits. A revoked
key stays in the file with the time of its end, so that a file whose keys are all revoked lets
nobody in, while one that never was lets everybody in who reaches the loopback address.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, get_args

from otel_costattr.attribution import check_value
from otel_costattr.errors import BadSettings

Role = Literal["ingest", "read", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

KEYS_FILE: Final = "keys.json"
"""Name of the file inside the data folder."""

PREFIX: Final = "costattr_"
_FORMAT: Final = 1
_MAX_NAME_CHARS: Final = 200
_SECRET_BYTES: Final = 32
_SECOND_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key, without its secret.

    Attributes:
        id: Ten hex digits; part of the key itself, no secret.
        name: What the key is for, as its maker wrote it.
        role: What it may do.
        tenant: The only tenant that it may write as and read, or `''` for all.
        sha256: Hex digest of the whole key.
        created: When it was made, RFC 3339 UTC.
        revoked: When it ended, RFC 3339 UTC, or `''` while it is good.
    """

    id: str
    name: str
    role: Role
    tenant: str
    sha256: str
    created: str
    revoked: str = ""


def digest(key: str) -> str:
    """Return what the file keeps of a key: its SHA-256 as 64 hex digits."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def read_keys(path: Path) -> tuple[Key, ...]:
    """Return all keys of the file, revoked ones too; none if there is no file.

    Raises:
        BadSettings: The file is not a key file; says where.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path}: cannot be read: {error}") from error
    return parse_keys(text, source=str(path))


def parse_keys(text: str, *, source: str) -> tuple[Key, ...]:
    """Return the keys that a file's text holds.

    Args:
        text: The JSON document.
        source: Named in errors.

    Raises:
        BadSettings: The text is no key file; says where.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise BadSettings(f"{source}: is no JSON: {error}") from error
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise BadSettings(f"{source}: is no key file of format {_FORMAT}")
    entries = document.get("keys")
    if not isinstance(entries, list):
        raise BadSettings(f"{source}: keys is no list")
    keys = tuple(
        _key(entry, where=f"{source}: keys[{number}]") for number, entry in enumerate(entries)
    )
    if len({key.id for key in keys}) != len(keys):
        raise BadSettings(f"{source}: two keys have the same id")
    return keys


def _key(entry: object, *, where: str) -> Key:
    names = {field.name for field in fields(Key)}
    if not isinstance(entry, dict) or set(entry) != names:
        raise BadSettings(f"{where}: needs exactly {', '.join(sorted(names))}")
    wrong = next((name for name, value in entry.items() if not isinstance(value, str)), None)
    if wrong is not None:
        raise BadSettings(f"{where}.{wrong}: is no text")
    if entry["role"] not in ROLES:
        raise BadSettings(f"{where}.role: {entry['role']!r} is none of {', '.join(ROLES)}")
    if len(entry["sha256"]) != 64 or set(entry["sha256"]) - set("0123456789abcdef"):
        raise BadSettings(f"{where}.sha256: is no SHA-256 in lower-case hex")
    return Key(**entry)


def create_key(
    path: Path,
    *,
    name: str,
    role: Role,
    tenant: str = "",
    now_ns: int,
    random_hex: Callable[[int], str] = secrets.token_hex,
    random_text: Callable[[int], str] = secrets.token_urlsafe,
) -> tuple[Key, str]:
    """Add a key to the file and return it with the secret, which nobody can ask for again.

    Args:
        path: The key file; made, with its folder, if it is not there.
        name: What the key is for.
        role: What it may do.
        tenant: The only tenant that it may write as and read, or `''` for all.
        now_ns: The time of making, nanoseconds UTC.
        random_hex: Makes the id.
        random_text: Makes the secret.

    Raises:
        BadSettings: The name cannot be, an admin has a tenant, or the file is not a key file.
        BadAttribution: The tenant cannot stand in the ledger.
    """
    _check_name(name)
    if tenant:
        tenant = check_value("tenant", tenant)
        if role == "admin":
            raise BadSettings("an admin key is for the whole ledger: give it no tenant")
    with _locked(path):
        keys = read_keys(path)
        key_id = random_hex(5)
        secret = f"{PREFIX}{key_id}_{random_text(_SECRET_BYTES)}"
        made = Key(
            id=key_id,
            name=name,
            role=role,
            tenant=tenant,
            sha256=digest(secret),
            created=_rfc3339(now_ns),
        )
        _write(path, (*keys, made))
    return made, secret


def revoke_key(path: Path, key_id: str, *, now_ns: int) -> Key:
    """End a key for good and return it; ending it again changes nothing.

    Args:
        path: The key file.
        key_id: The id that `costattr keys list` shows.
        now_ns: The time of its end, nanoseconds UTC.

    Raises:
        BadSettings: No key has this id, or the file is not a key file.
    """
    with _locked(path):
        keys = read_keys(path)
        found = next((key for key in keys if key.id == key_id), None)
        if found is None:
            raise BadSettings(f"{path}: has no key {key_id!r}; costattr keys list shows the ids")
        if found.revoked:
            return found
        ended = replace(found, revoked=_rfc3339(now_ns))
        _write(path, tuple(ended if key is found else key for key in keys))
    return ended


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > _MAX_NAME_CHARS or not name.isprintable():
        raise BadSettings(f"name = {name!r}: must be 1 to {_MAX_NAME_CHARS} printable characters")


def _rfc3339(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns // _SECOND_NS, tz=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise BadSettings(f"{path}: cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _write(path: Path, keys: tuple[Key, ...]) -> None:
    document = {"format": _FORMAT, "keys": [asdict(key) for key in keys]}
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    new = path.with_name(f"{path.name}.new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
