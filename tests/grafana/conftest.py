"""A small month with its incidents, in one database for all tests of panels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import month
import pytest
from otel_costattr_collector import store as stores
from otel_costattr_collector.schema import Layout
from otel_costattr_collector.sql import READABLE, Engine, Guard, SqlLimits

DATABASE = "costattr_grafana"
LINES = 60_000


@pytest.fixture(scope="session")
def seeded(chdb_folder: Path) -> Iterator[stores.Store]:
    """October 2026 with its planted incidents."""
    with stores.embedded(chdb_folder, layout=Layout(database=DATABASE)) as store:
        store.migrate()
        month.plant(store, LINES)
        month.plant_audit(store)
        month.plant_money(store)
        yield store


@pytest.fixture(scope="session")
def guard(chdb_folder: Path, seeded: stores.Store) -> Iterator[Guard]:
    """The guard of the SQL endpoint over the same database."""
    seeded.ping()
    engine = Engine(chdb_folder.resolve(), database=DATABASE, tables=READABLE)
    limits = SqlLimits(
        max_seconds=30,
        max_memory_bytes=1 << 30,
        max_result_rows=100_000,
        max_query_bytes=100_000,
    )
    yield Guard(engine, database=DATABASE, tables=READABLE, limits=limits)
    engine.close()
