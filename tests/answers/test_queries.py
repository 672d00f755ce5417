"""Every named query as it stands in its file: it runs, and its header tells what it returns."""

from __future__ import annotations

import re

import pytest
from assessed import assessed, duplicate, unpriced
from otel_costattr_collector import queries, schema
from otel_costattr_collector.ledger import encode, lines_of
from otel_costattr_collector.store import Store

NAMES = sorted(path.stem for path in (schema.folder() / "queries").glob("*.sql"))
NEEDED: dict[str, dict[str, object]] = {"line": {"line_id": "0" * 24}}
DIFFERENCES = {"cost_before", "cost_after", "delta", "cost_difference"}


@pytest.fixture
def filled(store: Store) -> Store:
    """A ledger of a call, a call without a price and a duplicate."""
    first = assessed(1, owner={"tenant": "acme", "feature": "chat", "session": "s-1"})
    lines = [line for one in (first, unpriced(2), duplicate(3, of=first)) for line in lines_of(one)]
    store.insert(encode(lines, batch_id=1, recorded_ns=1_790_000_010_000_000_000))
    return store


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_a_query_runs_as_it_stands_and_its_header_names_every_column(
    filled: Store, name: str
) -> None:
    """Somebody with a ClickHouse client alone can run the file and knows what each column is."""
    text = queries.text(name)
    header = " ".join(line for line in text.splitlines() if line.startswith("--"))

    answer = filled.query(queries.render(name), NEEDED.get(name))

    assert "Columns" in header
    if name != "line":
        assert [column for column in answer.columns if not _named(column, header)] == []


def _named(column: str, header: str) -> bool:
    return re.search(rf"(?<!\w){column}(?!\w)", header) is not None


@pytest.mark.parametrize("name", NAMES)
def test_a_query_answers_over_an_empty_ledger(store: Store, name: str) -> None:
    """The first day of an installation is no error, and no amount of it is made up."""
    answer = store.query(queries.render(name), NEEDED.get(name))

    for row in answer.mappings():
        money = {key: row[key] for key in row if "cost" in key and key not in DIFFERENCES}
        assert set(money.values()) <= {None}, money
