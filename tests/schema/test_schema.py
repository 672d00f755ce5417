"""The schema as the engine sees it, held against the code and against the other layouts."""

from __future__ import annotations

import re

import pytest
from otel_costattr_collector import migrate, schema
from otel_costattr_collector.ledger import COLUMNS
from otel_costattr_collector.schema import Layout
from otel_costattr_collector.store import Store

from otel_costattr.errors import BadSettings

TABLES = (
    "anomalies",
    "audits",
    "bills",
    "budgets",
    "closed_months",
    "currency_rates",
    "leases",
    "ledger",
    "notifications",
    "outcomes",
    "price_contracts",
    "revenue",
    "schema_migrations",
    "spend_by_feature_15m",
    "spend_by_session",
    "spend_by_tenant_day",
    "statements",
    "token_metrics",
)
CLUSTER = Layout(kind="cluster", cluster="main")
CLOUD = Layout(kind="cloud")


def _rendered(layout: Layout) -> list[str]:
    return [
        statement
        for migration in migrate.shipped()
        for statement in schema.render(migration.text, layout)
    ]


def test_the_column_table_is_the_ledger(store: Store) -> None:
    """Name, type and order of the stored columns are the same in code and engine."""
    found = store.query(
        "SELECT name, type FROM system.columns WHERE database = currentDatabase()"
        " AND table = 'ledger' AND default_kind = '' ORDER BY position"
    ).rows

    assert found == tuple((column.name, column.type) for column in COLUMNS)


def test_every_column_is_commented(store: Store) -> None:
    """A reader of the data finds a sentence on each column in the engine itself."""
    missing = store.query(
        "SELECT table, name FROM system.columns WHERE database = currentDatabase()"
        " AND comment = '' AND NOT endsWith(table, '_feed')"
    ).rows

    assert missing == ()


@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_durable_and_recognises_a_resent_block(store: Store, table: str) -> None:
    """Inserts and merges are synced, and each table has a deduplication window."""
    found = store.query(
        "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = {t:String}",
        {"t": table},
    ).rows[0][0]

    for setting in (
        "fsync_after_insert = 1",
        "fsync_part_directory = 1",
        "min_rows_to_fsync_after_merge = 1",
        "old_parts_lifetime = 480",
        "non_replicated_deduplication_window = 10000",
    ):
        assert setting in found


def test_the_ledger_is_merged_column_by_column(store: Store) -> None:
    """No merge, however small, takes buffers for all columns at once."""
    engine = store.query(
        "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = 'ledger'"
    ).rows[0][0]

    assert "vertical_merge_algorithm_min_rows_to_activate = 1" in engine


def test_rollups_are_fed_by_the_ledger_and_hold_sums_only(store: Store) -> None:
    """No view reads another view's table, and every rollup adds up."""
    views = store.query(
        "SELECT name, as_select FROM system.tables WHERE database = currentDatabase()"
        " AND engine = 'MaterializedView'"
    ).mappings()
    engines = store.query(
        "SELECT engine FROM system.tables WHERE database = currentDatabase()"
        " AND startsWith(name, 'spend_by_') AND engine != 'MaterializedView'"
    ).rows

    assert len(views) == 3
    assert all(re.search(r"\.ledger\b", view["as_select"]) for view in views)
    assert engines == (("SummingMergeTree",),) * 3


@pytest.mark.parametrize("target", [Layout(), CLUSTER, CLOUD], ids=lambda target: target.kind)
def test_the_engine_parses_every_layout(store: Store, target: Layout) -> None:
    """Each rendered statement passes the engine's own parser and keeps no marker."""
    for statement in _rendered(target):
        formatted = store.query(
            "SELECT formatQuerySingleLine({text:String})", {"text": statement}
        ).rows[0][0]
        assert formatted.startswith(("CREATE ", "ALTER TABLE "))
        assert "/*{" not in statement


def test_a_cluster_has_replicas_and_reads_all_shards() -> None:
    """Each table is replicated on its shard and has one that reads them all."""
    statements = _rendered(CLUSTER)
    tables = [text for text in statements if "CREATE TABLE" in text]

    assert all("ON CLUSTER 'main'" in text for text in statements)
    assert sum("ENGINE = Replicated" in text for text in tables) == len(TABLES)
    assert sum("ENGINE = Distributed('main', 'costattr'" in text for text in tables) == len(TABLES)
    assert all("FROM ledger_local" in text for text in statements if " VIEW " in text)
    assert not any("non_replicated" in text for text in statements)
    assert sum("replicated_deduplication_window = 100000" in text for text in tables) == len(TABLES)


def test_cloud_leaves_disks_and_replicas_to_the_service() -> None:
    """ClickHouse Cloud gets plain engines, its own deduplication windows and no disk settings."""
    text = "\n".join(_rendered(CLOUD))

    assert "ON CLUSTER" not in text
    assert "Replicated" not in text
    assert "fsync" not in text
    assert "replicated_deduplication_window_seconds = 604800" in text


def test_days_are_those_of_the_reporting_time_zone() -> None:
    """The zone is rendered into the views that make days, and nowhere else."""
    text = "\n".join(_rendered(Layout(time_zone="Asia/Kathmandu")))

    assert text.count("'Asia/Kathmandu'") == 5
    assert "toDate(event_ns, 'Asia/Kathmandu') AS day" in text


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param({"database": "a b"}, "database 'a b'", id="database"),
        pytest.param({"database": "x'; DROP"}, "database", id="injection"),
        pytest.param({"time_zone": "Mars/Base"}, "Mars/Base", id="zone"),
        pytest.param({"time_zone": "../etc"}, "etc", id="zone path"),
        pytest.param({"kind": "cluster"}, "cluster name", id="no cluster"),
        pytest.param({"cluster": "c"}, "cluster name", id="needless cluster"),
        pytest.param({"kind": "cluster", "cluster": "a'b"}, "cluster", id="cluster name"),
    ],
)
def test_a_layout_that_makes_no_sense_is_refused(fields: dict[str, str], message: str) -> None:
    """The refusal names the setting and its value."""
    with pytest.raises(BadSettings, match=message):
        Layout(**fields)  # type: ignore[arg-type]
