"""A small month with amendments, shared by the tests that only read it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import month
import pytest
import uvicorn
from fastapi.testclient import TestClient
from otel_costattr_collector import store as stores
from otel_costattr_collector.api import create_api
from otel_costattr_collector.schema import Layout

_QUANTITIES = (
    "lines", "calls", "usage_calls", "duration_ns", "input_tokens", "cache_read_tokens",
    "output_tokens", "reasoning_tokens", "input_usd", "cache_read_usd", "cache_write_usd",
    "output_usd", "reasoning_usd", "uses_usd", "other_usd", "amount_usd", "list_usd",
)  # fmt: skip
_CHOSEN = "FROM ledger WHERE entry = 'call' AND status IN ('priced', 'unpriced')"
_REVERSED = (
    "INSERT INTO ledger SELECT * REPLACE ("
    "substring(lower(hex(sipHash128(line_id, 'reversal'))), 1, 24) AS line_id,"
    " 'reversal' AS entry, line_id AS amends, 'test' AS cause,"
    " recorded_ns + INTERVAL 3 DAY AS recorded_ns,"
    + ", ".join(f"-{name} AS {name}" for name in _QUANTITIES)
    + f") {_CHOSEN} AND cityHash64(line_id) % 9 = 0"
)
_REBOOKED = (
    "INSERT INTO ledger SELECT * REPLACE ("
    "substring(lower(hex(sipHash128(line_id, 'rebook'))), 1, 24) AS line_id,"
    " 'rebook' AS entry, line_id AS amends, 'test' AS cause,"
    " recorded_ns + INTERVAL 3 DAY AS recorded_ns, 'tenant-late' AS tenant,"
    " amount_usd * 2 AS amount_usd, output_usd + amount_usd AS output_usd"
    f") {_CHOSEN} AND cityHash64(line_id) % 9 = 0"
)
_OTHER_COSTS = (
    "INSERT INTO ledger (line_id, entry, batch_id, recorded_ns, event_ns, status, tenant, feature,"
    " session, lines, input_usd, cache_read_usd, cache_write_usd, output_usd, reasoning_usd,"
    " uses_usd, other_usd, amount_usd)"
    " SELECT substring(lower(hex(sipHash128(line_id, 'cost'))), 1, 24), 'cost', 7, recorded_ns,"
    " event_ns, 'priced', tenant, feature, session, 1, 0, 0, 0, 0, 0, 0, 0.012, 0.012"
    f" {_CHOSEN} AND cityHash64(line_id) % 40 = 1"
)
_MOVED_COSTS = tuple(
    "INSERT INTO ledger SELECT * REPLACE ("
    f"substring(lower(hex(sipHash128(line_id, '{entry}'))), 1, 24) AS line_id,"
    f" '{entry}' AS entry, line_id AS amends, 'test' AS cause, {tenant} AS tenant,"
    " recorded_ns + INTERVAL 3 DAY AS recorded_ns,"
    + ", ".join(f"{sign}{name} AS {name}" for name in ("lines", "other_usd", "amount_usd"))
    + ") FROM ledger WHERE entry = 'cost' AND cityHash64(line_id) % 3 = 0"
    for entry, sign, tenant in (
        ("cost_reversal", "-", "tenant"),
        ("cost_rebook", "", "'tenant-late'"),
    )
)


@pytest.fixture(scope="session")
def month_store(chdb_folder: Path) -> Iterator[stores.Store]:
    """About 4,500 lines: calls, other costs and pairs that amend both; days of Berlin."""
    layout = Layout(database="answers_month", time_zone="Europe/Berlin")
    with stores.embedded(chdb_folder, layout=layout) as store:
        store.migrate()
        month.plant(store, 3_000)
        for statement in (_REVERSED, _REBOOKED, _OTHER_COSTS, *_MOVED_COSTS):
            store.command(statement)
        yield store


@pytest.fixture(scope="session")
def month_client(month_store: stores.Store) -> Iterator[TestClient]:
    """The API over the small month."""
    with TestClient(create_api(month_store)) as client:
        yield client


@pytest.fixture(scope="session")
def spiked_store(chdb_folder: Path) -> Iterator[stores.Store]:
    """A month of 100,000 calls with three incidents."""
    layout = Layout(database="answers_spiked")
    with stores.embedded(chdb_folder, layout=layout) as store:
        store.migrate()
        month.plant(store, 100_000)
        yield store


@pytest.fixture(scope="session")
def spiked_url(spiked_store: stores.Store) -> Iterator[str]:
    """Where the API over the month with incidents listens."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        config = uvicorn.Config(create_api(spiked_store), log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()
