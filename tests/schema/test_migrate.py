"""Migrations: forward only, once, and never an edited one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from assessed import assessed
from otel_costattr_collector import migrate
from otel_costattr_collector.ledger import encode, lines_of
from otel_costattr_collector.schema import Layout
from otel_costattr_collector.store import Store, embedded

from otel_costattr.errors import PermanentError, StoreError

NAMES = tuple(migration.name for migration in migrate.shipped())


def test_each_migration_runs_once(empty_store: Store) -> None:
    """The first run applies all, the second none, and asking changes nothing."""
    assert empty_store.pending() == NAMES
    assert empty_store.migrate() == NAMES
    assert empty_store.pending() == ()
    assert empty_store.migrate() == ()


def test_each_migration_leaves_a_record(store: Store) -> None:
    """Number, name, checksum and layout of what was applied can be read in the database."""
    rows = store.query(
        "SELECT number, name, checksum, layout FROM schema_migrations ORDER BY number"
    )

    assert rows.rows == tuple(
        (migration.number, migration.name, migration.checksum, "single")
        for migration in migrate.shipped()
    )


def test_an_edited_migration_is_refused(store: Store) -> None:
    """A text that changed after it was applied stops everything, by name."""
    edited = (replace(migrate.shipped()[0], text="SELECT 1"), *migrate.shipped()[1:])

    with pytest.raises(PermanentError, match=r"0001_schema_migrations\.sql was edited"):
        migrate.pending(store, store.layout, migrations=edited)


def test_a_newer_database_is_refused(store: Store) -> None:
    """Software that knows fewer migrations than were applied does not touch the database."""
    with pytest.raises(PermanentError, match="newer otel-costattr"):
        migrate.pending(store, store.layout, migrations=migrate.shipped()[:-1])


def test_another_reporting_time_zone_is_refused(store: Store, chdb_folder: Path) -> None:
    """Days that are already kept in one zone are not mixed with those of another."""
    other = Layout(database=store.layout.database, time_zone="Asia/Kolkata")

    with (
        embedded(chdb_folder, layout=other) as changed,
        pytest.raises(PermanentError, match="Asia/Kolkata"),
    ):
        changed.migrate()


def test_a_run_that_was_cut_short_is_run_again(empty_store: Store) -> None:
    """A migration whose record is missing is applied again and harms nothing."""
    empty_store.migrate()
    empty_store.command(f"DELETE FROM schema_migrations WHERE number = {len(NAMES)}")

    assert empty_store.migrate() == NAMES[-1:]


def test_a_run_that_left_no_record_is_run_again(empty_store: Store) -> None:
    """Killed before it recorded anything, all of it is applied again, and no line is touched."""
    empty_store.migrate()
    lines = [line for number in range(3) for line in lines_of(assessed(number))]
    empty_store.insert(encode(lines, batch_id=1, recorded_ns=1))
    empty_store.command("TRUNCATE TABLE schema_migrations")

    assert empty_store.migrate() == NAMES
    for table in ("ledger", "spend_by_tenant_day", "spend_by_feature_15m", "spend_by_session"):
        assert empty_store.query(f"SELECT sum(calls) FROM {table}").rows == ((3,),), table


def test_what_was_applied_before_a_refusal_is_recorded(
    empty_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The failure is the one that is told, and the next run starts where it was."""
    bad = migrate.Migration(number=3, name="0003_bad.sql", text="SELECT nothing_of_that_name")
    cut = (*migrate.shipped()[:2], bad)

    with monkeypatch.context() as patch:
        patch.setattr(migrate, "shipped", lambda: cut)
        with pytest.raises(StoreError, match="nothing_of_that_name"):
            empty_store.migrate()

    assert empty_store.pending() == NAMES[2:]


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["0001_a.sql", "0003_b.sql"], id="gap"),
        pytest.param(["0001_a.sql", "0001_b.sql"], id="twice"),
        pytest.param(["1_a.sql"], id="no number"),
    ],
)
def test_misnumbered_files_are_refused(tmp_path: Path, names: list[str]) -> None:
    """Migrations are numbered 1, 2, 3 without a gap."""
    for name in names:
        (tmp_path / name).write_text("SELECT 1")

    with pytest.raises(PermanentError, match="expected number"):
        migrate.load(tmp_path)
