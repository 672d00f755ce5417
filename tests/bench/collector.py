"""The collector end to end: OTLP in, journal, ledger and all rollups out, over real sockets.

`BENCH_SPANS=10000000` sends that many instead, and prints the memory at each tenth; with
`BENCH_KIND=traces` three of four are no calls, as in the traces of an application.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from subprocess import Popen
from typing import Final

from bench.load import BATCH, Sent, sender, sent
from bench.table import BenchRow
from collector.served import Served, serving

SECONDS: Final = 6.0
RATE: Final = 5_000
RATE_SECONDS: Final = 6.0
TENTHS: Final = 10
TICKS: Final = os.sysconf("SC_CLK_TCK")
SETTLE: Final = ("--settle-seconds", "1", "--wrapper-settle-seconds", "1")
LONG: Final = int(os.environ.get("BENCH_SPANS", "0"))
KIND: Final = os.environ.get("BENCH_KIND", "calls")


def rows() -> Iterable[BenchRow]:
    """Measure both doors at full speed, other spans, and acknowledgement at a fixed rate."""
    if LONG:
        yield from over_a_long_run(LONG)
        return
    for door in ("grpc", "http"):
        yield from at_full_speed(door)
    yield from of_no_interest()
    yield from at_a_fixed_rate()


def at_full_speed(door: str) -> Iterator[BenchRow]:
    """Send as fast as is acknowledged; the clock stops when all is in ledger and rollups."""
    what = f"collector, OTLP/{door}"
    with served() as running, loaded(running, door, "--seconds", str(SECONDS)) as load:
        cpu, began = cpu_seconds(running), time.perf_counter()
        seen = sent(load)
        settled(running)
        took, used = time.perf_counter() - began, cpu_seconds(running) - cpu
        yield BenchRow(
            what=f"{what} to committed ledger and rollups",
            value=seen.spans / took,
            unit="spans/s",
            hold=">= 12,000",
            peer="prototype without journal and dialects: 17,000",
        )
        yield BenchRow(
            what=f"{what}, CPU of all its processes",
            value=used / seen.spans * 1e6,
            unit="us/span",
            peer=_beside(seen),
        )
        yield BenchRow(
            what=f"{what}, resident memory at the end",
            value=resident_mb(running),
            unit="MB",
            hold="<= 800",
        )


def of_no_interest() -> Iterator[BenchRow]:
    """Send spans of web requests, which are counted and dropped."""
    with served() as running, loaded(running, "grpc", "--kind", "web", "--seconds", "3") as load:
        cpu = cpu_seconds(running)
        seen = sent(load)
        yield BenchRow(
            what="collector, OTLP/grpc, spans that tell of no call, CPU",
            value=(cpu_seconds(running) - cpu) / seen.spans * 1e6,
            unit="us/span",
            peer=_beside(seen),
        )


def at_a_fixed_rate() -> Iterator[BenchRow]:
    """Send 5,000 spans a second and time each acknowledgement."""
    options = ("--rate", str(RATE), "--seconds", str(RATE_SECONDS))
    with served() as running, loaded(running, "grpc", *options) as load:
        seen = sent(load)
    percentiles = quantiles(seen.acks_ms, n=100)
    for name, value, hold in (("p50", percentiles[49], ""), ("p99", percentiles[98], "<= 100")):
        yield BenchRow(
            what=f"acknowledgement at {RATE:,} spans/s, {name}",
            value=value,
            unit="ms",
            hold=hold,
            peer=_beside(seen),
        )


def over_a_long_run(spans: int) -> Iterator[BenchRow]:
    """Send that many spans and tell the memory at each tenth; it has to stay flat."""
    tenth = str(max(1, spans // BATCH // TENTHS))
    with served() as running:
        for place in range(1, TENTHS + 1):
            with loaded(running, "grpc", "--requests", tenth, "--kind", KIND) as load:
                began = time.perf_counter()
                seen = sent(load)
                took = time.perf_counter() - began
            row = BenchRow(
                what=f"resident memory after {place * seen.spans:,} spans",
                value=resident_mb(running),
                unit="MB",
                hold="<= 800",
                peer=f"{seen.spans / took:,.0f} spans/s acknowledged, refused {seen.refused} times",
            )
            print(f"{row.what}: {row.value:.0f} MB, {row.peer}", file=sys.stderr)
            yield row
        settled(running)


def _beside(seen: Sent) -> str:
    sender_us = seen.cpu_s / seen.spans * 1e6
    return f"{seen.spans:,} spans; the sender {sender_us:.1f} us/span, refused {seen.refused} times"


@contextmanager
def served() -> Iterator[Served]:
    """Serve from a fresh folder with a short settle window."""
    with (
        tempfile.TemporaryDirectory(prefix="costattr-bench-") as folder,
        serving(Path(folder) / "data", *SETTLE, forks=False) as running,
    ):
        yield running


@contextmanager
def loaded(running: Served, door: str, *options: str) -> Iterator[Popen[str]]:
    """Have a sender ready, once the collector has nothing to do."""
    address = f"{door}://{running.urls[door].partition('://')[2]}"
    with sender(address, *options) as load:
        settled(running)
        yield load


def settled(running: Served) -> None:
    """Return once all that was acknowledged is in the ledger."""
    while True:
        progress = running.get("/v1/ingest").json()
        if not any(progress[stage] for stage in ("waiting", "settling", "frozen")):
            return
        time.sleep(0.05)


def processes_of(pid: int) -> list[int]:
    """List a process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(below for child in children for below in processes_of(int(child)))]


def cpu_seconds(running: Served) -> float:
    """Return the seconds of CPU that its processes have used, all threads."""
    return sum(map(_cpu_seconds, processes_of(running.process.pid)))


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(running: Served) -> float:
    """Return the resident memory of its processes in MB."""
    return sum(map(_resident_mb, processes_of(running.process.pid)))


def _resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")
