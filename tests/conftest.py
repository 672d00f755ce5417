"""One embedded engine for the whole test process, and one database that each test finds empty.

chDB opens one folder a process and starts in half a second, so the engine is shared: each worker
of pytest-xdist has its own folder. Making the tables takes longer than most tests, so they are
emptied between tests; what changes the tables themselves has a database of its own.
"""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Generator, Iterator
from importlib import import_module
from itertools import chain, count
from pathlib import Path
from pkgutil import walk_packages
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import core, settings
from hypothesis.vendor import pretty
from otel_costattr_collector import migrate
from otel_costattr_collector import store as stores
from otel_costattr_collector.api import create_api
from otel_costattr_collector.schema import Layout

settings.register_profile("quick", max_examples=30, deadline=None)
settings.register_profile("nightly", max_examples=500, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# schemathesis, a plugin of pytest, swaps in a printer that writes no values: `words=,` of a failure.
core.RepresentationPrinter = pretty.RepresentationPrinter  # type: ignore[attr-defined]

gc.set_threshold(20_000, 20, 20)

MEMORY = Path("/dev/shm")
_NUMBERS = count(1)
_TABLES = "SELECT name, total_rows FROM system.tables WHERE database = currentDatabase()"
_MADE = re.compile(r"CREATE (?:TABLE|MATERIALIZED VIEW|VIEW) IF NOT EXISTS (\w+)")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin each half with files of slow tests: two workers get a half each, and end together.

    In any order a test of a minute may be the last one, while the other worker has none left.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    slow: list[list[pytest.Item]] = []
    quick: list[list[pytest.Item]] = []
    for tests in files.values():
        waits = any(test.get_closest_marker("slow") for test in tests)
        (slow if waits else quick).append(tests)
    first, second = list(chain(*slow[::2])), list(chain(*slow[1::2]))
    rest = list(chain(*quick))
    room = max(0, (len(items) + 1) // 2 - len(first))
    items[:] = [*first, *rest[:room], *second, *rest[room:]]


def pytest_collection_finish() -> None:
    """Keep thousands of collected tests, which stay until the end, from being looked through."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Measure the coverage of what importing our modules runs, not the collection of tests.

    Tracing makes Python run half as fast, so it is on where it can learn something.
    """
    measuring = _measuring(session.config)
    collects = hasattr(session.config, "workerinput") or not session.config.option.numprocesses
    if measuring is not None and collects:
        for name in ("otel_costattr", "otel_costattr_collector"):
            for module in walk_packages(import_module(name).__path__, f"{name}."):
                if not module.name.endswith(".__main__"):
                    import_module(module.name)
        measuring.pause()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Measure what a test sets up and calls, and the processes that it starts if it is marked so.

    A process that is measured takes twice as long to start, and tests start dozens.
    """
    measuring = _measuring(item.config)
    if measuring is not None and item.get_closest_marker("no_cover") is None:
        measuring.resume()  # which says in the environment that processes are measured
    if item.get_closest_marker("measured") is None:
        os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
    yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Measure nothing between tests."""
    measuring = _measuring(item.config)
    if measuring is not None:
        measuring.pause()
    yield


def _measuring(config: pytest.Config) -> Any:
    """Return what pauses and resumes coverage; None where none is measured."""
    plugin = config.pluginmanager.get_plugin("_cov")
    return None if plugin is None else plugin.cov_controller


@pytest.fixture(scope="session")
def chdb_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of this process's engine, kept open until the last test is done.

    It is in memory where the machine has such a disk: the engine syncs every insert. Tests of what
    survives have folders of their own.
    """
    where = MEMORY if os.access(MEMORY, os.W_OK) else tmp_path_factory.mktemp("chdb")
    with (
        TemporaryDirectory(dir=where, prefix="costattr-", ignore_cleanup_errors=True) as folder,
        stores.embedded(Path(folder), layout=Layout(database="default")) as anchor,
    ):
        anchor.ping()
        yield Path(folder)


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
def own_store(empty_store: stores.Store) -> stores.Store:
    """A store with the current schema whose tables the test may change."""
    empty_store.migrate()
    return empty_store


@pytest.fixture(scope="session")
def _shared(chdb_folder: Path) -> Iterator[stores.Store]:
    """A store with the current schema."""
    with stores.embedded(chdb_folder, layout=Layout(database="shared")) as opened:
        opened.migrate()
        yield opened


@pytest.fixture
def store(_shared: stores.Store) -> stores.Store:
    """A store with the current schema and no line."""
    emptied(_shared)
    return _shared


@pytest.fixture(scope="session")
def _shared_api(_shared: stores.Store) -> FastAPI:
    """An application takes a fifth of a second to build."""
    return create_api(_shared)


@pytest.fixture
def store_api(store: stores.Store, _shared_api: FastAPI) -> FastAPI:  # noqa: ARG001  # empties it
    """The API over `store`, open to everybody.

    It is one for all tests. What an application remembers beside its tables would reach the next
    one: a test that posts costs, closes a month or takes shares of a budget makes its own.
    """
    return _shared_api


def emptied(store: stores.Store) -> None:
    """Remove every row and every table that a test made; the log of tokens goes with the rows."""
    ours = {name for migration in migrate.shipped() for name in _MADE.findall(migration.text)}
    for name, rows in store.query(_TABLES).rows:
        if name not in ours:
            store.command(f"DROP TABLE {name} SYNC")
        elif rows and name != "schema_migrations":
            store.command(f"TRUNCATE TABLE {name} SYNC")
