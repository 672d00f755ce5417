"""Sums of whole months are kept beside the days of a tenant, and are the days' own sums."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import month
import pytest
from otel_costattr_collector import migrate, spend
from otel_costattr_collector.analytics.asking import Grouped
from otel_costattr_collector.analytics.catalogue import BY_QUERY, sql_of
from otel_costattr_collector.schema import Layout
from otel_costattr_collector.spend import Question, edge
from otel_costattr_collector.store import Store, embedded

DAYS = {"optimize_use_projections": 0}
MONTH = Question(
    group_by=("tenant",),
    since=edge("2026-10-01", "UTC"),
    until=edge("2026-10-31", "UTC", end=True),
    limit=10_000,
    measure="direct",
)


def _before(name: str) -> int:
    """Count the migrations that came before one."""
    return next(n for n, one in enumerate(migrate.shipped()) if name in one.name)


Sql = tuple[str, dict[str, object]]
Ask = Callable[[Question], Sql]


def _top(question: Question) -> Sql:
    return sql_of(BY_QUERY["top"], Grouped(), question)


ASKED = pytest.mark.parametrize("ask", [spend.ask, _top], ids=["spend", "top"])


def _plan(store: Store, sql: Sql) -> str:
    rows = store.query(f"EXPLAIN projections = 1 {sql[0]}", sql[1]).rows
    return "\n".join(row[0] for row in rows)


def _both(store: Store, sql: Sql, days: Mapping[str, object] = DAYS) -> tuple[object, object]:
    return store.query(*sql).rows, store.query(*sql, settings=days).rows


@ASKED
@pytest.mark.parametrize(
    ("question", "is_kept"),
    [
        pytest.param(MONTH, True, id="a month by tenant"),
        pytest.param(replace(MONTH, measure="fully_loaded"), True, id="fully loaded"),
        pytest.param(replace(MONTH, filters={"data_mode": "real"}), True, id="of real traffic"),
        pytest.param(replace(MONTH, since=None, until=None), True, id="since ever"),
        pytest.param(replace(MONTH, group_by=("provider",)), False, id="by provider"),
        pytest.param(replace(MONTH, since=edge("2026-10-02", "UTC")), False, id="not whole"),
        pytest.param(replace(MONTH, as_of=edge("2026-11-01", "UTC")), False, id="as billed then"),
    ],
)
def test_whole_months_are_read_as_such(
    store: Store, ask: Ask, question: Question, *, is_kept: bool
) -> None:
    """The engine reads sums of months where nothing finer is asked for, and days otherwise."""
    month.plant(store, 100)

    sql = ask(question)

    assert ("by_whole_month" in _plan(store, sql)) is is_kept


@ASKED
@pytest.mark.parametrize(
    "applied",
    [
        pytest.param(_before("projections"), id="before months were kept"),
        pytest.param(_before("tenant_day_of_calls"), id="before amended costs were told apart"),
    ],
)
def test_months_equal_days(empty_store: Store, chdb_folder: Path, ask: Ask, applied: int) -> None:
    """Rows from before the change, new ones, merged ones and deleted ones: always the same sums."""
    store = empty_store
    with embedded(chdb_folder, layout=Layout(database="default")) as other:
        other.command(f"CREATE DATABASE {store.layout.database}")
    migrate.run(store, store.layout, now_ns=0, migrations=migrate.shipped()[:applied])
    month.plant(store, 400)
    sql = ask(MONTH)
    before = store.query(*sql).rows

    assert len(store.migrate()) == len(migrate.shipped()) - applied
    assert _both(store, sql) == (before, before)

    store.command("INSERT INTO ledger SELECT * REPLACE ('again' AS tenant) FROM ledger LIMIT 50")
    added = store.query(*sql).rows
    assert added == store.query(*sql, settings=DAYS).rows != before

    store.command("OPTIMIZE TABLE spend_by_tenant_day FINAL")
    assert "by_whole_month" in _plan(store, sql)
    assert _both(store, sql) == (added, added)

    store.command("DELETE FROM spend_by_tenant_day WHERE tenant = 'again'")
    assert _both(store, sql) == (before, before)
