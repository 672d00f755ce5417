"""The service put together: three ports, one process, one event loop."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from otel_costattr.errors import BadSettings
from otel_costattr.pricing import shipped_book
from otel_costattr.usage import is_genai

from .access import KEYS_FILE, Gate, refuse_open_binding
from .access.binding import is_loopback
from .access.tls import tls_files
from .api import create_api
from .codec import Decoder, Limits
from .ingest import GroupCommit, Receiver, Submission
from .ingest.writer import Writer
from .metrics import Metrics
from .operations import with_metrics
from .otlp_grpc import create_grpc_server
from .otlp_http import create_http_app
from .servers import AsgiServer, address, listen
from .settings import Settings
from .store import engine_folder, open_store

if TYPE_CHECKING:
    from .sql import SqlDoor

_log: Final = logging.getLogger(__name__)
_NS: Final = 10**9
SQL_PORT: Final = 8123


def sql_socket(settings: Settings) -> socket.socket | None:
    """Return a socket for ClickHouse's HTTP interface; None where it is not offered.

    Raises:
        BadSettings: The port that was asked for cannot be listened on.
    """
    if not settings.sql or settings.clickhouse is not None:
        return None
    if settings.sql_port is not None:
        return listen(settings.host, settings.sql_port, name="sql_port")
    try:
        return listen(settings.host, SQL_PORT, name="sql_port")
    except BadSettings as taken:
        _log.warning("%s; a free port is used", taken)
        return listen(settings.host, 0, name="sql_port")


def open_gate(settings: Settings) -> Gate:
    """Return the gate over the keys in the data folder.

    Raises:
        BadSettings: Strangers could reach a server that has no keys.
    """
    keys = settings.data / KEYS_FILE
    refuse_open_binding(settings.host, keys)
    return Gate(keys, open_without_keys=is_loopback(settings.host))


async def serve(
    settings: Settings, *, stop: asyncio.Event, announce: Callable[[str], None]
) -> None:
    """Serve until `stop` is set, then finish what was taken.

    Args:
        settings: What to do and where.
        stop: Ends the service: nothing new is taken, all that was acknowledged is written.
        announce: Told `name=url` of each port, once telemetry is taken.

    Raises:
        BadSettings: A port cannot be listened on.
        StoreError: The tables cannot be brought up to date.
    """
    service = Service(settings)
    try:
        await service.start()
        for name, url in service.urls().items():
            announce(f"{name}={url}")
        await stop.wait()
    finally:
        await service.stop()


class Service:
    """The running parts, started and stopped in order.

    Args:
        settings: What to do and where.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings: Final = settings
        self._state = "starting"
        self._tls: Final = tls_files(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
        gate = self._gate = open_gate(settings)
        self.metrics: Final = Metrics()
        self.store: Final = open_store(settings)
        writer = Writer(store=self.store, book=shipped_book(), metrics=self.metrics)
        self._commits: Final[GroupCommit[Submission]] = GroupCommit(
            writer.write,
            name="write",
            max_waiting=settings.max_waiting_spans,
            max_group=20_000,
        )
        self._receiver: Final = Receiver(
            decoder=Decoder(wanted=is_genai, limits=_limits(settings)),
            keep=self._commits.submit,
            gate=gate,
            metrics=self.metrics,
            max_body_bytes=settings.max_body_bytes,
            max_decompressed_bytes=settings.max_decompressed_bytes,
            max_waiting_bytes=settings.max_waiting_bytes,
        )
        hint = settings.retry_after_seconds
        grace = settings.shutdown_seconds
        api = create_api(self.store, ready=self._not_ready, gate=gate)
        self._api: Final = AsgiServer(
            with_metrics(api, self.metrics),
            listen(settings.host, settings.api_port, name="api_port"),
            grace_seconds=grace,
            tls=self._tls,
        )
        self._http: Final = AsgiServer(
            create_http_app(self._receiver, retry_after_seconds=hint),
            listen(settings.host, settings.http_port, name="http_port"),
            grace_seconds=grace,
            tls=self._tls,
        )
        self._grpc: Final = create_grpc_server(self._receiver, retry_after_seconds=hint)
        self._grpc_port = 0
        self._sql_socket: Final = sql_socket(settings)
        self._sql: AsgiServer | None = None
        self._door: SqlDoor | None = None

    def urls(self) -> dict[str, str]:
        """Return where each port is reached, by name."""
        ports = {"grpc": self._grpc_port, "http": self._http.port, "api": self._api.port}
        if self._sql is not None:
            ports["sql"] = self._sql.port
        scheme = "https" if self._tls else "http"
        return {
            name: f"{scheme}://{address(self._settings.host, port)}" for name, port in ports.items()
        }

    async def start(self) -> None:
        """Answer health first, bring the tables up to date, then take telemetry."""
        self._grpc_port = self._bind_grpc()
        self._api.start()
        applied = await asyncio.to_thread(self.store.migrate)
        if applied:
            _log.info("applied migrations: %s", ", ".join(applied))
        await self._grpc.start()
        self._http.start()
        await self._open_sql()
        self._state = ""
        _log.info("serving %s", ", ".join(f"{n} {url}" for n, url in self.urls().items()))

    async def stop(self) -> None:
        """Take nothing more, answer open requests, write what they carried, close the store."""
        self._state = "stopping"
        await asyncio.gather(self._grpc.stop(self._settings.shutdown_seconds), self._http.stop())
        await self._commits.drain()
        self._receiver.close()
        await self._api.stop()
        await self._close_sql()
        await asyncio.to_thread(self.store.close)
        _log.info("stopped")

    async def _open_sql(self) -> None:
        if self._sql_socket is None:
            return
        from .sql import SqlDoor  # noqa: PLC0415 - with a server chDB need not be installed

        self._door = await asyncio.to_thread(
            SqlDoor,
            engine_folder(self._settings),
            database=self.store.layout.database,
            gate=self._gate,
        )
        self._sql = AsgiServer(
            self._door.app,
            self._sql_socket,
            grace_seconds=self._settings.shutdown_seconds,
            tls=self._tls,
        )
        self._sql.start()

    async def _close_sql(self) -> None:
        if self._sql is not None:
            await self._sql.stop()
        if self._door is not None:
            self._door.close()

    def _not_ready(self) -> str:
        return self._state

    def _bind_grpc(self) -> int:
        host, port = self._settings.host, self._settings.grpc_port
        try:
            if self._tls:
                credentials = self._tls.grpc_credentials()
                return self._grpc.add_secure_port(address(host, port), credentials)
            return self._grpc.add_insecure_port(address(host, port))
        except RuntimeError as error:
            raise BadSettings(f"grpc_port = {port}: cannot listen on {host}") from error


def _limits(settings: Settings) -> Limits:
    return Limits(
        max_attributes=settings.max_attributes,
        max_value_chars=settings.max_value_chars,
        max_depth=settings.max_depth,
        max_age_ns=settings.max_age_days * 86_400 * _NS,
        max_ahead_ns=round(settings.max_ahead_seconds * _NS),
    )
