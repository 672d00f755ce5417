"""The embedded store among threads and processes."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from assessed import assessed
from otel_costattr_collector.ledger import Block, encode, lines_of
from otel_costattr_collector.schema import Layout
from otel_costattr_collector.store import ENGINE_OPTIONS, Store, embedded

from otel_costattr.errors import PermanentError

TABLES = ("ledger", "spend_by_tenant_day", "spend_by_feature_15m", "spend_by_session")
OPEN_AND_HOLD = """
import sys
from pathlib import Path
from otel_costattr_collector.store import embedded
with embedded(Path(sys.argv[1])) as store:
    store.migrate()
    print("open", flush=True)
    sys.stdin.read()
"""
MIGRATE = """
import sys
from pathlib import Path
from otel_costattr.errors import StoreError
from otel_costattr_collector.store import embedded
try:
    embedded(Path(sys.argv[1])).migrate()
except StoreError as error:
    print(error)
"""


def _block(batch_id: int, calls: int = 20) -> Block:
    numbers = range(batch_id * 1000, batch_id * 1000 + calls)
    lines = [line for number in numbers for line in lines_of(assessed(number))]
    return encode(lines, batch_id=batch_id, recorded_ns=1)


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_writers_and_readers_share_a_store(store: Store) -> None:
    """Four threads write each batch twice while others ask: exact in every table afterwards."""
    blocks = [_block(number) for number in range(1, 5)]
    stop = threading.Event()

    def ask() -> int:
        asked = 0
        while not stop.is_set():
            store.query("SELECT sum(calls), sum(amount_usd) FROM ledger")
            asked += 1
        return asked

    with ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(ask) for _ in range(2)]
        writers = [pool.submit(store.insert, block) for block in (*blocks, *reversed(blocks))]
        for writer in writers:
            writer.result()
        stop.set()
        assert all(reader.result() for reader in readers)

    for table in TABLES:
        assert store.query(f"SELECT sum(calls) FROM {table}").rows == ((80,),), table


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_folder_in_use_says_so(tmp_path: Path) -> None:
    """A second process on the folder is told who may help, and the first goes on."""
    command = [sys.executable, "-c", OPEN_AND_HOLD, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        second = subprocess.run(
            [sys.executable, "-c", MIGRATE, str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        holder.communicate("")

    assert "another process uses it" in second.stdout
    assert holder.returncode == 0


def test_the_embedded_engine_is_bounded(store: Store) -> None:
    """Caches of the engine are small beside the service, not gigabytes, and it compiles nothing."""
    names = ", ".join(f"'{name}'" for name in ENGINE_OPTIONS)
    found = store.query(
        f"SELECT name, value FROM system.server_settings WHERE name IN ({names})"
        f" UNION ALL SELECT name, value FROM system.settings WHERE name IN ({names})"
    )

    assert dict(found.rows) == {name: str(value) for name, value in ENGINE_OPTIONS.items()}


def test_a_second_folder_in_one_process_is_refused(store: Store, tmp_path: Path) -> None:
    """An engine has one folder; the refusal does not disturb it."""
    with embedded(tmp_path, layout=Layout()) as other, pytest.raises(PermanentError):
        other.ping()
    store.ping()


def test_a_new_column_does_not_disturb_blocks_that_were_frozen_before(own_store: Store) -> None:
    """A block that names fewer columns than the table has fills the rest with their default."""
    block = _block(1)
    own_store.command("ALTER TABLE ledger ADD COLUMN colour LowCardinality(String) DEFAULT 'red'")
    own_store.insert(block)

    assert own_store.query("SELECT DISTINCT colour FROM ledger").rows == (("red",),)
    assert own_store.query("SELECT sum(calls) FROM spend_by_session").rows == ((20,),)
