"""The store: one class over clickhouse-connect, for chDB in a folder and for servers alike.

A chDB folder belongs to one process and does not survive a fork: open the store after forking.
Connections are made when they are first needed, so a store object exists while a server is down.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from otel_costattr.attribution import NO_SCHEMA
from otel_costattr.cli.attribution import schema_at
from otel_costattr.errors import BadSettings, PermanentError
from otel_costattr_collector import decimals, lean_chdb, migrate
from otel_costattr_collector.hosts import Connections, One, Tls, address_of, hosts_of
from otel_costattr_collector.ledger import Block
from otel_costattr_collector.pool import Pool, Result
from otel_costattr_collector.schema import Layout
from otel_costattr_collector.settings import Settings
from otel_costattr_collector.store_errors import FAILURES, translate

decimals.register()

OLDEST_SERVER: Final = (24, 8)
"""Older servers drop equal blocks in the targets of views."""

INSERT_SETTINGS: Final[Mapping[str, object]] = {
    "async_insert": 0,
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "max_insert_block_size": 1_048_576,
    "min_insert_block_size_rows": 1_048_576,
    "min_insert_block_size_bytes": 268_435_456,
    "max_insert_threads": 1,
    "parallel_view_processing": 0,
    "wait_end_of_query": 1,
}
"""Sent with each insert: how a block is cut is part of its identity, so a retry must not differ."""

_MIB: Final = 1024 * 1024
ENGINE_OPTIONS: Final[Mapping[str, object]] = {
    "mark_cache_size": 128 * _MIB,
    "index_mark_cache_size": 64 * _MIB,
    "primary_index_cache_size": 128 * _MIB,
    "compile_expressions": 0,
    "compile_aggregate_expressions": 0,
}
"""Bounds of the embedded engine's caches in bytes, its own defaults are 5 GiB each; and no machine
code for expressions: compiling costs the first inserts and questions more than it ever saves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a query returned.

    Attributes:
        columns: Names of the columns.
        rows: The rows; decimals are `Decimal`, counts `int`.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def mappings(self) -> tuple[dict[str, Any], ...]:
        """Read each row by the names of its columns."""
        return tuple(dict(zip(self.columns, row, strict=True)) for row in self.rows)


class Store:
    """Writes blocks exactly once and answers queries; safe to use from several threads.

    One connection writes; readers borrow from a pool, since a chDB connection serves one caller.
    """

    def __init__(
        self, connections: Connections, *, layout: Layout, where: str, readers: int = 4
    ) -> None:
        """Make a store; nothing is opened yet.

        Args:
            connections: Opens connections, and moves to another host when one fails.
            layout: How the tables are laid out.
            where: The place, for messages; free of passwords.
            readers: How many queries may run at once.
        """
        self.layout: Final = layout
        self.where: Final = where
        self._pool: Final = Pool(connections, database=layout.database, readers=readers)

    def insert(self, block: Block, *, token: str = "") -> None:
        """Write one block into ledger and rollups; with a token seen before it changes nothing.

        After an error it is unknown what was written: call again with the same block and token.

        Args:
            block: What `ledger.encode` made.
            token: The deduplication token; the block's own if empty.

        Raises:
            RetryableError: The same call may succeed later.
            PermanentError: The engine refuses these bytes for ever.
        """
        self.append("ledger", block.data, token=token or block.token)

    def append(self, table: str, data: bytes, *, token: str) -> None:
        """Write rows into one table of ours; with a token seen before it changes nothing.

        Args:
            table: Its name, such as `audits`.
            data: One Native block.
            token: The deduplication token.

        Raises:
            StoreError: As for `insert`.
        """
        settings = {**INSERT_SETTINGS, "insert_deduplication_token": token}
        target = self.layout.writes_to(table)
        self._written(
            f"insert of batch {token} into {table}",
            lambda client: client.raw_insert(target, None, data, settings=settings, fmt="Native"),
        )

    def query(
        self,
        sql: str,
        parameters: Mapping[str, object] | None = None,
        *,
        settings: Mapping[str, object] | None = None,
    ) -> Answer:
        """Run one SELECT of ours; values reach it only as `{name:Type}` parameters.

        Args:
            sql: The text, never built from a user's words.
            parameters: Name to value.
            settings: Engine settings, such as `max_execution_time` in seconds.

        Raises:
            StoreError: The engine refused or did not answer.
        """
        result = self._asked(
            "query",
            lambda client: client.query(
                sql, parameters=dict(parameters or {}), settings=dict(settings or {})
            ),
        )
        return Answer(
            columns=tuple(result.column_names), rows=tuple(map(tuple, result.result_rows))
        )

    def export(
        self,
        sql: str,
        parameters: Mapping[str, object] | None = None,
        *,
        fmt: str,
        settings: Mapping[str, object] | None = None,
    ) -> bytes:
        """Run one SELECT of ours and return what it finds in a format of ClickHouse's.

        Args:
            sql: The text, never built from a user's words.
            parameters: Name to value.
            fmt: Such as `Parquet` or `CSVWithNames`.
            settings: Engine settings.

        Raises:
            StoreError: The engine refused or did not answer.
        """
        return self._asked(
            "export",
            lambda client: client.raw_query(
                sql, parameters=dict(parameters or {}), settings=dict(settings or {}), fmt=fmt
            ),
        )

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run one statement that returns nothing.

        Raises:
            StoreError: The engine refused or did not answer.
        """
        self._written(
            "statement", lambda client: client.command(sql, parameters=dict(parameters or {}))
        )

    def ping(self) -> None:
        """Return if the engine answers.

        Raises:
            StoreError: It does not.
        """
        self.query("SELECT 1")

    def migrate(self) -> tuple[str, ...]:
        """Bring the schema up to date and name the migrations that were applied.

        Blocks that were frozen under an older schema must have been inserted before, since a new
        view would count a late retry twice.

        Raises:
            PermanentError: An applied migration was edited, the database is newer than this
                software, or was laid out otherwise.
            StoreError: The engine refused or did not answer.
        """
        self._make_database()
        return migrate.run(self, self.layout, now_ns=time.time_ns())

    def pending(self) -> tuple[str, ...]:
        """Name the migrations that `migrate` would apply, and change nothing.

        Raises:
            StoreError: As for `migrate`.
        """
        if not self._has_database():
            return tuple(migration.name for migration in migrate.shipped())
        return tuple(m.name for m in migrate.pending(self, self.layout))

    def close(self) -> None:
        """Close every connection; later calls raise `PermanentError`. Closing twice is fine."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _has_database(self) -> bool:
        sql = "SELECT count() FROM system.databases WHERE name = {database:String}"
        with self._once() as client:
            found = client.query(sql, parameters={"database": self.layout.database})
            return bool(found.result_rows[0][0])

    def _make_database(self) -> None:
        if self._has_database():
            return
        everywhere = f" ON CLUSTER '{self.layout.cluster}'" if self.layout.cluster else ""
        with self._once() as client:
            client.command(f"CREATE DATABASE IF NOT EXISTS `{self.layout.database}`{everywhere}")

    @contextmanager
    def _once(self) -> Iterator[Client]:
        with self._translated("connection"), self._pool.without_database() as client:
            _check_version(client.server_version or "")
            yield client

    def _written(self, what: str, do: Callable[[Client], object]) -> None:
        with self._translated(what):
            self._pool.write(do)

    def _asked(self, what: str, do: Callable[[Client], Result]) -> Result:
        with self._translated(what):
            return self._pool.read(do)

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        if self._pool.closed:
            raise PermanentError(f"{what}: the store at {self.where} is closed")
        try:
            yield
        except FAILURES as error:
            raise translate(error, f"{what} at {self.where}") from error


def open_store(settings: Settings) -> Store:
    """Make the store that the settings name; nothing is opened yet.

    Raises:
        BadSettings: The layout, the cluster, the time zone, the URL or the attribution schema makes
            no sense.
    """
    path = settings.attribution_schema
    layout = Layout(
        kind=settings.layout,
        cluster=settings.cluster,
        time_zone=settings.reporting_time_zone,
        attribution=NO_SCHEMA if path is None else schema_at(path),
    )
    if settings.clickhouse is not None:
        tls = Tls(
            ca=settings.clickhouse_ca,
            cert=settings.clickhouse_cert,
            key=settings.clickhouse_key,
        )
        return server(settings.clickhouse.get_secret_value(), layout=layout, tls=tls)
    return embedded(engine_folder(settings), layout=layout)


def engine_folder(settings: Settings) -> Path:
    """Return the folder of the embedded engine."""
    return settings.data / "clickhouse"


def embedded(
    path: Path, *, layout: Layout | None = None, engine_options: Mapping[str, object] | None = None
) -> Store:
    """Use chDB in a folder; it is made if missing.

    Args:
        path: The folder.
        layout: Database and reporting time zone; the kind is always `single`.
        engine_options: Server settings of the engine, such as `max_server_memory_usage` in bytes.

    Raises:
        BadSettings: The layout is not `single`.
    """
    chosen = layout or Layout()
    if chosen.kind != "single":
        raise BadSettings(f"layout {chosen.kind!r} needs a server; chDB is one process in a folder")
    folder = path.resolve()

    def connect(database: str) -> Client:
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(ModuleNotFoundError):  # what follows says how to install it
            lean_chdb.chdb()
        return clickhouse_connect.get_client(
            interface="chdb",
            path=str(folder),
            database=database or None,
            chdb_options={**ENGINE_OPTIONS, **(engine_options or {})},
        )

    return Store(One(connect), layout=chosen, where=str(folder))


def server(
    url: str,
    *,
    layout: Layout | None = None,
    tls: Tls | None = None,
    timeout_s: float = 60,
    connect_timeout_s: float = 5,
) -> Store:
    """Use a ClickHouse server or cluster over HTTP.

    Args:
        url: `http://user:pass@host:8123/database` or `https://...`; several hosts with commas
            between are replicas of one shard, since only those know each other's tokens. A
            database in the URL wins over that of the layout.
        layout: How the tables are laid out.
        tls: Certificates, for https.
        timeout_s: How long one request may take, seconds.
        connect_timeout_s: How long connecting may take, seconds.

    Raises:
        BadSettings: A URL or certificate makes no sense.
    """
    address = address_of(url)
    base = layout or Layout()
    chosen = replace(base, database=address.database or base.database)
    hosts = hosts_of(
        address, tls or Tls(), timeout_s=timeout_s, connect_timeout_s=connect_timeout_s
    )
    return Store(hosts, layout=chosen, where=",".join(host.where for host in address.hosts))


def _check_version(version: str) -> None:
    numbers: Sequence[str] = version.split(".")[:2]
    if all(number.isdigit() for number in numbers) and tuple(map(int, numbers)) < OLDEST_SERVER:
        oldest = ".".join(map(str, OLDEST_SERVER))
        raise PermanentError(f"ClickHouse {version} is too old: use {oldest} or later")
