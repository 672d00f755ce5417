"""The service as a process: telemetry in, ledger out, nothing acknowledged lost."""

from __future__ import annotations

import socket
import threading
from decimal import Decimal
from pathlib import Path

import pytest
from collector.served import Served, run, serving, start
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from wire import CALL, calls, otlp_json, traces, wire_span

from otel_costattr.model import Attributes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

# gpt-4o-mini: 1,000 tokens in at 0.15 USD and 200 out at 0.60 USD per million.
PRICE = (1000 * Decimal("0.15") + 200 * Decimal("0.60")) / 1_000_000
QUICK = ("--settle-seconds", "0", "--wrapper-settle-seconds", "0")


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_what_a_real_exporter_sends_is_priced_and_owned(protocol: str, tmp_path: Path) -> None:
    """Spans of the plain SDK and exporter become ledger rows of their tenants."""
    with serving(tmp_path / "data", *QUICK) as served:
        provider = TracerProvider(resource=Resource.create({"service.name": "app"}))
        provider.add_span_processor(BatchSpanProcessor(exporter(served, protocol)))
        tracer = provider.get_tracer("tests")
        for number in range(10):
            attributes = {
                **CALL,
                "tenant": f"t{number % 2}",
                "gen_ai.response.id": f"resp-{number}",
            }
            with tracer.start_as_current_span("chat", attributes=attributes):
                pass
        assert provider.force_flush()
        provider.shutdown()

        costs = served.settled(calls=10, group_by="tenant")

    assert Decimal(costs["total"]["total_cost"]) == 10 * PRICE
    by_tenant = {row["entity_id"]: Decimal(row["total_cost"]) for row in costs["data"]}
    assert by_tenant == {"t0": 5 * PRICE, "t1": 5 * PRICE}


@pytest.mark.measured
def test_bad_spans_harm_nobody(tmp_path: Path) -> None:
    """Impossible counts are unpriced rows, bad bytes clear errors, and good neighbours are priced."""
    odd: list[Attributes] = [
        {"gen_ai.usage.input_tokens": -1},
        {"gen_ai.usage.input_tokens": 2**63 - 1},
        {"gen_ai.usage.input_tokens": "many"},
        {"gen_ai.usage.input_tokens": float("nan")},
        {"gen_ai.response.model": "gpt-nobody-knows", "gen_ai.request.model": "gpt-nobody-knows"},
    ]
    without_usage = {name: value for name, value in CALL.items() if "usage" not in name}
    spans = [
        *calls(3),
        *(wire_span({**CALL, **attributes}, number=10 + n) for n, attributes in enumerate(odd)),
        wire_span(without_usage, number=20),
        wire_span(CALL, number=21, span_id=b"\x01"),
    ]
    with serving(tmp_path / "data", *QUICK, "--max-body-bytes", "1000000") as served:
        partial = served.post(traces(*spans).SerializeToString())
        refused = [
            served.post(b"\xff" * 50).status_code,
            served.post(b"\x1f\x8b\x08", **{"content-encoding": "gzip"}).status_code,
            served.post(b"\0" * 1_000_001).status_code,
        ]
        costs = served.settled(calls=9)

    assert (partial.status_code, refused) == (200, [400, 400, 413])
    assert b"16 hex digits" in partial.content
    assert Decimal(costs["total"]["total_cost"]) == 3 * PRICE
    assert costs["total"]["unpriced_calls"] == 6


def test_both_formats_give_the_same_rows(tmp_path: Path) -> None:
    """JSON with hex ids and protobuf of the same spans cost the same."""
    with serving(tmp_path / "data", *QUICK) as served:
        served.post(traces(*calls(5)).SerializeToString())
        served.post(otlp_json(traces(*calls(5, first=6))), **{"content-type": "application/json"})
        costs = served.settled(calls=10)

    assert Decimal(costs["total"]["total_cost"]) == 10 * PRICE


@pytest.mark.measured
def test_sigterm_in_a_stream_of_requests_loses_nothing(tmp_path: Path) -> None:
    """Every request that was answered with 200 before the end is in the ledger after it."""
    acknowledged: list[int] = []
    enough = threading.Event()

    def send(served: Served, first: int) -> None:
        for number in range(first, first + 2000, 4):
            try:
                answer = served.post(traces(*calls(4, first=number)).SerializeToString())
            except Exception:  # noqa: BLE001 - the server is gone, however that shows
                return
            if answer.status_code != 200:
                return
            acknowledged.append(number)
            if len(acknowledged) >= 20:
                enough.set()

    data = tmp_path / "data"
    with serving(data) as served:
        senders = [
            threading.Thread(target=send, args=(served, 1 + 10_000 * place)) for place in range(4)
        ]
        for sender in senders:
            sender.start()
        assert enough.wait(60)
        assert served.stop() == 0, served.log.read_text()
        for sender in senders:
            sender.join()
    with serving(data) as again:
        costs = again.costs()

    assert costs["total"]["calls"] == 4 * len(acknowledged)
    assert Decimal(costs["total"]["total_cost"]) == 4 * len(acknowledged) * PRICE


def test_a_start_remembers_what_was_counted(tmp_path: Path) -> None:
    """A resent span, and a copy by another library, are recognised by the next process."""
    same = {**CALL, "gen_ai.response.id": "chatcmpl-same-1"}
    first = traces(wire_span(same, number=1)).SerializeToString()
    copy = traces(wire_span(same, number=2)).SerializeToString()
    with serving(tmp_path / "data", *QUICK) as served:
        assert served.post(first).status_code == 200
    with serving(tmp_path / "data", *QUICK) as served:
        assert served.post(first).status_code == 200
        assert served.post(copy).status_code == 200
    with serving(tmp_path / "data") as served:
        total = served.costs()["total"]

    assert (total["calls"], total["duplicates"]) == (1, 1)
    assert Decimal(total["total_cost"]) == PRICE


def test_it_says_when_it_is_ready_and_counts_what_it_did(tmp_path: Path) -> None:
    """Health, readiness and Prometheus metrics are on the API port."""
    with serving(tmp_path / "data", *QUICK) as served:
        served.post(traces(*calls(2)).SerializeToString())

        assert served.get("/healthz").status_code == 200
        assert served.get("/readyz").status_code == 200
        assert 'costattr_received_total{signal="traces"} 2.0' in served.get("/metrics").text
        assert served.get("/v1/ingest").json().keys() == {
            *("waiting", "settling", "frozen", "parked", "journal_bytes"),
        }


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(
            ("--http-port", "70000"), "http_port = '70000' in the command line", id="port"
        ),
        pytest.param(("--host", "0.0.0.0"), "without keys", id="open-to-strangers"),
        pytest.param(("--hash-dimensions", "user"), "hash key has 0 bytes", id="no-hash-key"),
        pytest.param(("--hash-dimensions", "usr"), "hash_dimensions names 'usr'", id="no-such"),
        pytest.param(("--tls-cert", "absent.pem"), "TLS needs both", id="half-tls"),
    ],
)
def test_a_wrong_setting_ends_it_with_one_line(
    options: tuple[str, str], words: str, tmp_path: Path
) -> None:
    """Start fails fast, says why and leaves no traceback."""
    done = run("serve", "--data", tmp_path, *options)

    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.measured
def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    """The setting and the port stand in the message."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(AssertionError, match=f"http_port = {port}: cannot listen"):
            start(tmp_path / "data", "--http-port", port)


def exporter(served: Served, protocol: str) -> SpanExporter:
    """Return the stock exporter of a protocol."""
    if protocol == "grpc":
        return GrpcExporter(endpoint=served.urls["grpc"], insecure=True)
    return HttpExporter(endpoint=f"{served.urls['http']}/v1/traces")
