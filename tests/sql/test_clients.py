"""Real clients over real sockets, while rows keep coming in."""

from __future__ import annotations

import datetime as dt
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import clickhouse_connect
import httpx
import pytest
import uvicorn
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from otel_costattr_collector import store as stores
from otel_costattr_collector.access import Gate, create_key
from otel_costattr_collector.schema import Layout
from otel_costattr_collector.sql import Engine, Guard, create_sql_app
from plain_http import NO_TLS
from sql.conftest import DATABASE, LIMITS


@pytest.fixture(scope="module")
def served(
    engine: Engine, guard: Guard, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, str]]:
    """The endpoint on a port, and a key to read."""
    keys = tmp_path_factory.mktemp("keys") / "keys.json"
    _, secret = create_key(keys, name="bi", role="read", now_ns=1)
    app = create_sql_app(engine, guard, Gate(keys, open_without_keys=False), limits=LIMITS)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield listening.getsockname()[1], secret
    server.should_exit = True
    thread.join()


@pytest.fixture
def client(served: tuple[int, str]) -> Iterator[Client]:
    """clickhouse-connect with its defaults."""
    port, secret = served
    opened = clickhouse_connect.get_client(
        host="127.0.0.1", port=port, username="bi", password=secret
    )
    yield opened
    opened.close()


def test_clickhouse_connect_connects_and_asks(client: Client) -> None:
    """Rows, columns, commands and the version come through its own codec."""
    answer = client.query("SELECT number, toString(number) AS text FROM numbers(3)")

    assert answer.result_rows == [(0, "0"), (1, "1"), (2, "2")]
    assert answer.column_names == ("number", "text")
    assert "ledger" in str(client.command("SHOW TABLES"))
    assert str(client.server_version).startswith("26.")


@pytest.mark.parametrize("compression", ["", "lz4", "zstd", "gzip"])
def test_each_compression_of_clickhouse_connect_works(
    served: tuple[int, str], compression: str
) -> None:
    """What it asks for it can read."""
    port, secret = served
    opened = clickhouse_connect.get_client(
        host="127.0.0.1", port=port, password=secret, compress=compression or False
    )

    rows = opened.query("SELECT number FROM numbers(15000)").result_rows

    assert [row[0] for row in rows] == list(range(15_000))
    opened.close()


def test_values_bound_by_the_client_arrive_as_they_are(client: Client) -> None:
    """Quotes, line breaks, lists and times included."""
    words = ["it's", "a\tb\nc\\d", "größe", "{x:String}"]
    moment = dt.datetime(2026, 11, 21, 12, 0, 0)  # noqa: DTZ001 - the driver's own type

    rows = client.query(
        "SELECT {words:Array(String)}, {moment:DateTime}",
        parameters={"words": words, "moment": moment},
    ).result_rows

    assert rows == [(words, moment)]


def test_data_frames_and_arrow_come_through(client: Client) -> None:
    """The formats of notebooks."""
    assert client.query_df("SELECT number AS n FROM numbers(3)")["n"].tolist() == [0, 1, 2]
    assert client.query_arrow("SELECT 1 AS x").to_pydict() == {"x": [1]}


def test_an_empty_answer_has_its_columns(client: Client) -> None:
    """A frame without rows is still a frame."""
    assert client.query("SELECT * FROM ledger WHERE 0").column_names[0] == "line_id"
    assert client.query("SELECT tenant FROM ledger LIMIT 0").column_names == ("tenant",)


def test_an_answer_can_be_streamed(client: Client) -> None:
    """Row by row on the client's side."""
    with client.query_rows_stream("SELECT number FROM numbers(15000)") as rows:
        assert sum(row[0] for row in rows) == 15_000 * 14_999 // 2


@pytest.mark.parametrize(
    ("sql", "code"),
    [("SELECT file('/etc/passwd')", 497), ("SELECT nope", 47), ("DROP TABLE ledger", 497)],
)
def test_the_client_learns_the_code(client: Client, sql: str, code: int) -> None:
    """Programs decide on it."""
    with pytest.raises(DatabaseError) as failed:
        client.query(sql)

    assert failed.value.code == code


def test_the_client_cannot_insert(client: Client) -> None:
    """Telemetry comes in through OTLP, never here."""
    with pytest.raises(DatabaseError):
        client.insert("ledger", [["x"]], column_names=["tenant"])

    assert client.query("SELECT count() FROM ledger").result_rows == [(0,)]


def test_answers_come_while_rows_come_in(client: Client, chdb_folder: Path) -> None:
    """A reader never waits for the writer, and sees whole inserts."""
    with stores.embedded(chdb_folder, layout=Layout(database=DATABASE)) as store:
        store.command("CREATE TABLE IF NOT EXISTS busy (n UInt64) ENGINE = MergeTree ORDER BY n")
        done = threading.Event()

        def write() -> None:
            for _ in range(20):
                store.command("INSERT INTO busy SELECT number FROM numbers(1000)")
            done.set()

        writer = threading.Thread(target=write)
        writer.start()
        asked = 0
        while not done.is_set():
            assert client.query("SELECT count() FROM ledger").result_rows == [(0,)]
            asked += 1
        writer.join()
        store.command("DROP TABLE busy")

    assert asked > 0


def read_block(block: bytes, *, revision: int) -> dict[str, object]:
    """Decode one Native block of the types below, as clickhouse-go's `proto.Block` does."""
    view = memoryview(block)

    def take(size: int) -> bytes:
        nonlocal view
        taken, view = bytes(view[:size]), view[size:]
        assert len(taken) == size
        return taken

    def varint() -> int:
        value = shift = 0
        while True:
            byte = take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def text() -> str:
        return take(varint()).decode()

    if revision > 0:
        assert (varint(), take(1), varint(), take(4), varint()) == (1, b"\0", 2, b"\xff" * 4, 0)
    columns, rows = varint(), varint()
    answer: dict[str, object] = {}
    for _ in range(columns):
        name, kind = text(), text()
        if revision >= 54454:
            assert take(1) == b"\0"
        sizes = {"UInt8": 1, "UInt32": 4}
        answer[name] = [
            text() if kind == "String" else int.from_bytes(take(sizes[kind]), "little")
            for _ in range(rows)
        ]
    assert not view
    return answer


def test_clickhouse_go_reads_the_hello_and_what_follows(served: tuple[int, str]) -> None:
    """Grafana's data source: hello at the client's revision, then blocks at ours, which is 0."""
    port, secret = served
    url = f"http://127.0.0.1:{port}/?default_format=Native&client_protocol_version=54460&database={DATABASE}&max_execution_time=60"
    with httpx.Client(
        auth=("grafana", secret), headers={"accept-encoding": "gzip"}, verify=NO_TLS
    ) as http:
        hello = http.post(
            url, content="SELECT displayName(), version(), revision(), timezone()"
        ).content
        server = read_block(hello, revision=54460)
        ping = read_block(http.post(url, content="SELECT 1").content, revision=0)

    assert server["revision()"] == [0]
    assert str(server["version()"]).startswith("['26.")
    assert ping == {"1": [1]}
