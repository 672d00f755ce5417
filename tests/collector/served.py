"""A real `costattr serve` in a process of its own, for tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

COSTATTR = Path(sys.executable).with_name("costattr")
STOP_TIMEOUT_S = 30
PAUSE_S = 0.05
T = TypeVar("T")


@dataclass(slots=True)
class Served:
    """A running collector.

    Attributes:
        process: The process.
        urls: `grpc`, `http`, `api` and, with the embedded engine, `sql` to their addresses.
        log: Where its log goes.
    """

    process: subprocess.Popen[str]
    urls: dict[str, str]
    log: Path = field(default_factory=Path)

    def post(self, body: bytes, *, signal_name: str = "traces", **headers: str) -> httpx.Response:
        """Send one OTLP/HTTP request in protobuf."""
        return httpx.post(
            f"{self.urls['http']}/v1/{signal_name}",
            content=body,
            headers={"content-type": "application/x-protobuf", **headers},
            timeout=30,
        )

    def get(self, path: str, **parameters: str) -> httpx.Response:
        """Ask the API."""
        return httpx.get(self.urls["api"] + path, params=parameters, timeout=30)

    def costs(self, **parameters: str) -> Mapping[str, Any]:
        """Return the answer of `/v1/analytics/costs`."""
        answer = self.get("/v1/analytics/costs", **parameters)
        assert answer.status_code == 200, answer.text
        found: Mapping[str, Any] = answer.json()
        return found

    def settled(self, *, calls: int, **parameters: str) -> dict[str, Any]:
        """Ask `costs` until there are `calls` calls; the test's time limit ends it."""
        for costs in repeatedly(lambda: self.costs(**parameters)):
            if costs["total"]["calls"] >= calls:
                return dict(costs)
        raise AssertionError

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal the process, wait for its end and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_TIMEOUT_S)


def repeatedly(ask: Callable[[], T]) -> Iterator[T]:
    """Ask again and again, leaving the processor to the collector in between."""
    while True:
        yield ask()
        time.sleep(PAUSE_S)


def start(
    data: Path,
    *options: str,
    environment: Mapping[str, str] | None = None,
    program: Sequence[str] = (str(COSTATTR),),
) -> Served:
    """Start a collector on free ports and return it once it takes telemetry."""
    log = data.with_name(f"{data.name}.log")
    command = [*program, "serve", "--data", str(data), *options]
    for port in ("--grpc-port", "--http-port", "--api-port", "--sql-port"):
        if port not in options:
            command += [port, "0"]
    with log.open("a") as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **(environment or {})},
        )
    assert process.stdout is not None
    urls: dict[str, str] = {}
    expected = 3 if {"--clickhouse", "--sql"} & set(options) else 4
    while len(urls) < expected:
        line = process.stdout.readline()
        if not line:
            process.stdout.close()
            raise AssertionError(f"it ended with {process.wait()}:\n{log.read_text()}")
        name, _, url = line.strip().partition("=")
        urls[name] = url
    return Served(process=process, urls=urls, log=log)


@contextmanager
def serving(data: Path, *options: str) -> Iterator[Served]:
    """Serve for a block; what is still running at its end is stopped and must end well."""
    served = start(data, *options)
    try:
        yield served
        if served.process.poll() is None:
            assert served.stop() == 0, served.log.read_text()
    finally:
        if served.process.poll() is None:
            served.process.kill()
            served.process.wait()
        assert served.process.stdout is not None
        served.process.stdout.close()
