"""The company's month, told once for all tests of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from company.story import Company, told
from otel_costattr_collector import store as stores
from otel_costattr_collector.schema import Layout


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the story first, so that one worker gets all of them and tells it once."""
    items.sort(key=lambda item: "company" not in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def company(chdb_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """From the first span to the last invoice."""
    folder = tmp_path_factory.mktemp("company")
    with stores.embedded(chdb_folder, layout=Layout(database="company")) as store:
        store.migrate()
        with told(store, folder) as company:
            yield company
