"""A real `costattr serve` in a process of its own, for tests.

It is forked off a process that has its modules, see `fork_server.py`, unless it is measured, for
coverage or by a bench: then it starts as it does for users.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

import httpx
from collector.forked import Forked, Process
from plain_http import HTTP

COSTATTR = Path(sys.executable).with_name("costattr")
MEASURED = "COVERAGE_PROCESS_CONFIG"
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

    process: Process
    urls: dict[str, str]
    log: Path = field(default_factory=Path)

    def post(self, body: bytes, *, signal_name: str = "traces", **headers: str) -> httpx.Response:
        """Send one OTLP/HTTP request in protobuf."""
        return HTTP.post(
            f"{self.urls['http']}/v1/{signal_name}",
            content=body,
            headers={"content-type": "application/x-protobuf", **headers},
            timeout=30,
        )

    def get(self, path: str, **parameters: str) -> httpx.Response:
        """Ask the API."""
        return HTTP.get(self.urls["api"] + path, params=parameters, timeout=30)

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
    program: Path = COSTATTR,
    forks: bool = True,
) -> Served:
    """Start a collector on free ports and return it once it takes telemetry.

    Args:
        data: Its folder.
        options: Its options.
        environment: What is added to its environment.
        program: The script that runs as `costattr`.
        forks: Whether it may be forked off.

    Raises:
        AssertionError: It ended before.
    """
    log = data.with_name(f"{data.name}.log")
    command = [str(program), "serve", "--data", str(data), *options]
    for port in ("--grpc-port", "--http-port", "--api-port", "--sql-port"):
        if port not in options:
            command += [port, "0"]
    with log.open("a") as errors:
        process = _process(command, environment=environment or {}, log=errors, forks=forks)
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


def run(
    *words: str | Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `costattr` on some words to its end, with something added to its environment."""
    command = [str(COSTATTR), *map(str, words)]
    with tempfile.TemporaryFile("w+") as log:
        process = _process(command, environment=environment or {}, log=log)
        assert process.stdout is not None
        with process.stdout as output:
            printed = output.read()
        code = process.wait()
        log.seek(0)
        return subprocess.CompletedProcess(command, code, printed, log.read())


def _process(
    command: list[str], *, environment: Mapping[str, str], log: IO[str], forks: bool = True
) -> Process:
    whole = {**os.environ, **environment}
    if forks and sys.platform == "linux" and MEASURED not in whole:
        return Forked(command, environment=whole, log=log)
    program = [sys.executable, *command]
    return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=log, text=True, env=whole)


@contextmanager
def serving(data: Path, *options: str, forks: bool = True) -> Iterator[Served]:
    """Serve for a block; what is still running at its end is stopped and must end well."""
    served = start(data, *options, forks=forks)
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
