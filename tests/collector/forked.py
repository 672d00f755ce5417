"""Asks `fork_server.py` for processes, which behave like those of `subprocess.Popen`."""

from __future__ import annotations

import atexit
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Final, Protocol

from collector.fork_server import Request

SERVER: Final = Path(__file__).with_name("fork_server.py")


class Process(Protocol):
    """What tests do with a process, forked or not."""

    stdout: IO[str] | None

    @property
    def pid(self) -> int:
        """Return its number."""

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code."""

    def send_signal(self, sig: int, /) -> None:
        """Signal it if it runs."""

    def kill(self) -> None:
        """Kill it if it runs."""


class Forked:
    """A process that was forked.

    Args:
        words: The path of a Python script and its arguments.
        environment: Its whole environment.
        log: Where its errors go.
    """

    def __init__(
        self, words: Sequence[str], *, environment: Mapping[str, str], log: IO[str]
    ) -> None:
        request = Request(words=list(words), environment=dict(environment), folder=str(Path.cwd()))
        reading, output = os.pipe()
        self._report, report = os.pipe()
        try:
            socket.send_fds(_server(), [request.encode()], [output, log.fileno(), report])
        finally:
            os.close(output)
            os.close(report)
        self.stdout: IO[str] | None = os.fdopen(reading)
        self._lines = b""
        self._code: int | None = None
        self.pid: Final = int(self._line(None) or self._lost())

    def poll(self) -> int | None:
        """Return its exit code, None while it runs; negative is the signal that ended it."""
        if self._code is None:
            line = self._line(0)
            if line is not None:
                self._code = int(line or self._lost())
                os.close(self._report)
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code.

        Raises:
            subprocess.TimeoutExpired: It runs on after `timeout` seconds.
        """
        if self._code is None:
            select.select([self._report], [], [], timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return code

    def send_signal(self, sig: int, /) -> None:
        """Signal it if it runs."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """Kill it if it runs."""
        self.send_signal(signal.SIGKILL)

    def _line(self, timeout: float | None) -> bytes | None:
        """Read a line of the report; None if there is none in time, `b""` at its end."""
        while b"\n" not in self._lines:
            if not select.select([self._report], [], [], timeout)[0]:
                return None
            read = os.read(self._report, 100)
            if not read:
                return b""
            self._lines += read
        line, _, self._lines = self._lines.partition(b"\n")
        return line

    def _lost(self) -> str:
        raise AssertionError("the process that the others are forked off is gone")


@cache
def _server() -> socket.socket:
    """Start the server, once a test process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", str(SERVER), str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )

    def end() -> None:
        ours.close()
        process.wait(10)

    atexit.register(end)
    return ours
