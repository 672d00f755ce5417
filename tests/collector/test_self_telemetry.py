"""Spans of our own: to another collector if asked, never to ourselves, never in the way."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from collector.served import serving, start
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otel_costattr_collector.telemetry import SelfTelemetry
from typing_extensions import override
from wire import calls, traces

from otel_costattr.errors import BadSettings

Names = dict[str, dict[str, object]]


@pytest.fixture
def other() -> Iterator[tuple[str, Names]]:
    """Another collector that notes the spans it gets."""
    seen: Names = {}

    class Takes(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            import gzip  # noqa: PLC0415

            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            request = ExportTraceServiceRequest.FromString(body)
            for of_resource in request.resource_spans:
                for of_scope in of_resource.scope_spans:
                    for span in of_scope.spans:
                        seen[span.name] = {
                            pair.key: pair.value.int_value or pair.value.string_value
                            for pair in span.attributes
                        }
            self.send_response(200)
            self.end_headers()

        @override
        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Takes)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.measured
@pytest.mark.slow
@pytest.mark.timeout(120)
def test_batches_freezes_and_inserts_are_told(other: tuple[str, Names], tmp_path: Path) -> None:
    """Three spans with counts, and nothing of what was received."""
    url, seen = other
    options = ("--settle-seconds", "0", "--self-telemetry", url)
    with serving(tmp_path / "data", *options) as served:
        served.post(traces(*calls(3)).SerializeToString())
        served.settled(calls=3)
        assert served.stop() == 0

    assert {"batch", "freeze", "insert"} <= seen.keys()
    assert seen["batch"] == {"requests": 1, "spans": 3}
    assert seen["insert"]["rows"] == 3


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_an_endpoint_that_is_dead_holds_nothing_up(tmp_path: Path) -> None:
    """Everything is taken and counted all the same."""
    options = ("--settle-seconds", "0", "--self-telemetry", "http://127.0.0.1:9")
    with serving(tmp_path / "data", *options) as served:
        assert served.post(traces(*calls(1)).SerializeToString()).status_code == 200
        served.settled(calls=1)


@pytest.mark.slow
def test_it_never_leads_to_ourselves(tmp_path: Path) -> None:
    """The start is refused, whatever the name of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    with pytest.raises(AssertionError, match="leads to our own http port"):
        start(
            tmp_path / "data",
            *("--http-port", port, "--self-telemetry", f"http://localhost:{port}"),
        )


def test_an_address_that_is_none_is_refused() -> None:
    """The setting is named."""
    with pytest.raises(BadSettings, match="self_telemetry = 'otel:4317'"):
        SelfTelemetry("otel:4317")
