"""The port of ClickHouse's HTTP interface on the embedded engine."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, Final

from otel_costattr.errors import BadSettings

from .access import Gate, TlsFiles
from .metrics import Metrics
from .servers import AsgiServer, listen
from .settings import Settings
from .store import Store, engine_folder

if TYPE_CHECKING:
    from .sql import SqlDoor

_log: Final = logging.getLogger(__name__)
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


class SqlPort:
    """Listens from the start, and answers once the schema is there.

    Args:
        settings: Whether it is offered, and where.
        gate: Tells who asks.
        metrics: Where queries are counted.
        tls: Files to speak TLS with; None for plain HTTP.

    Raises:
        BadSettings: The port that was asked for cannot be listened on.
    """

    def __init__(
        self, settings: Settings, *, gate: Gate, metrics: Metrics, tls: TlsFiles | None
    ) -> None:
        self._settings: Final = settings
        self._gate: Final = gate
        self._metrics: Final = metrics
        self._tls: Final = tls
        self._socket: Final = sql_socket(settings)
        self._door: SqlDoor | None = None
        self._server: AsgiServer | None = None

    @property
    def port(self) -> int | None:
        """The port that answers; None before `start` and where it is not offered."""
        return self._server.port if self._server else None

    async def start(self, store: Store) -> None:
        """Answer queries over the tables of a store of this process."""
        if self._socket is None:
            return
        from .sql import SqlDoor  # noqa: PLC0415 - with a server chDB need not be installed

        self._door = await asyncio.to_thread(
            SqlDoor,
            engine_folder(self._settings),
            database=store.layout.database,
            gate=self._gate,
            count=lambda outcome: self._metrics.sql_queries.labels(outcome).inc(),
        )
        self._server = AsgiServer(
            self._door.app,
            self._socket,
            grace_seconds=self._settings.shutdown_seconds,
            tls=self._tls,
        )
        self._server.start()

    async def stop(self) -> None:
        """Answer what is open, then let go of the engine."""
        if self._server is not None:
            await self._server.stop()
        elif self._socket is not None:
            self._socket.close()
        if self._door is not None:
            self._door.close()
