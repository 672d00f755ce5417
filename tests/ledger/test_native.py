"""Our Native encoder, held against clickhouse-connect's by the engine's own hash."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import clickhouse_connect
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otel_costattr_collector.ledger import COLUMNS, native
from otel_costattr_collector.store import Store

from otel_costattr.errors import BadInput

TEXT = st.text(max_size=20)
NAMES = st.one_of(st.sampled_from(["", "a", "b", "ü"]), TEXT)
USD = st.decimals(Decimal("-1E+11"), Decimal("1E+11"), places=12)
NS = st.integers(0, 2**63 - 1)
VALUES: dict[str, st.SearchStrategy[object]] = {
    "String": TEXT,
    "LowCardinality(String)": NAMES,
    "Int64": st.integers(-(2**63), 2**63 - 1),
    "Nullable(Int64)": st.none() | st.integers(-(2**63), 2**63 - 1),
    "UInt64": st.integers(0, 2**64 - 1),
    "DateTime64(9, 'UTC')": NS,
    "Nullable(DateTime64(9, 'UTC'))": st.none() | NS,
    "Nullable(Decimal(38, 12))": st.none() | USD,
    "Array(LowCardinality(String))": st.lists(NAMES, max_size=3),
    "Map(LowCardinality(String), String)": st.dictionaries(NAMES, TEXT, max_size=3),
    "Map(LowCardinality(String), LowCardinality(String))": st.dictionaries(
        NAMES, NAMES, max_size=3
    ),
}
"""How values of each type of the ledger are made."""


def test_every_type_of_the_ledger_is_held_against_the_driver() -> None:
    """No column has a type that the comparison below leaves out."""
    assert {column.type for column in COLUMNS} == set(VALUES)


@pytest.mark.parametrize("kind", sorted(VALUES))
@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_the_engine_reads_the_same_from_us_and_from_the_driver(
    store: Store, chdb_folder: Path, kind: str
) -> None:
    """The hash over what was stored is the same, for random columns of each type."""
    for name in ("ours", "theirs"):
        store.command(f"CREATE TABLE {name} (n UInt64, v {kind}) ENGINE = MergeTree ORDER BY n")
    database = store.layout.database

    with clickhouse_connect.get_client(
        interface="chdb", path=str(chdb_folder), database=database
    ) as client:

        @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(VALUES[kind], min_size=1, max_size=300))
        def compare(values: Sequence[object]) -> None:
            rows = range(len(values))
            data = native.block([("n", "UInt64", rows), ("v", kind, values)], len(values))
            for name in ("ours", "theirs"):
                client.command(f"TRUNCATE TABLE {name}")
            client.raw_insert("ours", None, data, fmt="Native")
            client.insert("theirs", [list(rows), list(values)], column_oriented=True)
            hashes = [
                client.query(f"SELECT count(), sum(cityHash64(n, v)) FROM {name}").result_rows
                for name in ("ours", "theirs")
            ]
            assert hashes[0] == hashes[1]

        compare()


@pytest.mark.parametrize("rows", [255, 256, 257, 65_536, 65_537])
def test_dictionaries_of_every_width_are_read_back(store: Store, rows: int) -> None:
    """The index of a dictionary grows from one byte to two and four without losing a value."""
    values = [f"v{number}" for number in range(rows)]
    store.command("CREATE TABLE wide (n UInt64, v LowCardinality(String)) ENGINE = Memory")
    data = native.block(
        [("n", "UInt64", range(rows)), ("v", "LowCardinality(String)", values)], rows
    )
    with store._pool.writer() as client:
        client.raw_insert("wide", None, data, fmt="Native")

    assert store.query("SELECT count(), countIf(v = concat('v', toString(n))) FROM wide").rows == (
        (rows, rows),
    )


def test_a_column_of_empty_maps_and_arrays_is_read_back(store: Store) -> None:
    """Nothing inside is written for nothing, as the engine expects."""
    kinds = ["Array(LowCardinality(String))", "Map(LowCardinality(String), LowCardinality(String))"]
    store.command(f"CREATE TABLE empty (a {kinds[0]}, m {kinds[1]}) ENGINE = Memory")
    data = native.block([("a", kinds[0], [(), ()]), ("m", kinds[1], [{}, {}])], 2)
    with store._pool.writer() as client:
        client.raw_insert("empty", None, data, fmt="Native")

    assert store.query("SELECT a, m FROM empty").rows == (([], {}), ([], {}))


@pytest.mark.parametrize("length", [127, 128, 16_383, 16_384, 70_000])
def test_long_strings_are_read_back(store: Store, length: int) -> None:
    """The length before a string takes one byte, two or three."""
    store.command("CREATE TABLE long (v String) ENGINE = Memory")
    with store._pool.writer() as client:
        data = native.block([("v", "String", ["x" * length, ""])], 2)
        client.raw_insert("long", None, data, fmt="Native")

    assert store.query("SELECT length(v) FROM long ORDER BY 1").rows == ((0,), (length,))


def test_a_lone_surrogate_becomes_a_question_mark() -> None:
    """Text that is no Unicode cannot poison a batch."""
    assert native.string("a\ud800") == b"\x02a?"


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        pytest.param("Int64", 2**63, "column c of type Int64", id="too large"),
        pytest.param("Int64", "1", "column c of type Int64", id="text for a number"),
        pytest.param("String", 1, "column c of type String", id="number for a text"),
        pytest.param("Decimal(38, 12)", Decimal("1E-13"), "more than 12 decimals", id="unrounded"),
        pytest.param("Decimal(38, 12)", Decimal("NaN"), "column c", id="no number"),
        pytest.param("Decimal(38, 12)", Decimal("1E+60"), "column c", id="beyond"),
        pytest.param("Nullable(Int64)", "x", "column c", id="nullable"),
        pytest.param("Float64", 1.0, "has no encoder", id="float"),
        pytest.param("LowCardinality(Int64)", 1, "has no encoder", id="dictionary of numbers"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(kind: str, value: object, message: str) -> None:
    """The refusal names the column, its type and what was wrong."""
    with pytest.raises(BadInput, match=message):
        native.block([("c", kind, [value])], 1)


def test_amounts_of_every_size_and_sign_are_written_alike() -> None:
    """A column of small amounts is packed at once, any other one by one: the bytes are the same."""
    kind = "Decimal(38, 12)"
    _, encode = native.codec(kind)
    small = [Decimal("0.000000000001"), Decimal("9223372.036854775807"), Decimal(0)]
    large = [Decimal("9223372.036854775808"), Decimal("-0.000000000001"), Decimal("1E+3")]

    assert encode(small) == b"".join(encode([amount]) for amount in small)
    assert encode(small + large) == b"".join(encode([amount]) for amount in small + large)
    assert encode([]) == b""
