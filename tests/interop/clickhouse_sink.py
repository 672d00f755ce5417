"""Enough of ClickHouse's HTTP interface over chDB for the exporter of the OpenTelemetry Collector.

Only the bench uses it: our own endpoint is for reading. `python clickhouse_sink.py FOLDER` prints
its address and the number of rows on every line that it is sent on standard input.
"""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import clickhouse_connect
from otel_costattr_collector.sql.native import hello_block
from typing_extensions import override

TABLE: Final = """
CREATE TABLE otel_traces
(
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    `Events.Timestamp` Array(DateTime64(9)) CODEC(ZSTD(1)),
    `Events.Name` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `Events.Attributes` Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    `Links.TraceId` Array(String) CODEC(ZSTD(1)),
    `Links.SpanId` Array(String) CODEC(ZSTD(1)),
    `Links.TraceState` Array(String) CODEC(ZSTD(1)),
    `Links.Attributes` Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    INDEX by_trace TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
"""


class Sink:
    """The engine, one statement at a time."""

    def __init__(self, folder: Path) -> None:
        self._client = clickhouse_connect.get_client(interface="chdb", path=str(folder))
        self._client.command(TABLE)
        self._turn = threading.Lock()

    def ask(self, sql: str) -> bytes:
        """Return the answer to a question."""
        if "displayname()" in sql.lower():
            return hello_block(name="sink", version="26.9.2.1", timezone="UTC")
        with self._turn:
            return bytes(self._client.raw_query(sql, fmt="Native"))

    def insert(self, block: bytes) -> None:
        """Keep one block of spans, whole and fsynced by nobody, as the exporter's tables are."""
        with self._turn:
            self._client.raw_insert("otel_traces", None, block, fmt="Native")

    def rows(self) -> int:
        """Count what is there."""
        with self._turn:
            return int(str(self._client.command("SELECT count() FROM otel_traces")))


def main(folder: Path) -> None:
    """Serve until standard input ends."""
    sink = Sink(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self._body()
            inserting = "query" in parse_qs(urlsplit(self.path).query)
            answer = b"" if inserting else sink.ask(body.decode())
            if inserting:
                sink.insert(body)
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _say(f"http://127.0.0.1:{server.server_port}")
    for _ in sys.stdin:
        _say(str(sink.rows()))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
