"""Forks `costattr` off one process that has imported what a collector imports.

A collector spends two thirds of its start on imports, and tests start dozens. What runs is the
same script on the same words, in a process of its own with an environment of its own; the one it is
forked from has imported modules and described the API once, for what pydantic remembers of that. It
has one thread, no engine and no server.

    python fork_server.py SOCKET

Each message on the socket is a request in JSON: `words`, `environment` and `folder`, and with it
come three files: where the output, the log and the report go. The report is a line with the number
of the process, and a line with its exit code once it ended. The end of the socket ends the server.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import socket
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

IMPORTED: Final = (
    "otel_costattr_collector.commands.serve",
    "uvicorn.lifespan.off",
    "uvicorn.lifespan.on",
    "uvicorn.loops.asyncio",
    "uvicorn.protocols.http.h11_impl",
)
MAX_BYTES: Final = 1_000_000
FILES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to run.

    Attributes:
        words: The path of a Python script and its arguments.
        environment: Its whole environment.
        folder: Where it runs.
    """

    words: list[str]
    environment: dict[str, str]
    folder: str

    def encode(self) -> bytes:
        """Return the message that asks for it."""
        return json.dumps(asdict(self)).encode()


def main() -> None:
    """Answer requests until nobody can make one any more."""
    _prepare()
    threads = os.listdir("/proc/self/task")  # noqa: PTH208 - names, not paths
    assert len(threads) == 1, "a fork would lose a thread"
    reporters: set[int] = set()
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        while True:
            message, files, _, _ = socket.recv_fds(requests, MAX_BYTES, FILES)
            reporters -= {one for one in reporters if os.waitpid(one, os.WNOHANG)[0]}
            if not message:
                return
            reporter = os.fork()
            if reporter == 0:
                requests.close()
                _report(Request(**json.loads(message)), *files)
                return
            reporters.add(reporter)
            for file in files:
                os.close(file)


def _prepare() -> None:
    """Import what a collector imports; here, since those who ask need nothing of it."""
    for module in IMPORTED:
        importlib.import_module(module)
    from otel_costattr_collector.api import create_api  # noqa: PLC0415
    from otel_costattr_collector.store import embedded  # noqa: PLC0415

    create_api(embedded(Path("never opened")))
    gc.collect()
    gc.freeze()  # what is never looked at stays shared with the forks


def _report(request: Request, output: int, log: int, report: int) -> None:
    """Run it in a child and report; only the child returns, if at all."""
    child = os.fork()
    if child == 0:
        os.close(report)
        _run(request, output, log)
        return
    os.close(output)
    os.close(log)
    os.write(report, f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    os.write(report, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _run(request: Request, output: int, log: int) -> None:
    for file, number in ((output, sys.stdout.fileno()), (log, sys.stderr.fileno())):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    sys.argv = request.words
    runpy.run_path(request.words[0], run_name="__main__")


if __name__ == "__main__":
    main()
