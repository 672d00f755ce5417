"""Unix sockets: the same doors for who may open the file, and nothing else is overwritten."""

from __future__ import annotations

import json
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from collector.served import run, serving
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from otel_costattr_collector.access import KEYS_FILE, create_key
from otel_costattr_collector.unix_socket import clear, listen_at
from wire import CALL, calls, traces

from otel_costattr.errors import BadSettings

EVENT = {"provider": "openai", "model": "gpt-4o-mini", "inputTokens": 10, "outputTokens": 2}


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path fits the kernel's address."""
    with tempfile.TemporaryDirectory(prefix="ca-") as folder:
        yield Path(folder)


@pytest.mark.measured
@pytest.mark.slow
@pytest.mark.timeout(120)
def test_http_and_grpc_are_served_to_owner_and_group(short: Path) -> None:
    """Spans over both protocols and an event arrive; the files are gone after the stop."""
    path = short / "otlp.sock"
    options = ("--settle-seconds", "0", "--unix-socket", str(path))
    with serving(short / "data", *options) as served:
        modes = [
            stat.S_IMODE(one.stat().st_mode) for one in (path, path.with_name("otlp.sock.grpc"))
        ]
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
            sent = client.post(
                "http://localhost/v1/traces",
                content=traces(*calls(2)).SerializeToString(),
                headers={"content-type": "application/x-protobuf"},
            )
            event = client.post("http://localhost/v1/events", content=json.dumps(EVENT))
        provider = TracerProvider()
        exporter = OTLPSpanExporter(endpoint=f"unix://{path}.grpc", insecure=True)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        provider.get_tracer("tests").start_span("chat", attributes=CALL).end()
        provider.shutdown()
        served.settled(calls=4)

    assert modes == [0o660, 0o660]
    assert (sent.status_code, event.status_code) == (200, 200)
    assert not path.exists()


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_once_there_are_keys_one_is_needed_there_too(short: Path) -> None:
    """The file lets in who may open it, a key says what they may do."""
    path = short / "otlp.sock"
    create_key(short / "data" / KEYS_FILE, role="ingest", name="one", now_ns=1)
    with (
        serving(short / "data", "--unix-socket", str(path)),
        httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client,
    ):
        answer = client.post("http://localhost/v1/events", content=json.dumps(EVENT))

    assert answer.status_code == 401


def test_a_socket_that_was_left_behind_is_replaced(short: Path) -> None:
    """After a kill the next start listens at the same path."""
    path = short / "s"
    listen_at(path).close()
    assert path.exists()

    with listen_at(path) as listening:
        assert listening.getsockname() == str(path)


def test_nothing_else_is_overwritten(short: Path) -> None:
    """A file, a live socket and a path that is too long are refused with their name."""
    file, live = short / "file", short / "live"
    file.write_text("precious")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(live))
        listening.listen()
        for path, words in (
            (file, "no socket"),
            (live, "another process listens there"),
            (short / ("x" * 120), "up to 100 characters"),
        ):
            with pytest.raises(BadSettings, match=words):
                clear(path)
    with pytest.raises(BadSettings, match="No such file"):
        listen_at(short / "absent" / "s")

    assert file.read_text() == "precious"


@pytest.mark.slow
def test_a_path_that_cannot_be_used_ends_the_start(short: Path) -> None:
    """One line, exit code 2."""
    (short / "file").write_text("")
    done = run(
        *("serve", "--data", short / "data", "--grpc-port", "0"),
        *("--http-port", "0", "--api-port", "0", "--sql-port", "0"),
        *("--unix-socket", short / "file"),
    )

    assert done.returncode == 2
    assert "no socket" in done.stderr
