"""The gate: who sent this request, and what may it do?

A key comes as `Authorization: Bearer KEY`, `X-API-Key`, `X-Costattr-Key`, or, as clients of
ClickHouse send it, as the password of `Authorization: Basic` or as `X-ClickHouse-Key`. Never in a
URL: addresses end up in logs.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal
from urllib.parse import urlsplit

from otel_costattr.errors import BadSettings

from .errors import Forbidden, KeyNeeded, Unauthenticated
from .keys import PREFIX, Key, Role, digest, read_keys

Action = Literal["ingest", "read", "sql", "admin"]

_RIGHTS: Final[Mapping[Role, frozenset[Action]]] = MappingProxyType(
    {
        "ingest": frozenset({"ingest"}),
        "read": frozenset({"read", "sql"}),
        "admin": frozenset({"ingest", "read", "sql", "admin"}),
    }
)
_NEVER_WITH_A_TENANT: Final[frozenset[Action]] = frozenset({"sql", "admin"})

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who sent a request, as far as it could prove it.

    Attributes:
        key_id: Id of its key; `''` where no key is needed.
        name: What the key is for.
        role: What it may do.
        tenant: The only tenant that it may write as and read, or `''` for all.
        min_group: Fewest people behind anything that it is told; 0 for no such bound.
    """

    key_id: str
    name: str
    role: Role
    tenant: str = ""
    min_group: int = 0

    def may(self, action: Action) -> bool:
        """Whether the key carries this right."""
        if self.tenant and action in _NEVER_WITH_A_TENANT:
            return False
        if self.min_group and action == "sql":
            return False
        return action in _RIGHTS[self.role]

    def require(self, action: Action) -> None:
        """Return if the key carries this right.

        Raises:
            Forbidden: It does not; says which role does.
        """
        if self.may(action):
            return
        if self.tenant and action in _NEVER_WITH_A_TENANT:
            raise Forbidden(
                f"key {self.key_id} belongs to one tenant: it asks the named questions of"
                f" /v1/analytics, not {action}"
            )
        if self.min_group and action == "sql":
            raise Forbidden(
                f"key {self.key_id} is told of groups of {self.min_group} people and more, which"
                " SQL does not keep to: ask the named questions of /v1/analytics"
            )
        roles = " or ".join(role for role, rights in _RIGHTS.items() if action in rights)
        raise Forbidden(f"key {self.key_id} has the role {self.role}: {action} needs {roles}")


ANONYMOUS: Final = Principal(key_id="", name="nobody", role="admin")
"""Whoever reaches the loopback address while no key was ever made."""

Headers = Mapping[str, str] | Iterable[tuple[str, str | bytes]]


class Gate:
    """Tells senders apart by their keys; follows changes of the key file at once.

    Args:
        path: The key file.
        open_without_keys: Whether everybody is let in while no key was ever made: only for a
            server that listens on nothing but the loopback address or a Unix socket.
        read_min_group: Fewest people behind anything that keys of the role `read` are told.

    Raises:
        BadSettings: The file is not a key file.
    """

    def __init__(self, path: Path, *, open_without_keys: bool, read_min_group: int = 0) -> None:
        self._read_min_group: Final = read_min_group
        self._path: Final = path
        self._lock: Final = threading.Lock()
        self._stamp = _stamp(path)
        self._keys = _by_id(read_keys(path))
        self._open = open_without_keys and not self._keys

    def authenticate(self, headers: Headers) -> Principal:
        """Return who sent a request with these headers or this metadata.

        Args:
            headers: Names in any case; values that are bytes are not looked at.

        Raises:
            Unauthenticated: No key came along, several, or one that is not good.
        """
        self._follow()
        seen = _texts(headers)
        if self._open:
            _refuse_strange_pages(seen)
            return ANONYMOUS
        offered = {key for read in _READERS for key in read(seen) if key}
        if not offered:
            raise KeyNeeded("a key is needed: send it as Authorization: Bearer KEY")
        if len(offered) > 1:
            raise Unauthenticated("several different keys came along: send one")
        key = self._known(offered.pop())
        least = self._read_min_group if key.role == "read" else 0
        return Principal(
            key_id=key.id, name=key.name, role=key.role, tenant=key.tenant, min_group=least
        )

    def _known(self, offered: str) -> Key:
        key_id = offered.removeprefix(PREFIX).partition("_")[0]
        key = self._keys.get(key_id, _NO_KEY)
        same = hmac.compare_digest(digest(offered), key.sha256)
        if key is _NO_KEY or not same:
            raise Unauthenticated("the key is not known")
        if key.revoked:
            raise Unauthenticated(f"key {key.id} was revoked at {key.revoked}")
        return key

    def _follow(self) -> None:
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        with self._lock:
            self._stamp = stamp
            try:
                keys = _by_id(read_keys(self._path))
            except BadSettings as error:
                _log.error("the keys of before stay in force: %s", error)
                return
            if stamp is None:
                _log.error("%s is gone: nobody is let in until it is back", self._path)
            self._keys = keys
            self._open = False


_NO_KEY: Final = Key(
    id="", name="", role="ingest", tenant="", sha256="0" * 64, created="", revoked=""
)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _by_id(keys: Iterable[Key]) -> Mapping[str, Key]:
    return MappingProxyType({key.id: key for key in keys})


def _texts(headers: Headers) -> Mapping[str, tuple[str, ...]]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    seen: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        if isinstance(value, str):
            seen[name.lower()] = (*seen.get(name.lower(), ()), value)
    return seen


Seen = Mapping[str, tuple[str, ...]]


def _plain(seen: Seen) -> Iterable[str]:
    for name in ("x-api-key", "x-costattr-key", "x-clickhouse-key"):
        yield from (value.strip() for value in seen.get(name, ()))


def _authorization(seen: Seen) -> Iterable[str]:
    for value in seen.get("authorization", ()):
        scheme, _, rest = value.strip().partition(" ")
        if scheme.lower() == "bearer":
            yield rest.strip()
        elif scheme.lower() == "basic":
            yield _basic(rest.strip())
        else:
            raise Unauthenticated("Authorization has a scheme that is neither Bearer nor Basic")


def _basic(encoded: str) -> str:
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Unauthenticated("Authorization: Basic is not base64 of user:key") from error
    return password or (user if user.startswith(PREFIX) else "")


_READERS: Final[tuple[Callable[[Seen], Iterable[str]], ...]] = (_plain, _authorization)


def _refuse_strange_pages(seen: Seen) -> None:
    """Refuse what a web page made a browser send: without keys, the address is the only proof."""
    hosts = [*seen.get("host", ()), *(urlsplit(text).netloc for text in seen.get("origin", ()))]
    if not all(_is_loopback(host) for host in hosts):
        raise Unauthenticated(
            "without keys only requests to the loopback address are served: costattr keys create"
        )
    if "cross-site" in seen.get("sec-fetch-site", ()):
        raise Unauthenticated("a web page may not ask while there are no keys")


def _is_loopback(netloc: str) -> bool:
    try:
        host = urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
