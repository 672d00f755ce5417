"""The dictionary of the tables: complete, and the same as the SQL and the engine."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from otel_costattr_collector import queries, schema
from otel_costattr_collector.store import Store

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "write_dictionary.py"


def test_the_dictionary_is_up_to_date() -> None:
    """`python scripts/write_dictionary.py` was run after the last change of the SQL."""
    assert (ROOT / "clickhouse" / "README.md").read_text("utf-8") == runpy.run_path(str(SCRIPT))[
        "dictionary"
    ]()


def test_the_dictionary_lists_every_column_as_the_engine_has_it(store: Store) -> None:
    """Table, column, type and comment in the dictionary are those of the engine."""
    page = (ROOT / "clickhouse" / "README.md").read_text("utf-8")
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    columns = store.query(
        "SELECT table, name, type, comment FROM system.columns"
        " WHERE database = currentDatabase() AND NOT endsWith(table, '_feed')"
    ).rows

    assert len(columns) > 100
    for table, name, kind, comment in columns:
        assert f"| `{name}` | `{kind}` | {comment}" in sections[table], (table, name)


def test_every_query_documents_the_columns_it_returns(store: Store) -> None:
    """The columns in the head of a query are those of its answer, in order."""
    found = store.query(queries.render("spend")).columns
    head = queries.text("spend").split("SELECT", 1)[0]
    documented = re.findall(r"^--   (\w+)", head.split("Columns:", 1)[1], re.MULTILINE)

    assert tuple(documented) == found


def test_every_query_runs_as_it_stands(store: Store) -> None:
    """Each file is SQL that the engine takes without our code, with its parameters."""
    names = sorted(path.stem for path in (schema.folder() / "queries").glob("*.sql"))

    assert names
    for name in names:
        text = queries.text(name)
        parameters = dict.fromkeys(re.findall(r"\{(\w+):\w+\}", text), "")
        store.query(text, parameters)
        for parameter in parameters:
            assert re.search(rf"^--   {parameter} ", text, re.MULTILINE), (name, parameter)
