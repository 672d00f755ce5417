"""A stand-in for a ClickHouse server: its HTTP interface in front of a real chDB engine.

It speaks what clickhouse-connect sends: SELECT and statements, parameters, INSERT with settings,
errors with their codes. A test can make it fail before or after it has done what it was asked.
"""

from __future__ import annotations

import re
import ssl
import tempfile
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import chdb
from clickhouse_connect.driver._backend.chdb_backend import CHDB_TRANSPORT_SETTINGS

_CODE = re.compile(r"Code: (\d+)")
_INSERT = re.compile(rb"INSERT INTO (\S+) FORMAT (\w+)\n")
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)


@dataclass
class Double:
    """A running stand-in.

    Attributes:
        url: Its address, without database.
        inserts: The parameters of each INSERT that arrived, in order.
        faults: What happens to the next INSERTs: `before` answers 503 without doing it, `after`
            does it and closes the connection, `memory` answers as an overloaded engine.
    """

    url: str
    inserts: list[dict[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@contextmanager
def serving(folder: Path, *, tls: ssl.SSLContext | None = None) -> Iterator[Double]:
    """Serve the engine in `folder` until the block ends, over TLS if told how."""
    engine = chdb.connect(str(folder.resolve()))
    double = Double(url="")
    handler = type("Handler", (_Handler,), {"engine": engine, "double": double, "lock": _LOCK})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        scheme = "https" if tls else "http"
        double.url = f"{scheme}://default:secret@127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield double
        finally:
            server.shutdown()
            thread.join()
            engine.close()


_LOCK = threading.Lock()


def _say_nothing(*_: object) -> None: ...


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine: Any
    double: Double
    lock: threading.Lock

    def do_GET(self) -> None:
        self._answer(200, b"Ok.\n", {})

    def do_POST(self) -> None:
        parameters = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.headers["Content-Encoding"] == "gzip":
            body = zlib.decompress(body, wbits=31)
        try:
            with self.lock:
                self._use(parameters.get("database", "default"))
                self._do(parameters, body)
        except RuntimeError as error:
            code = (_CODE.search(str(error)) or ["", "0"])[1]
            headers = {"X-ClickHouse-Exception-Code": code}
            self._answer(500, str(error)[str(error).find("Code:") :].encode(), headers)

    def _do(self, parameters: dict[str, str], body: bytes) -> None:
        insert = _INSERT.match(body)
        if insert:
            self._insert(parameters, insert[1].decode(), insert[2].decode(), body[insert.end() :])
            return
        sql = parameters.get("query", "") + body.decode()
        given = {k.removeprefix("param_"): v for k, v in parameters.items() if k[:6] == "param_"}
        found = _FORMAT.search(sql)
        result = self.engine.query(sql, found[1] if found else "TabSeparated", params=given)
        headers = {"X-ClickHouse-Format": found[1] if found else "TabSeparated"}
        self._answer(200, result.bytes() or b"", headers if result.bytes() else {})

    def _insert(self, parameters: dict[str, str], table: str, kind: str, data: bytes) -> None:
        self.double.inserts.append(parameters)
        fault = self.double.faults.pop(0) if self.double.faults else ""
        if fault == "before":
            self._answer(503, b"the proxy has no server", {})
            return
        if fault == "memory":
            text = b"Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)"
            self._answer(500, text, {"X-ClickHouse-Exception-Code": "241"})
            return
        self._write(table, kind, data, parameters)
        if fault == "after":
            self.close_connection = True
            return
        self._answer(200, b"", {})

    def _write(self, table: str, kind: str, data: bytes, parameters: Mapping[str, str]) -> None:
        settings = ", ".join(
            f"{name} = '{value}'"
            for name, value in parameters.items()
            if name not in CHDB_TRANSPORT_SETTINGS and name != "query"
        )
        with tempfile.NamedTemporaryFile(suffix=".native") as file:
            file.write(data)
            file.flush()
            clause = f" SETTINGS {settings}" if settings else ""
            self.engine.query(
                f"INSERT INTO {table} FROM INFILE '{file.name}'{clause} FORMAT {kind}"
            )

    def _use(self, database: str) -> None:
        self.engine.query(f"USE `{database}`")

    def _answer(self, code: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(code)
        for name, value in {**headers, "X-ClickHouse-Timezone": "UTC"}.items():
            self.send_header(name, value)
        self.send_header("X-ClickHouse-Summary", "{}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    log_message = _say_nothing  # type: ignore[assignment]
