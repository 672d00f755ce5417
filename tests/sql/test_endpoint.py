"""ClickHouse's HTTP interface: what goes in and out, request by request."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import anyio
import httpx
import lz4.frame
import pytest
from otel_costattr_collector.access import Gate, create_key
from otel_costattr_collector.sql import Engine, Guard, SqlLimits, create_sql_app
from sql.conftest import DATABASE, LIMITS
from starlette.applications import Starlette

NONE: Mapping[str, str] = MappingProxyType({})
HELLO = "SELECT displayName(), version(), revision(), timezone()"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """One key of each kind, by its name, and where their file is."""
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    kinds = {
        "read": "",
        "admin": "",
        "ingest": "",
        "read of acme": "acme",
        "ingest of acme": "acme",
    }
    made = {
        kind: create_key(path, name=kind, role=kind.split()[0], tenant=tenant, now_ns=1)[1]  # type: ignore[arg-type]
        for kind, tenant in kinds.items()
    }
    return {"file": str(path), **made}


@pytest.fixture(scope="module")
def app(engine: Engine, guard: Guard, keys: Mapping[str, str]) -> Starlette:
    """The application, for holders of keys."""
    gate = Gate(Path(keys["file"]), open_without_keys=False)
    return create_sql_app(engine, guard, gate, limits=LIMITS)


class Asker:
    """Sends requests to the application as a client with a key does."""

    def __init__(self, app: Starlette, key: str) -> None:
        self._app = app
        self._key = key

    def __call__(
        self,
        sql: str | bytes = b"",
        *,
        method: str = "POST",
        path: str = "/",
        params: Mapping[str, str] = NONE,
        headers: Mapping[str, str] = NONE,
    ) -> httpx.Response:
        """Send one request and return its answer."""
        own = {"x-clickhouse-key": self._key, "accept-encoding": "identity", **headers}

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
                return await http.request(
                    method, path, content=sql or None, params=dict(params), headers=own
                )

        return anyio.run(send)


@pytest.fixture
def send(app: Starlette, keys: Mapping[str, str]) -> Asker:
    """A client with a key to read."""
    return Asker(app, keys["read"])


def test_a_query_in_the_body_is_answered_as_tab_separated_text(send: Asker) -> None:
    """`curl --data-binary` works as with a server."""
    answer = send("SELECT 1, 'a'")

    assert (answer.status_code, answer.text) == (200, "1\ta\n")
    assert answer.headers["content-type"] == "text/tab-separated-values; charset=UTF-8"
    assert answer.headers["x-clickhouse-format"] == "TabSeparated"


def test_a_query_in_the_address_is_answered(send: Asker) -> None:
    """So does `curl 'http://.../?query='`, and the body goes on where the address ends."""
    assert send(method="GET", params={"query": "SELECT 1"}).text == "1\n"
    assert send(" + 1", params={"query": "SELECT 1"}).text == "2\n"


@pytest.mark.parametrize(
    ("params", "headers"),
    [({"default_format": "JSON"}, {}), ({}, {"x-clickhouse-format": "JSON"})],
    ids=["address", "header"],
)
def test_a_default_format_comes_in_two_ways(
    send: Asker, params: Mapping[str, str], headers: Mapping[str, str]
) -> None:
    """And the query's own `FORMAT` wins over both."""
    assert send("SELECT 1 AS x", params=params, headers=headers).json()["data"] == [{"x": 1}]
    assert send("SELECT 1 FORMAT CSV", params=params, headers=headers).text == "1\n"


def test_parameters_come_in_the_address(send: Asker) -> None:
    """`param_x` fills `{x:Type}`."""
    assert send("SELECT {x:UInt8} + 1", params={"param_x": "41"}).text == "42\n"


def test_settings_that_mean_nothing_here_are_passed_over(send: Asker) -> None:
    """Clients send many: none of them makes a query fail."""
    params = {
        "wait_end_of_query": "1",
        "session_id": "abc",
        "max_block_size": "1",
        "readonly": "0",
        "client_protocol_version": "54405",
        "max_execution_time": "60",
        "limit": "1",
    }

    assert send("SELECT number FROM numbers(5)", params=params).text == "0\n"


@pytest.mark.parametrize("name", ["", "default", DATABASE])
def test_our_database_has_its_name_and_the_default_one(send: Asker, name: str) -> None:
    """Clients that name no database ask for `default`."""
    answer = send("SELECT currentDatabase()", params={"database": name})

    assert answer.text == f"{DATABASE}\n"


def test_another_database_does_not_exist(send: Asker) -> None:
    """Nobody gets to `system` by naming it the default."""
    answer = send("SELECT 1", params={"database": "system"})

    assert answer.headers["x-clickhouse-exception-code"] == "81"


def test_an_answer_says_what_it_took(send: Asker) -> None:
    """Clients show rows read, and find their query by its id."""
    answer = send("SELECT number FROM numbers(10)", params={"query_id": "mine-1"})

    assert answer.headers["x-clickhouse-query-id"] == "mine-1"
    assert json.loads(answer.headers["x-clickhouse-summary"])["read_rows"] == "10"


def test_a_strange_query_id_breaks_no_header(send: Asker) -> None:
    """What comes back is plain ASCII on one line."""
    answer = send("SELECT 1", params={"query_id": "a\r\nx-evil: 1 é"})

    assert answer.status_code == 200
    assert "x-evil" not in answer.headers


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELEC", 404, 47),
        ("SELECT (", 400, 62),
        ("SELECT * FROM nope", 404, 60),
        ("SELECT file('x')", 403, 497),
        ("INSERT INTO ledger VALUES (1)", 403, 164),
        ("SELECT 1 FORMAT Nope", 404, 73),
        ("SELECT {x:String}", 400, 456),
        ("SELECT 1 /*" + "x" * 30_000 + "*/", 413, 223),
        ("", 400, 62),
    ],
)
def test_an_error_has_the_status_and_code_of_a_server(
    send: Asker, sql: str, status: int, code: int
) -> None:
    """Clients decide on the code, people read the sentence."""
    answer = send(sql)

    assert answer.status_code == status
    assert answer.headers["x-clickhouse-exception-code"] == str(code)
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")


@pytest.mark.parametrize("path", ["/ping", "/replicas_status"])
def test_a_ping_needs_no_key(app: Starlette, path: str) -> None:
    """Health checks hold no secrets."""
    answer = Asker(app, "")(method="GET", path=path)

    assert (answer.status_code, answer.text) == (200, "Ok.\n")


def test_an_empty_address_says_ok(app: Starlette) -> None:
    """As a server does for a browser."""
    assert Asker(app, "")(method="GET").text == "Ok.\n"


@pytest.mark.parametrize(
    ("encoding", "unpack"),
    [("gzip", gzip.decompress), ("lz4", lz4.frame.decompress)],
)
def test_an_answer_is_compressed_as_asked(send: Asker, encoding: str, unpack: Any) -> None:
    """The first encoding that both know is taken; what is not asked for is not done."""
    sql = "SELECT number FROM numbers(5000)"

    plain = send(sql)
    packed = send(sql, headers={"accept-encoding": f"br, {encoding};q=0.8, identity"})
    refused = send(sql, headers={"accept-encoding": f"{encoding};q=0"})
    switched_off = send(
        sql, headers={"accept-encoding": encoding}, params={"enable_http_compression": "0"}
    )

    assert packed.headers["content-encoding"] == encoding
    body = packed.content if encoding == "gzip" else unpack(packed.content)
    assert body == plain.content
    assert "content-encoding" not in {**plain.headers, **refused.headers, **switched_off.headers}


def test_a_compressed_query_is_read(send: Asker) -> None:
    """And a bomb or garbage is refused."""
    packed = {"content-encoding": "gzip"}

    assert send(gzip.compress(b"SELECT 7"), headers=packed).text == "7\n"
    bomb = send(gzip.compress(b"SELECT 1" + b" " * 10_000_000), headers=packed)
    assert bomb.headers["x-clickhouse-exception-code"] == "354"
    garbage = send(b"SELECT 7", headers=packed)
    assert garbage.headers["x-clickhouse-exception-code"] == "354"


def test_external_tables_are_refused_by_name(send: Asker) -> None:
    """A multipart body is no query."""
    answer = send(b"--x--", headers={"content-type": "multipart/form-data; boundary=x"})

    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (501, "48")


def test_bytes_that_are_no_text_pass_through(send: Asker) -> None:
    """ClickHouse's strings are bytes."""
    assert send(b"SELECT hex('\xff')").text == "FF\n"


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("read", 200, None),
        ("admin", 200, None),
        ("ingest", 403, "497"),
        ("read of acme", 403, "497"),
        ("ingest of acme", 403, "497"),
    ],
)
def test_only_keys_without_a_tenant_that_may_read_ask_in_sql(
    app: Starlette, keys: Mapping[str, str], kind: str, status: int, code: str | None
) -> None:
    """A key of one tenant never reaches a table, ours or the engine's."""
    for sql in ("SELECT count() FROM ledger", "SELECT 1", "SHOW TABLES"):
        answer = Asker(app, keys[kind])(sql)

        assert answer.status_code == status
        assert answer.headers.get("x-clickhouse-exception-code") == code


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"x-clickhouse-key": ""}, 401, "194"),
        ({"x-clickhouse-key": "wrong"}, 403, "516"),
        ({"x-clickhouse-key": "", "authorization": "Bearer wrong"}, 403, "516"),
    ],
    ids=["none", "wrong", "wrong bearer"],
)
def test_without_a_good_key_nothing_is_answered(
    send: Asker, headers: Mapping[str, str], status: int, code: str
) -> None:
    """The refusal is one that ClickHouse clients know."""
    answer = send("SELECT 1", headers=headers)

    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (status, code)
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_the_key_is_the_password_of_any_user(app: Starlette, keys: Mapping[str, str]) -> None:
    """Data sources ask for a user and a password."""
    basic = base64.b64encode(f"grafana:{keys['read']}".encode()).decode()

    answer = Asker(app, "")("SELECT 1", headers={"authorization": f"Basic {basic}"})

    assert answer.text == "1\n"


def test_a_key_in_the_address_is_not_looked_at(app: Starlette, keys: Mapping[str, str]) -> None:
    """Addresses are written to logs by everybody between."""
    answer = Asker(app, "")("SELECT 1", params={"user": "x", "password": keys["read"]})

    assert answer.status_code == 401


def test_the_hello_of_clickhouse_go_is_answered_at_its_revision(send: Asker) -> None:
    """Its first block says revision 0, which is what every later block has."""
    params = {"default_format": "Native", "client_protocol_version": "54460"}

    hello = send(HELLO, params=params).content

    assert hello.startswith(bytes([1, 0, 2, 0xFF, 0xFF, 0xFF, 0xFF, 0, 4, 1]))
    assert b"\x0arevision()\x06UInt32\x00\x00\x00\x00\x00" in hello
    assert send("SELECT 1", params=params).content == b"\x01\x01\x011\x05UInt8\x01"


def test_an_answer_without_rows_still_names_its_columns(send: Asker) -> None:
    """In Native, where the engine itself writes nothing."""
    answer = send("SELECT 1 AS x, 'a' AS y WHERE 0 FORMAT Native")

    assert answer.content == b"\x02\x00\x01x\x05UInt8\x01y\x06String"


def test_more_queries_than_may_wait_are_refused(engine: Engine, keys: Mapping[str, str]) -> None:
    """The sender is told to come back; nothing piles up."""
    limits = SqlLimits(max_seconds=1, max_simultaneous=1, max_waiting=1)
    guard = Guard(engine, database=DATABASE, tables={"ledger"}, limits=limits)
    gate = Gate(Path(keys["file"]), open_without_keys=False)
    app = create_sql_app(engine, guard, gate, limits=limits)
    statuses: list[int] = []

    async def one(http: httpx.AsyncClient) -> None:
        answer = await http.post("/", content="SELECT sum(number) FROM numbers(1000000)")
        statuses.append(answer.status_code)

    async def all_at_once() -> None:
        headers = {"x-api-key": keys["read"]}
        async with (
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app=app), base_url="http://x", headers=headers
            ) as http,
            anyio.create_task_group() as group,
        ):
            for _ in range(6):
                group.start_soon(one, http)

    anyio.run(all_at_once)

    assert sorted(statuses) == [200, 200, 429, 429, 429, 429]
