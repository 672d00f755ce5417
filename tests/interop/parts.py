"""The real programs of `make interop`, started on free ports."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
BUILT: Final = ROOT / ".envs" / "interop"
OTELCOL: Final = BUILT / "otelcol" / "otelcol-interop"
CLIENT: Final = BUILT / "clickhouse_go"
SHIPPED: Final = ROOT / "deploy" / "otel-collector.yaml"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def wait_until(true: Callable[[], bool], what: str, *, seconds: float = 60) -> None:
    """Return once `true` says so.

    Raises:
        AssertionError: It did not in time.
    """
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def shipped_config(folder: Path, *, key: str, ours: str, elsewhere: str) -> Path:
    """Write the configuration of `deploy/` with ports and folders of this machine.

    Args:
        folder: Where it is written, and where its queue lives.
        key: A key to send with.
        ours: Host and port of our OTLP/gRPC.
        elsewhere: Host and port of the other place.
    """
    folder.mkdir(exist_ok=True)
    (folder / "ingest").write_text(key)
    (folder / "queue").mkdir(exist_ok=True)
    config: dict[str, Any] = yaml.safe_load(
        SHIPPED.read_text("utf-8").replace("/keys", str(folder))
    )
    protocols = config["receivers"]["otlp"]["protocols"]
    for protocol in protocols.values():
        protocol["endpoint"] = f"127.0.0.1:{free_port()}"
    config["exporters"]["otlp/costattr"]["endpoint"] = ours
    config["exporters"]["otlp/costattr"]["retry_on_failure"] |= {
        "initial_interval": "200ms",
        "max_interval": "500ms",
    }
    config["exporters"]["otlp/elsewhere"]["endpoint"] = elsewhere
    config["exporters"]["otlp/elsewhere"]["headers"] = {"authorization": f"Bearer {key}"}
    config["extensions"]["health_check"]["endpoint"] = f"127.0.0.1:{free_port()}"
    config["extensions"]["file_storage"]["directory"] = str(folder / "queue")
    config["service"]["telemetry"] = {"metrics": {"level": "none"}}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def endpoint(config: Path, protocol: str) -> str:
    """Return where the OpenTelemetry Collector of a configuration listens."""
    read: dict[str, Any] = yaml.safe_load(config.read_text("utf-8"))
    found: str = read["receivers"]["otlp"]["protocols"][protocol]["endpoint"]
    return found


@contextmanager
def otel_collector(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the OpenTelemetry Collector for a block; it is ready when the block begins."""
    health = yaml.safe_load(config.read_text("utf-8"))["extensions"]["health_check"]["endpoint"]
    with config.with_suffix(".log").open("ab") as log:
        process = subprocess.Popen([OTELCOL, "--config", config], stdout=log, stderr=log)
    try:
        wait_until(lambda: _answers(f"http://{health}"), f"{OTELCOL.name}, see {log.name}")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1).status_code == 200
    except httpx.TransportError:
        return False


def read_with_go(sql: str, *, url: str, key: str = "") -> list[list[str]]:
    """Ask our ClickHouse endpoint with clickhouse-go; return the rows, each value as text.

    Raises:
        AssertionError: clickhouse-go did not understand the answer.
    """
    address = url.removeprefix("http://")
    done = subprocess.run(
        [CLIENT, address, "costattr", key, "", sql],
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    (answer,) = map(json.loads, done.stdout.splitlines())
    assert not answer["error"], f"{answer['error']}\n{sql}"
    rows: list[list[str]] = answer["rows"]
    return rows
