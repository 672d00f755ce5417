"""The store over HTTP: the same code, the same rows, and what happens when the wire fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from assessed import assessed
from clickhouse_double import Double, serving
from fastapi.testclient import TestClient
from otel_costattr_collector.api import create_api
from otel_costattr_collector.ledger import Block, encode, lines_of
from otel_costattr_collector.schema import Layout
from otel_costattr_collector.store import INSERT_SETTINGS, Store, server

from otel_costattr.attribution import Schema
from otel_costattr.errors import BadSettings, PermanentError, RetryableError

TABLES = ("ledger", "spend_by_tenant_day", "spend_by_feature_15m", "spend_by_session")


@pytest.fixture
def double(chdb_folder: Path) -> Iterator[Double]:
    """A stand-in for a server over this process's engine."""
    with serving(chdb_folder) as running:
        yield running


@pytest.fixture
def remote(double: Double, store: Store) -> Iterator[Store]:
    """The tables of `store`, reached over HTTP."""
    with server(f"{double.url}/{store.layout.database}") as opened:
        yield opened


def _block(count: int = 10) -> Block:
    lines = [line for number in range(1, count + 1) for line in lines_of(assessed(number))]
    return encode(lines, batch_id=5, recorded_ns=1)


def _calls(store: Store) -> list[int]:
    return [store.query(f"SELECT sum(calls) FROM {table}").rows[0][0] for table in TABLES]


def test_a_server_is_migrated_written_and_asked_by_the_same_code(
    double: Double, layout: Layout
) -> None:
    """Migrations, an insert and an answer over HTTP."""
    with server(f"{double.url}/{layout.database}") as remote:
        remote.migrate()
        assert remote.pending() == ()
        remote.insert(_block())

        assert _calls(remote) == [10] * 4
        with TestClient(create_api(remote)) as client:
            body = client.get("/v1/analytics/costs", params={"entity_id": "acme"}).json()
    assert body["total"]["total_cost"] == "0.0027"


def test_the_database_of_the_url_is_all_that_it_changes() -> None:
    """Zone and attribution schema of the layout hold for a server as for the embedded engine."""
    asked = Layout(time_zone="Asia/Kathmandu", attribution=Schema(owner="platform"))

    with server("http://127.0.0.1:1/theirs", layout=asked) as store:
        assert store.layout == replace(asked, database="theirs")
    with server("http://127.0.0.1:1", layout=asked) as store:
        assert store.layout == asked


def test_each_insert_says_how_it_wants_to_be_recognised(remote: Store, double: Double) -> None:
    """Token and block settings go with every insert, the same each time."""
    remote.insert(_block())
    remote.insert(_block())

    sent, again = ({**one, "query_id": ""} for one in double.inserts)
    assert sent == again
    assert sent["insert_deduplication_token"] == "0000000000000005"
    assert {name: sent[name] for name in INSERT_SETTINGS} == {
        name: str(value) for name, value in INSERT_SETTINGS.items()
    }
    assert _calls(remote) == [10] * 4


def test_an_insert_whose_answer_is_lost_is_not_doubled(remote: Store, double: Double) -> None:
    """The server did it, the connection broke, the same block came again: once in every table."""
    double.faults += ["after"] * 4
    with pytest.raises(RetryableError):
        remote.insert(_block())
    double.faults.clear()
    remote.insert(_block())

    assert len(double.inserts) >= 2
    assert _calls(remote) == [10] * 4


@pytest.mark.parametrize("fault", ["before", "memory"])
def test_an_outage_may_be_retried(remote: Store, double: Double, fault: str) -> None:
    """A proxy without server and a full engine are worth another try with the same block."""
    double.faults += [fault] * 8
    with pytest.raises(RetryableError):
        remote.insert(_block())
    double.faults.clear()
    remote.insert(_block())

    assert _calls(remote) == [10] * 4


def test_what_the_server_cannot_read_is_permanent(remote: Store) -> None:
    """The engine's code decides, over HTTP as embedded."""
    garbage = Block(batch_id=1, rows=1, data=b"\x02\x02garbage", partitions=(202609,))

    with pytest.raises(PermanentError, match="insert of batch"):
        remote.insert(garbage)
    with pytest.raises(PermanentError, match=r"UNKNOWN_IDENTIFIER"):
        remote.query("SELECT nothing FROM ledger")


def test_a_server_that_is_down_may_be_retried() -> None:
    """Nothing is opened before it is needed, and nobody listening is worth another try."""
    with server("http://default:secret@127.0.0.1:1/costattr") as store:
        with pytest.raises(RetryableError) as refused:
            store.ping()
        assert "secret" not in str(refused.value)
        with pytest.raises(RetryableError):
            store.migrate()


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("ftp://host/db", id="scheme"),
        pytest.param("http://", id="no host"),
        pytest.param("http://host:port/db", id="port"),
        pytest.param("http://host/a b", id="database"),
        pytest.param("host:8123", id="no scheme"),
    ],
)
def test_a_url_that_makes_no_sense_is_refused(url: str) -> None:
    """The refusal never repeats a password."""
    with pytest.raises(BadSettings):
        server(url)


def test_an_old_server_is_refused(remote: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions that drop equal blocks in the targets of views are not written to."""
    monkeypatch.setattr("otel_costattr_collector.store.OLDEST_SERVER", (999, 1))

    with pytest.raises(PermanentError, match=r"too old: use 999\.1 or later"):
        remote.migrate()
