"""The peer: the OpenTelemetry Collector's own ClickHouse exporter, on the same engine and load.

It keeps spans as they are: no price, no owner, no rollup, no journal, and what is sent twice is
there twice. Measured where `make interop` has built it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from bench.collector import SECONDS, TICKS
from bench.load import sender, sent
from bench.table import BenchRow
from interop.parts import OTELCOL, ROOT, free_port, wait_until

SINK = ROOT / "tests" / "interop" / "clickhouse_sink.py"


def rows() -> Iterable[BenchRow]:
    """Measure it at full speed, to the last row in the table."""
    if not OTELCOL.is_file():
        return
    with tempfile.TemporaryDirectory(prefix="otelcol-bench-") as folder, _sink(folder) as sink:
        yield from _measured(sink, Path(folder))


def _measured(sink: subprocess.Popen[str], folder: Path) -> Iterator[BenchRow]:
    with (
        _otelcol(_config(folder, _line(sink))) as (process, address),
        sender(f"grpc://{address}", "--seconds", str(SECONDS)) as load,
    ):
        cpu, began = (_cpu(process), _cpu(sink)), time.perf_counter()
        spans = sent(load).spans
        wait_until(lambda: _rows(sink) >= spans, "all spans", seconds=120)
        took = time.perf_counter() - began
        used = (_cpu(process) - cpu[0], _cpu(sink) - cpu[1])
    what = "peer: OpenTelemetry Collector with clickhouseexporter"
    yield BenchRow(what=f"{what}, OTLP/gRPC to chDB", value=spans / took, unit="spans/s")
    yield BenchRow(
        what=f"{what}, CPU of both processes",
        value=sum(used) / spans * 1e6,
        unit="us/span",
        peer=f"the collector alone {used[0] / spans * 1e6:.0f}, the engine {used[1] / spans * 1e6:.0f}",
    )


def _config(folder: Path, sink: str) -> Path:
    config = {
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{free_port()}"}}}},
        "processors": {"batch": {"send_batch_size": 10_000, "timeout": "1s"}},
        "exporters": {
            "clickhouse": {
                "endpoint": sink,
                "database": "default",
                "create_schema": False,
                "async_insert": False,
                "compress": "none",
                "sending_queue": {"enabled": False},
                "timeout": "120s",
            }
        },
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {
                "traces": {
                    "receivers": ["otlp"],
                    "processors": ["batch"],
                    "exporters": ["clickhouse"],
                }
            },
        },
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@contextmanager
def _otelcol(config: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    read = yaml.safe_load(config.read_text())
    address = read["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"]
    with config.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen([OTELCOL, "--config", config], stdout=log, stderr=log)
    try:
        yield process, address
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def _sink(folder: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, SINK, str(Path(folder) / "chdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _line(sink: subprocess.Popen[str]) -> str:
    assert sink.stdout is not None
    return sink.stdout.readline().strip()


def _rows(sink: subprocess.Popen[str]) -> int:
    assert sink.stdin is not None
    sink.stdin.write("\n")
    sink.stdin.flush()
    return int(_line(sink))


def _cpu(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
