"""The real OpenTelemetry Collector, as deploy/ configures it, between an application and us."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from collector.served import Served, serving, start
from interop.parts import OTELCOL, endpoint, free_port, otel_collector, shipped_config, wait_until
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from otel_costattr_collector.access import KEYS_FILE, create_key
from wire import CALL

QUICK = ("--settle-seconds", "0", "--wrapper-settle-seconds", "0")
ROWS = "SELECT * EXCEPT (batch_id, recorded_ns) FROM ledger ORDER BY line_id FORMAT JSONEachRow"


class App:
    """An application that sends the same spans to several places, each with a stock exporter."""

    def __init__(self, *exporters: SpanExporter) -> None:
        self.provider = TracerProvider(resource=Resource.create({"service.name": "app"}))
        for exporter in exporters:
            self.provider.add_span_processor(BatchSpanProcessor(exporter))
        self.sent = 0

    def call(self, count: int) -> None:
        """Make calls, in traces of ten, and hand all of them over."""
        tracer = self.provider.get_tracer("tests")
        for _ in range(count // 10):
            with tracer.start_as_current_span("request"):
                for _ in range(10):
                    self.sent += 1
                    owner = {"tenant": f"t{self.sent % 3}", "feature": f"f{self.sent % 2}"}
                    call = {"gen_ai.response.id": f"resp-{self.sent}"}
                    with tracer.start_as_current_span("chat", attributes={**CALL, **owner, **call}):
                        pass
        assert self.provider.force_flush()


@contextmanager
def _app(*exporters: SpanExporter) -> Iterator[App]:
    app = App(*exporters)
    try:
        yield app
    finally:
        app.provider.shutdown()


def _key(data: Path, role: str) -> str:
    data.mkdir(exist_ok=True)
    _, secret = create_key(data / KEYS_FILE, name=role, role=role, now_ns=1)  # type: ignore[arg-type]
    return secret


def _ask(served: Served, sql: str, key: str = "") -> str:
    headers = {"x-clickhouse-key": key} if key else {}
    answer = httpx.post(f"{served.urls['sql']}/", content=sql, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.text


def _count(served: Served, key: str = "") -> int:
    return int(_ask(served, "SELECT sum(calls) FROM ledger", key))


def _grpc(served: Served) -> str:
    return served.urls["grpc"].removeprefix("http://")


def _direct(served: Served) -> SpanExporter:
    return GrpcExporter(endpoint=served.urls["grpc"], insecure=True)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_through_it_the_rows_are_the_same(tmp_path: Path, protocol: str) -> None:
    """Batched and fanned out by it, or sent straight to us: the same lines, to the last column."""
    ingest, read = _key(tmp_path / "ours", "ingest"), _key(tmp_path / "ours", "read")
    with (
        serving(tmp_path / "ours", *QUICK) as ours,
        serving(tmp_path / "truth", *QUICK) as truth,
    ):
        config = shipped_config(
            tmp_path / "otelcol", key=ingest, ours=_grpc(ours), elsewhere=_grpc(truth)
        )
        with otel_collector(config), _app(_direct(truth), _sender(config, protocol)) as app:
            app.call(500)
            wait_until(lambda: _count(ours, read) == app.sent, "all calls")
            wait_until(lambda: _count(truth) == app.sent, "all calls, sent twice")

            assert _ask(truth, ROWS) == _ask(ours, ROWS, read)


def _sender(config: Path, protocol: str) -> SpanExporter:
    address = endpoint(config, protocol)
    if protocol == "grpc":
        return GrpcExporter(endpoint=f"http://{address}", insecure=True)
    return HttpExporter(endpoint=f"http://{address}/v1/traces")


def test_restarts_on_both_sides_lose_and_double_nothing(tmp_path: Path) -> None:
    """We stop, it is killed and comes back, we come back: every call is there, once."""
    ingest, read = _key(tmp_path / "ours", "ingest"), _key(tmp_path / "ours", "read")
    ports = ("--grpc-port", str(free_port()), "--sql-port", str(free_port()))
    ours = start(tmp_path / "ours", *QUICK, *ports)
    with serving(tmp_path / "truth", *QUICK) as truth:
        # elsewhere is the same place: whatever arrives twice counts once
        config = shipped_config(
            tmp_path / "otelcol", key=ingest, ours=_grpc(ours), elsewhere=_grpc(ours)
        )
        with _app(_direct(truth), _sender(config, "grpc")) as app:
            with otel_collector(config) as between:
                app.call(200)
                wait_until(lambda: _count(ours, read) == app.sent, "the first calls")
                _stop(ours)
                app.call(200)
                between.kill()
                between.wait()
            with otel_collector(config):
                app.call(200)
                with _again(tmp_path / "ours", *ports) as ours:
                    wait_until(lambda: _count(ours, read) == app.sent, "all calls")
                    app.call(200)
                    wait_until(lambda: _count(ours, read) == app.sent, "the last calls")
                    wait_until(lambda: _count(truth) == app.sent, "all calls")

                    assert _ask(truth, ROWS) == _ask(ours, ROWS, read)


@contextmanager
def _again(data: Path, *ports: str) -> Iterator[Served]:
    with serving(data, *QUICK, *ports) as served:
        yield served


def _stop(served: Served) -> None:
    assert served.stop() == 0, served.log.read_text()
    assert served.process.stdout is not None
    served.process.stdout.close()


def test_the_shipped_configuration_is_valid(tmp_path: Path) -> None:
    """The collector's own check accepts deploy/otel-collector.yaml."""
    config = shipped_config(tmp_path / "otelcol", key="k", ours="a:1", elsewhere="b:2")
    done = subprocess.run(
        [OTELCOL, "validate", "--config", config], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
