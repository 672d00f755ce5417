"""One embedded engine for the whole test process, a database for each test.

chDB opens one folder a process and starts in half a second, so the engine is shared: each worker
of pytest-xdist has its own folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from otel_costattr_collector import store as stores
from otel_costattr_collector.schema import Layout

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def chdb_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of this process's engine, kept open until the last test is done."""
    folder = tmp_path_factory.mktemp("chdb")
    with stores.embedded(folder, layout=Layout(database="default")) as anchor:
        anchor.ping()
        yield folder


@pytest.fixture
def layout() -> Layout:
    """A database of its own, with days in UTC."""
    return Layout(database=f"test_{next(_NUMBERS)}")


@pytest.fixture
def empty_store(chdb_folder: Path, layout: Layout) -> Iterator[stores.Store]:
    """A store whose database does not exist yet."""
    with stores.embedded(chdb_folder, layout=layout) as opened:
        yield opened


@pytest.fixture
def store(empty_store: stores.Store) -> stores.Store:
    """A store with the current schema and no line."""
    empty_store.migrate()
    return empty_store
