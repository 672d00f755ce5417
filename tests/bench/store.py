"""The store: what a call costs to encode, to insert into ledger and rollups, and to keep."""

from __future__ import annotations

import gc
import random
import string
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import clickhouse_connect
from assessed import assessed
from bench.table import BenchRow
from otel_costattr_collector.ledger import COLUMNS, Block, Line, encode, lines_of_all
from otel_costattr_collector.store import Store, embedded

from otel_costattr.model import Assessment, Dimension
from otel_costattr.testing import START_NS

Timed = TypeVar("Timed")

BATCH, BATCHES = 5_000, 12
CALLS = BATCH * BATCHES
MEAN_GAP_NS = 40_000_000
QUERY_RUNS = 15


def rows() -> Iterable[BenchRow]:
    """Measure encoding, inserting, keeping and asking over `CALLS` calls in chDB."""
    dice = random.Random(7)  # noqa: S311 - a repeatable month, no secret
    batches = [_calls(dice, number) for number in range(BATCHES)]
    lines, lines_us = _timed(lambda: [lines_of_all(batch) for batch in batches])
    blocks, encode_us = _timed(lambda: [_block(batch, n) for n, batch in enumerate(lines)])
    yield _us("ledger lines of an assessed call, CPU", lines_us)
    with tempfile.TemporaryDirectory(prefix="costattr-bench-") as folder:
        driver_us = _driver_us(Path(folder), lines[0])
        yield _us(
            "Native encoding of a line, CPU",
            encode_us,
            peer=f"clickhouse-connect, into a Null table: {driver_us:.3g}",
        )
        with embedded(Path(folder)) as store:
            store.migrate()
            wall_s, cpu_s = _insert(store, blocks)
            yield BenchRow(
                what=f"insert into ledger and 3 rollups, fsynced, batches of {BATCH:,}",
                value=CALLS / wall_s,
                unit="calls/s",
            )
            yield _us("the same, CPU with merges", cpu_s / CALLS * 1e6)
            yield from _kept(store)
            yield from _asked(store)


def _us(what: str, value: float, peer: str = "") -> BenchRow:
    return BenchRow(what=what, value=value, unit="us/call", peer=peer)


def _timed(work: Callable[[], list[Timed]]) -> tuple[list[Timed], float]:
    gc.collect()
    gc.freeze()
    started = time.process_time()
    made = work()
    return made, (time.process_time() - started) / CALLS * 1e6


def _calls(dice: random.Random, batch: int) -> list[Assessment]:
    return [_call(dice, batch * BATCH + number) for number in range(BATCH)]


def _call(dice: random.Random, number: int) -> Assessment:
    session = number // 40 * 4 + dice.randrange(4)  # ten calls each, four at a time
    tenant = session * 7919 % 200
    owner: dict[Dimension, str] = {
        "tenant": f"tenant-{tenant}",
        "user": f"h:k1:{tenant * 31 + dice.randrange(20):032x}",
        "feature": f"feature-{dice.randrange(12)}",
        "prompt_version": f"v{dice.randrange(4)}",
        "session": f"session-{session:08x}",
        "plan": ("free", "pro", "team")[tenant % 3],
        "environment": "production",
        "data_mode": "real",
    }
    tail = "".join(dice.choices(string.ascii_letters + string.digits, k=29))
    made = assessed(
        number,
        counts={"input": int(dice.lognormvariate(7, 1)), "output": int(dice.lognormvariate(5, 1))},
        owner=owner,
        start_ns=START_NS + number * MEAN_GAP_NS + dice.randrange(MEAN_GAP_NS),
        response_id=f"chatcmpl-{tail}",
    )
    start = made.span.start_ns
    span = replace(
        made.span,
        trace_id=f"{dice.getrandbits(128):032x}",
        span_id=f"{dice.getrandbits(64):016x}",
        parent_span_id=f"{dice.getrandbits(64):016x}",
        end_ns=start + int(dice.lognormvariate(21, 0.7)),
        resource={"service.name": f"service-{tenant % 5}"},
    )
    return replace(made, span=span, owner=replace(made.owner, tags={"region": "eu-1"}))


def _block(lines: Sequence[Line], number: int) -> Block:
    now = START_NS + (number + 1) * BATCH * MEAN_GAP_NS
    return encode(lines, batch_id=number + 1, recorded_ns=now)


def _driver_us(folder: Path, lines: Sequence[Line]) -> float:
    """Measure clickhouse-connect's own encoding: its insert into a table that keeps nothing."""
    columns = [column for column in COLUMNS if column.name not in {"batch_id", "recorded_ns"}]
    ddl = ", ".join(f"`{column.name}` {column.type}" for column in columns)
    values = [list(column) for column in zip(*lines, strict=True)]
    maps = [place for place, column in enumerate(columns) if column.type.startswith("Map")]
    for place in maps:
        values[place] = [dict(value) for value in values[place]]
    with clickhouse_connect.get_client(interface="chdb", path=str(folder)) as client:
        client.command(f"CREATE TABLE driver ({ddl}) ENGINE = Null")
        times = []
        for _ in range(2):  # the first run warms the engine
            started = time.process_time()
            client.insert("driver", values, column_oriented=True)
            times.append(time.process_time() - started)
        return min(times) / len(lines) * 1e6


def _insert(store: Store, blocks: Sequence[Block]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    for block in blocks:
        store.insert(block)
    return time.perf_counter() - wall, time.process_time() - cpu


def _kept(store: Store) -> Iterator[BenchRow]:
    tables = store.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase()"
        " AND endsWith(engine, 'MergeTree') AND name != 'schema_migrations'"
    ).rows
    for (table,) in tables:
        store.command(f"OPTIMIZE TABLE {table} FINAL")
    sizes = store.query(
        "SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active"
        " AND database = currentDatabase() AND table != 'schema_migrations'"
        " GROUP BY table ORDER BY table"
    ).rows
    per_call = {table: size / CALLS for table, size in sizes}
    yield BenchRow(
        what="disk, all tables, merged",
        value=sum(per_call.values()),
        unit="bytes/call",
        hold="<= 130",
        peer=", ".join(f"{table} {size:.0f}" for table, size in per_call.items()),
    )


def _asked(store: Store) -> Iterator[BenchRow]:
    questions = {
        "a month by tenant, from the rollup": (
            "SELECT tenant, sum(amount_usd) FROM spend_by_tenant_day GROUP BY tenant"
        ),
        "one tenant by feature, from the ledger": (
            "SELECT feature, sum(amount_usd) FROM ledger WHERE tenant = 'tenant-7' GROUP BY feature"
        ),
    }
    for what, sql in questions.items():
        times = sorted(_ask_ms(store, sql) for _ in range(QUERY_RUNS))
        yield BenchRow(what=f"{what}, p50", value=times[QUERY_RUNS // 2], unit="ms")


def _ask_ms(store: Store, sql: str) -> float:
    started = time.perf_counter()
    store.query(sql)
    return (time.perf_counter() - started) * 1e3
