"""Connections in use: one writes, several read, and a host that failed is left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from queue import Empty, LifoQueue
from typing import Final, TypeVar

from clickhouse_connect.driver.client import Client

from otel_costattr_collector.hosts import Connections
from otel_costattr_collector.store_errors import FAILURES, elsewhere

Result = TypeVar("Result")


class Pool:
    """Lends connections to one database; safe to use from several threads.

    Args:
        connections: Opens them, and moves to another host when one fails.
        database: The database of all of them.
        readers: How many may read at once.
    """

    def __init__(self, connections: Connections, *, database: str, readers: int) -> None:
        self._connections: Final = connections
        self._database: Final = database
        self._writing: Final = threading.Lock()
        self._writer: Client | None = None
        self._idle: Final[LifoQueue[Client]] = LifoQueue()
        self._readers: Final = threading.BoundedSemaphore(readers)
        self.closed = False

    def write(self, do: Callable[[Client], Result]) -> Result:
        """Do it on the host in use, or on the next one that can; one caller at a time."""
        return self._on_a_host(self.writer, do)

    def read(self, do: Callable[[Client], Result]) -> Result:
        """Do it on the host in use, or on the next one that can."""
        with self._readers:
            return self._on_a_host(self._reader, do)

    @contextmanager
    def writer(self) -> Iterator[Client]:
        """Lend the connection that writes."""
        with self._writing:
            if self._writer is not None and not self._connections.good(self._writer):
                self._writer.close()
                self._writer = None
            if self._writer is None:
                self._writer = self._connections.connect(self._database)
            yield self._writer

    @contextmanager
    def without_database(self) -> Iterator[Client]:
        """Lend a connection to the default database."""
        client = self._connections.connect("")
        try:
            yield client
        finally:
            client.close()

    def close(self) -> None:
        """Close every connection; those that are lent are closed when they come back."""
        with self._writing:
            self.closed = True
            if self._writer is not None:
                self._writer.close()
                self._writer = None
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    def _on_a_host(
        self, borrow: Callable[[], AbstractContextManager[Client]], do: Callable[[Client], Result]
    ) -> Result:
        for _ in range(self._connections.tries - 1):
            with borrow() as client:
                try:
                    return do(client)
                except FAILURES as error:
                    if not elsewhere(error):
                        raise
                    self._connections.leave(client)
        with borrow() as client:
            return do(client)

    @contextmanager
    def _reader(self) -> Iterator[Client]:
        client = self._unused() or self._connections.connect(self._database)
        try:
            yield client
        finally:
            if self.closed or not self._connections.good(client):
                client.close()
            else:
                self._idle.put(client)

    def _unused(self) -> Client | None:
        while True:
            try:
                client = self._idle.get_nowait()
            except Empty:
                return None
            if self._connections.good(client):
                return client
            client.close()
