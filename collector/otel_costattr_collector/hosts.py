"""The hosts of a ClickHouse server: which one is used, and which one next when it fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit
from weakref import WeakKeyDictionary

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from otel_costattr.errors import BadSettings
from otel_costattr_collector.store_errors import FAILURES, elsewhere

_EXAMPLE: Final = "use http://user:password@host:8123/database"

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Where one ClickHouse answers.

    Attributes:
        name: Its name or address.
        port: Its HTTP port.
        secure: Whether it speaks TLS.
    """

    name: str
    port: int
    secure: bool

    @property
    def where(self) -> str:
        """Name and port, for messages."""
        return f"{self.name}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What a ClickHouse URL says.

    Attributes:
        hosts: Replicas of the same data, the first choice first.
        user: Who asks.
        password: Its password, or `''`.
        database: The database, or `''`.
    """

    hosts: tuple[Host, ...]
    user: str
    password: str
    database: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How a server proves itself to us, and we to it.

    Attributes:
        ca: PEM file of authorities; None for those of the system.
        cert: PEM file of our certificate, or None.
        key: PEM file of its private key; None if it stands in `cert`.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


class Connections(Protocol):
    """Makes connections and knows which of them are still to be used."""

    @property
    def tries(self) -> int:
        """How many hosts there are."""

    def connect(self, database: str) -> Client:
        """Open a connection to a database; `''` for the default one."""

    def leave(self, client: Client) -> None:
        """Hear that the other end of a connection failed."""

    def good(self, client: Client) -> bool:
        """Whether a connection may be used again."""


class One:
    """The embedded engine: there is no other.

    Args:
        connect: Opens a connection to a database.
    """

    tries = 1

    def __init__(self, connect: Callable[[str], Client]) -> None:
        self.connect: Final = connect

    def leave(self, client: Client) -> None:
        """Do nothing: there is nowhere to go."""

    def good(self, client: Client) -> bool:  # noqa: ARG002 - others differ
        """Return True."""
        return True


class Hosts:
    """Uses one host while it is well, and the next one after it failed.

    Args:
        hosts: Where ClickHouse answers, at least one.
        connect: Opens a connection to a host and a database.
    """

    def __init__(self, hosts: tuple[Host, ...], connect: Callable[[Host, str], Client]) -> None:
        self.tries: Final = len(hosts)
        self._hosts: Final = hosts
        self._connect: Final = connect
        self._place = 0
        self._of: Final[WeakKeyDictionary[Client, int]] = WeakKeyDictionary()
        self._lock: Final = threading.Lock()

    @property
    def current(self) -> Host:
        """The host that is used."""
        return self._hosts[self._place]

    def connect(self, database: str) -> Client:
        """Open a connection to the host in use, or to the next one that answers."""
        for _ in range(self.tries - 1):
            place = self._place
            try:
                return self._opened(place, database)
            except FAILURES as error:
                if not elsewhere(error):
                    raise
                self._move_from(place)
        return self._opened(self._place, database)

    def leave(self, client: Client) -> None:
        """Use the next host from now on, unless somebody has moved on already."""
        self._move_from(self._of.get(client, self._place))

    def good(self, client: Client) -> bool:
        """Whether a connection leads to the host in use."""
        return self._of.get(client) == self._place

    def _opened(self, place: int, database: str) -> Client:
        client = self._connect(self._hosts[place], database)
        self._of[client] = place
        return client

    def _move_from(self, place: int) -> None:
        with self._lock:
            if place != self._place or self.tries == 1:
                return
            self._place = (place + 1) % self.tries
            left, used = self._hosts[place], self._hosts[self._place]
        _log.warning("ClickHouse at %s failed: %s is used", left.where, used.where)


def address_of(url: str) -> Address:
    """Read `http://user:password@host:8123,host:8123/database`, or such URLs with commas between.

    Raises:
        BadSettings: A URL has no host, another scheme or a port that is no number, or the URLs
            differ in user, password or database.
    """
    found: list[Address] = []
    for text in url.split(","):
        whole = text.strip()
        if "://" not in whole and found:
            # http://user:password@one,two/database is http://user:password@one and ...@two/database
            scheme = "https" if found[-1].hosts[0].secure else "http"
            whole = f"{scheme}://{whole}"
        found.append(_one_address(whole))
    return _same_account(found)


def _same_account(found: list[Address]) -> Address:
    accounts = {(one.user, one.password) for one in found if one.user}
    databases = {one.database for one in found if one.database}
    if len(accounts) > 1 or len(databases) > 1:
        raise BadSettings("ClickHouse URL: all hosts share user, password and database")
    user, password = accounts.pop() if accounts else ("", "")
    return Address(
        hosts=tuple(host for one in found for host in one.hosts),
        user=user or "default",
        password=password,
        database=databases.pop() if databases else "",
    )


def _one_address(url: str) -> Address:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadSettings(f"ClickHouse URL: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadSettings(f"ClickHouse URL: {_EXAMPLE}")
    secure = parts.scheme == "https"
    host = Host(name=parts.hostname, port=port or (8443 if secure else 8123), secure=secure)
    return Address(
        hosts=(host,),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=unquote(parts.path.strip("/")),
    )


def hosts_of(address: Address, tls: Tls, *, timeout_s: float, connect_timeout_s: float) -> Hosts:
    """Make the connections to a server over HTTP.

    A client certificate logs in by itself where the URL has no password; with one, it only opens
    the TLS connection.

    Args:
        address: Where it is and who asks.
        tls: Certificates; for https alone.
        timeout_s: How long one request may take, seconds.
        connect_timeout_s: How long connecting may take, seconds.

    Raises:
        BadSettings: Certificates are given for a host that does not speak TLS, or one is no file.
    """
    files = {"ca_cert": tls.ca, "client_cert": tls.cert, "client_cert_key": tls.key}
    given = {name: str(path) for name, path in files.items() if path is not None}
    if given and not all(host.secure for host in address.hosts):
        raise BadSettings("certificates for ClickHouse need an https URL for every host")
    for path in files.values():
        if path is not None and not path.is_file():
            raise BadSettings(f"{path}: no such PEM file")
    mode = ("strict" if address.password else "mutual") if tls.cert else None

    def connect(host: Host, database: str) -> Client:
        return clickhouse_connect.get_client(
            host=host.name,
            port=host.port,
            secure=host.secure,
            username=address.user,
            password=address.password,
            database=database or "default",
            send_receive_timeout=timeout_s,
            connect_timeout=connect_timeout_s,
            autogenerate_session_id=False,
            client_name="otel-costattr",
            tls_mode=mode,
            ca_cert=given.get("ca_cert"),
            client_cert=given.get("client_cert"),
            client_cert_key=given.get("client_cert_key"),
        )

    return Hosts(address.hosts, connect)
