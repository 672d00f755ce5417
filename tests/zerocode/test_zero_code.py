"""Without a line of code: the stock `opentelemetry-instrument` attributes and prices."""

import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from processor.tracing import CALL, CALL_USD

from otel_costattr import zerocode
from otel_costattr.attribution.names import BAGGAGE_NAMES
from otel_costattr.errors import BadSettings
from otel_costattr.guest import override
from otel_costattr.zerocode import SETTINGS, CostOtlpExporter, attribute, rules_from

APPLICATION = f"""
from opentelemetry import baggage, context, trace
from otel_costattr import attribution
context.attach(baggage.set_baggage("promptVersion", "v3"))
with attribution(tenant="acme"):
    with trace.get_tracer("my.app").start_as_current_span("chat") as span:
        span.set_attributes({dict(CALL)!r})
"""
KEY = "a secret of more than 16 bytes"


def instrumented(tmp_path: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the application under the stock tool."""
    script = tmp_path / "application.py"
    script.write_text(APPLICATION)
    tool = Path(sys.executable).with_name("opentelemetry-instrument")
    return subprocess.run(
        [str(tool), sys.executable, str(script)],
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("OTEL_")},
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.measured
@pytest.mark.slow
@pytest.mark.timeout(90)
def test_console(tmp_path: Path) -> None:
    """With the console exporter of ours, owner, baggage and cost stand on the printed span."""
    done = instrumented(tmp_path, OTEL_TRACES_EXPORTER="costattr_console")

    assert done.returncode == 0, done.stderr
    attributes = json.loads(done.stdout)["attributes"]
    assert attributes["costattr.tenant"] == "acme"
    assert attributes["costattr.prompt_version"] == "v3"
    assert attributes["costattr.cost.total_usd"] == CALL_USD


@pytest.mark.measured
@pytest.mark.slow
@pytest.mark.timeout(90)
def test_any_exporter(tmp_path: Path) -> None:
    """With any other exporter the owner is on the span, for the collector to price."""
    done = instrumented(tmp_path, OTEL_TRACES_EXPORTER="console")

    attributes = json.loads(done.stdout)["attributes"]
    assert attributes["costattr.tenant"] == "acme"
    assert "costattr.cost.status" not in attributes


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_bad_settings_do_not_stop_the_program(tmp_path: Path) -> None:
    """A setting that makes no sense is said on standard error, and the program runs."""
    done = instrumented(tmp_path, OTEL_TRACES_EXPORTER="console", OTEL_COSTATTR_HASH="user")

    assert done.returncode == 0
    assert "0 bytes" in done.stderr
    assert "costattr.tenant" not in json.loads(done.stdout)["attributes"]


class Receiver(BaseHTTPRequestHandler):
    """Keeps the OTLP requests that it is sent."""

    bodies: list[bytes]

    def do_POST(self) -> None:
        """Keep the body."""
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    @override
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - theirs
        """Say nothing."""


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_otlp(tmp_path: Path) -> None:
    """With the OTLP exporter of ours, owner and cost are on the wire."""
    bodies: list[bytes] = []
    server = HTTPServer(("127.0.0.1", 0), type("Here", (Receiver,), {"bodies": bodies}))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        done = instrumented(
            tmp_path,
            OTEL_TRACES_EXPORTER="costattr_otlp",
            OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{server.server_port}",
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    assert done.returncode == 0, done.stderr
    request = ExportTraceServiceRequest.FromString(bodies[0])
    (span,) = request.resource_spans[0].scope_spans[0].spans
    attributes = {pair.key: pair.value for pair in span.attributes}
    assert attributes["costattr.tenant"].string_value == "acme"
    assert attributes["costattr.cost.total_usd"].double_value == CALL_USD


def test_no_provider_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no SDK is configured the hook does nothing."""
    monkeypatch.setattr(trace, "get_tracer_provider", trace.NoOpTracerProvider)

    attribute()


def test_hook_never_raises(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever goes wrong in the hook is said on standard error, not raised."""
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: 1 / 0)

    attribute()
    assert "owners are not written" in capsys.readouterr().err


def test_protocols(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exporter follows the standard variables and refuses a protocol that it does not know."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf")
    CostOtlpExporter(endpoint="http://127.0.0.1:1/v1/traces").shutdown()

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "carrier-pigeon")
    with pytest.raises(BadSettings, match="carrier-pigeon"):
        CostOtlpExporter()


def test_missing_exporter(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exporter that is not installed is named, with the command that installs it."""
    monkeypatch.setattr(zerocode, "entry_points", lambda **_: ())

    with pytest.raises(BadSettings, match="pip install"):
        CostOtlpExporter()


def test_rules_from_environment() -> None:
    """Every setting arrives in the rules."""
    rules = rules_from(
        {
            "OTEL_COSTATTR_BAGGAGE": "cust=tenant, promptVersion = prompt_version,",
            "OTEL_COSTATTR_TRUST_BAGGAGE": "False",
            "OTEL_COSTATTR_HASH": "user, employee",
            "OTEL_COSTATTR_EMAILS": "hash",
            "OTEL_COSTATTR_HASH_KEY": KEY,
            "OTEL_COSTATTR_HASH_KEY_ID": "k1",
            "OTEL_SERVICE_NAME": "not ours",
        }
    )

    assert rules.baggage == {"cust": "tenant", "promptVersion": "prompt_version"}
    assert not rules.trust_baggage
    assert rules.identities.hashed == {"user", "employee"}
    assert (rules.identities.emails, rules.identities.key_id) == ("hash", "k1")
    assert rules_from({}).baggage == BAGGAGE_NAMES


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TYPO", "x"),
        ("TRUST_BAGGAGE", "perhaps"),
        ("EMAILS", "print"),
        ("HASH", "user"),
        ("HASH", "nobody"),
        ("BAGGAGE", "cust=nobody"),
    ],
)
def test_bad_settings(name: str, value: str) -> None:
    """A setting that is unknown or makes no sense is refused when the program starts."""
    with pytest.raises(BadSettings):
        rules_from({f"OTEL_COSTATTR_{name}": value})


def test_settings_are_documented() -> None:
    """Each setting has its line in the guide."""
    guide = (Path(__file__).parents[2] / "docs" / "processor.md").read_text()

    assert [name for name in SETTINGS if f"`OTEL_COSTATTR_{name}`" not in guide] == []
