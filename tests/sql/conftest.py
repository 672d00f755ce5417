"""One database with the schema, a hidden table and an open line in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from otel_costattr_collector import store as stores
from otel_costattr_collector.schema import Layout
from otel_costattr_collector.sql import READABLE, Engine, Guard, SqlLimits

DATABASE = "costattr_sql"
SECRET = "CANARY-e8b1"
LIMITS = SqlLimits(
    max_seconds=1,
    max_memory_bytes=256 * 1024 * 1024,
    max_result_rows=20_000,
    max_query_bytes=20_000,
)
NOTHING: Mapping[str, str] = MappingProxyType({})

Ask = Callable[..., str]


@pytest.fixture(scope="session")
def engine(chdb_folder: Path) -> Iterator[Engine]:
    """The engine over the schema, with a table `vault` that nobody may read."""
    with stores.embedded(chdb_folder, layout=Layout(database=DATABASE)) as store:
        store.migrate()
        store.command("CREATE TABLE vault (secret String) ENGINE = MergeTree ORDER BY secret")
        store.command(f"INSERT INTO vault VALUES ('{SECRET}')")
    opened = Engine(chdb_folder.resolve(), database=DATABASE, tables=READABLE)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def guard(engine: Engine) -> Guard:
    """The guard over it."""
    return Guard(engine, database=DATABASE, tables=READABLE, limits=LIMITS)


@pytest.fixture(scope="session")
def ask(engine: Engine, guard: Guard) -> Ask:
    """Ask as the endpoint does and return the answer's text."""

    def run(
        sql: str, parameters: Mapping[str, str] = NOTHING, asked: Mapping[str, str] = NOTHING
    ) -> str:
        admitted = guard.admit(sql, parameters=parameters, asked=asked, default_format="TSV")
        return engine.run(admitted, parameters).body.decode("utf-8", "replace")

    return run
