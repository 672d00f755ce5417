"""The real clickhouse-go, which Grafana's data source is built on, against a real collector."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from collector.served import serving
from interop.parts import wait_until
from otel_costattr_collector.access import KEYS_FILE, create_key
from wire import calls, traces

GO = shutil.which("go", path="/usr/local/go/bin:/usr/bin:/usr/local/bin") or ""
SOURCE = Path(__file__).parent / "clickhouse_go"
PEM = Path(__file__).parents[1] / "access" / "pem"
TLS = (
    *("--tls-cert", str(PEM / "server.pem")),
    *("--tls-key", str(PEM / "server.key")),
)
QUICK = ("--settle-seconds", "0", "--wrapper-settle-seconds", "0")

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not GO, reason="needs Go"),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client, built from Go modules."""
    binary = tmp_path_factory.mktemp("go") / "client"
    subprocess.run([GO, "build", "-o", str(binary), "."], cwd=SOURCE, check=True)
    return binary


def answers(
    client: Path, address: str, key: str, *queries: str, authority: str = ""
) -> list[dict[str, Any]]:
    """Ask and return one answer a query."""
    done = subprocess.run(
        [str(client), address, "costattr", key, authority, *queries],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(params=["", "tls"], ids=["plain", "tls"])
def door(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str, str]]:
    """Address, key and authority of a collector, without and with TLS."""
    data = tmp_path / "data"
    _, key = create_key(data / KEYS_FILE, name="grafana", role="read", now_ns=1)
    with serving(data, *QUICK, *(TLS if request.param else ())) as served:
        host = "localhost" if request.param else "127.0.0.1"
        port = served.urls["sql"].rpartition(":")[2]
        yield f"{host}:{port}", key, str(PEM / "ca.pem") if request.param else ""


def test_it_connects_pings_and_reads_every_type(client: Path, door: tuple[str, str, str]) -> None:
    """Hello, ping and blocks of the types of our tables, empty ones included."""
    address, key, authority = door

    numbers, types, empty, tables = answers(
        client,
        address,
        key,
        "SELECT number, toString(number) AS text FROM numbers(3)",
        "SELECT toDecimal128('1.5', 12) AS d, toLowCardinality('x') AS l, map('a', 'b') AS m,"
        " [1, 2] AS a, CAST(NULL AS Nullable(UInt8)) AS n, toDateTime64(0, 9, 'UTC') AS t",
        "SELECT tenant, tags, amount_usd FROM ledger WHERE 0",
        'SHOW TABLES FROM "costattr"',
        authority=authority,
    )

    assert numbers["rows"] == [["0", "0"], ["1", "1"], ["2", "2"]]
    moment = "1970-01-01 00:00:00 +0000 UTC"
    assert types["rows"] == [["1.5", "x", "map[a:b]", "[1 2]", "<nil>", moment]]
    assert (empty["columns"], empty["rows"]) == (["tenant", "tags", "amount_usd"], [])
    assert ["ledger"] in tables["rows"]


def test_it_learns_the_code_of_a_refusal(client: Path, door: tuple[str, str, str]) -> None:
    """Its exceptions carry ClickHouse's numbers."""
    address, key, authority = door

    refused = answers(client, address, key, "SELECT file('x')", "SELECT nope", authority=authority)

    assert [answer["code"] for answer in refused] == [497, 47]


def test_a_wrong_key_does_not_ping(client: Path, door: tuple[str, str, str]) -> None:
    """The health check of a data source fails with a wrong password."""
    address, key, authority = door

    (refused,) = answers(client, address, key + "x", "SELECT 1", authority=authority)

    assert refused["code"] == 516


def test_it_reads_while_telemetry_comes_in(client: Path, tmp_path: Path) -> None:
    """What was acknowledged is in the answers once it has settled."""
    with serving(tmp_path / "data", *QUICK) as served:
        address = served.urls["sql"].removeprefix("http://")

        def counted() -> str:
            sql = "SELECT toUInt64(sum(calls)) FROM ledger"
            (answer,) = answers(client, address, "", sql)
            return str(answer["rows"][0][0])

        for first in (1, 101, 201):
            body = traces(*calls(100, first=first)).SerializeToString()
            assert served.post(body).status_code == 200
            wait_until(lambda seen=str(first + 99): counted() == seen, "100 more calls")  # type: ignore[misc]
