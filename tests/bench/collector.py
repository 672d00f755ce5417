"""The collector end to end: OTLP in, journal, ledger and all rollups out, over real sockets."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

import grpc
import httpx
from bench.table import BenchRow
from collector.served import Served, serving
from wire import CALL, traces, wire_span

from otel_costattr.model import Attributes

BATCH = 512
BATCHES = 80
SENDERS = 4
RATE = 5_000
RATE_SECONDS = 6
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
TICKS = os.sysconf("SC_CLK_TCK")
SETTLE = ("--settle-seconds", "1", "--wrapper-settle-seconds", "1")

# 25 attributes, as instrumentations send them, with 600 characters of conversation.
SPAN: Attributes = {
    **CALL,
    "server.address": "api.openai.com",
    "server.port": 443,
    "gen_ai.request.temperature": 0.5,
    "gen_ai.request.max_tokens": 500,
    "gen_ai.request.top_p": 1.0,
    "gen_ai.request.seed": 7,
    "gen_ai.request.stream": False,
    "gen_ai.request.frequency_penalty": 0.0,
    "gen_ai.request.presence_penalty": 0.0,
    "gen_ai.response.finish_reasons": ("stop",),
    "gen_ai.usage.cache_read.input_tokens": 100,
    "gen_ai.input.messages": "x" * 300,
    "gen_ai.output.messages": "y" * 300,
    "openai.response.service_tier": "default",
    "gen_ai.conversation.id": "s-123",
    "tenant": "acme",
    "feature": "chat",
    "promptVersion": "v3",
}
Send = Callable[[bytes], None]


def rows() -> Iterable[BenchRow]:
    """Measure both doors at full speed, and acknowledgement at a fixed rate."""
    for protocol, door in (("gRPC", by_grpc), ("HTTP", by_http)):
        yield from at_full_speed(protocol, door)
    yield from at_a_fixed_rate()


def at_full_speed(protocol: str, door: Callable[[Served], Send]) -> Iterator[BenchRow]:
    """Send as fast as is acknowledged; the clock stops when all is in ledger and rollups."""
    bodies = [body(number) for number in range(BATCHES)]
    with served() as running:
        send = door(running)
        send(body(BATCHES))
        settled(running)
        cpu, began = cpu_seconds(running), time.perf_counter()
        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(send, bodies))
        settled(running)
        took, used = time.perf_counter() - began, cpu_seconds(running) - cpu
        spans = BATCH * BATCHES
        yield BenchRow(
            what=f"collector, OTLP/{protocol} to committed ledger and rollups",
            value=spans / took,
            unit="spans/s",
            hold=">= 12,000",
            peer="prototype without journal and dialects: 17,000",
        )
        yield BenchRow(
            what=f"collector, OTLP/{protocol}, CPU", value=used / spans * 1e6, unit="us/span"
        )
        yield BenchRow(
            what=f"collector, OTLP/{protocol}, resident memory at the end",
            value=resident_mb(running),
            unit="MB",
            hold="<= 800",
        )


def at_a_fixed_rate() -> Iterator[BenchRow]:
    """Send one batch after the other at 5,000 spans a second and time each acknowledgement."""
    pause = BATCH / RATE
    bodies = [body(number) for number in range(round(RATE_SECONDS / pause))]
    with served() as running:
        send = by_grpc(running)
        send(body(len(bodies)))
        took: list[float] = []

        def timed(payload: bytes) -> None:
            began = time.perf_counter()
            send(payload)
            took.append((time.perf_counter() - began) * 1e3)

        with ThreadPoolExecutor(SENDERS * 4) as pool:
            began = time.perf_counter()
            for place, payload in enumerate(bodies):
                time.sleep(max(0.0, began + place * pause - time.perf_counter()))
                pool.submit(timed, payload)
    percentiles = quantiles(took, n=100)
    for name, value, hold in (("p50", percentiles[49], ""), ("p99", percentiles[98], "<= 100")):
        yield BenchRow(
            what=f"acknowledgement at 5,000 spans/s, {name}", value=value, unit="ms", hold=hold
        )


def body(number: int) -> bytes:
    """Build one request of 512 calls with ids that no other has."""
    now_ns = time.time_ns()
    first = 1 + number * BATCH
    return traces(
        *(
            wire_span(
                {**SPAN, "gen_ai.response.id": f"chatcmpl-{place:012d}"},
                number=place * 0x9E3779B97F4A7C15 % 2**64,
                start_time_unix_nano=now_ns + place * 1_000_000,
                end_time_unix_nano=now_ns + place * 1_000_000 + 900_000_000,
            )
            for place in range(first, first + BATCH)
        )
    ).SerializeToString()


def by_grpc(running: Served) -> Send:
    """Return what sends over gRPC."""
    channel = grpc.insecure_channel(running.urls["grpc"].removeprefix("http://"))
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(TRACES)
    return lambda payload: _retried(lambda: call(payload) is not None)


def by_http(running: Served) -> Send:
    """Return what sends over HTTP."""
    client = httpx.Client(base_url=running.urls["http"], timeout=60)
    headers = {"content-type": "application/x-protobuf"}

    def post(payload: bytes) -> bool:
        return client.post("/v1/traces", content=payload, headers=headers).status_code == 200

    return lambda payload: _retried(lambda: post(payload))


def _retried(send: Callable[[], bool]) -> None:
    while True:
        try:
            if send():
                return
        except grpc.RpcError:
            pass
        time.sleep(0.05)


@contextmanager
def served() -> Iterator[Served]:
    """Serve from a fresh folder with a short settle window."""
    with (
        tempfile.TemporaryDirectory(prefix="costattr-bench-") as folder,
        serving(Path(folder) / "data", *SETTLE) as running,
    ):
        yield running


def settled(running: Served) -> None:
    """Return once all that was acknowledged is in the ledger."""
    while True:
        progress = running.get("/v1/ingest").json()
        if not any(progress[stage] for stage in ("waiting", "settling", "frozen")):
            return
        time.sleep(0.02)


def cpu_seconds(running: Served) -> float:
    """Return the seconds of CPU that the process has used, all threads."""
    fields = Path(f"/proc/{running.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(running: Served) -> float:
    """Return the resident memory of the process in MB."""
    for line in Path(f"/proc/{running.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")
