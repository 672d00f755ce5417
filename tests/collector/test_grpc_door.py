"""OTLP over gRPC: success, partial success, and codes that senders understand."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc

import grpc
import pytest
from collector.doors import RETRY_AFTER_S, Doors, open_doors
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from otel_costattr_collector.errors import Overloaded
from wire import CALL, calls, logs, traces, wire_span

from otel_costattr.errors import PermanentError, RetryableError

METRICS = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"


def test_spans_arrive_compressed_or_not() -> None:
    """The same request with and without gzip is kept twice the same."""

    async def scenario() -> None:
        async with open_doors() as doors:
            body = traces(*calls(3)).SerializeToString()
            for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
                assert await doors.export(body, compression=compression) == b""

            plain, compressed = doors.kept
            assert plain.spans == compressed.spans
            assert len(plain.spans) == 3

    asyncio.run(scenario())


def test_a_partial_success_says_how_many_and_why() -> None:
    """The call succeeds; the answer counts the malformed span."""

    async def scenario() -> None:
        async with open_doors() as doors:
            body = traces(
                wire_span(number=1), wire_span(number=2, trace_id=b"")
            ).SerializeToString()
            answer = ExportTraceServiceResponse.FromString(await doors.export(body))

            assert answer.partial_success.rejected_spans == 1
            assert "trace id" in answer.partial_success.error_message
            assert len(doors.kept[0].spans) == 1

    asyncio.run(scenario())


def test_logs_and_metrics_have_their_services() -> None:
    """Both are accepted; metric points are counted, nothing of them is kept."""

    async def scenario() -> None:
        async with open_doors() as doors:
            metric = Metric(name="m", sum=Sum(data_points=[NumberDataPoint()] * 3))
            metrics = ExportMetricsServiceRequest(
                resource_metrics=[ResourceMetrics(scope_metrics=[ScopeMetrics(metrics=[metric])])]
            )
            assert await doors.export(metrics.SerializeToString(), method=METRICS) == b""
            assert await doors.export(logs().SerializeToString(), method=LOGS) == b""

            assert doors.count("costattr_metric_data_points_total") == 3
            assert not doors.kept

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("failure", "code", "retry"),
    [
        pytest.param(Overloaded("full"), grpc.StatusCode.RESOURCE_EXHAUSTED, True, id="overload"),
        pytest.param(RetryableError("down"), grpc.StatusCode.UNAVAILABLE, True, id="store-down"),
        pytest.param(PermanentError("no"), grpc.StatusCode.INTERNAL, False, id="refused"),
    ],
)
def test_trouble_of_ours_says_whether_to_try_again(
    *, failure: Exception, code: grpc.StatusCode, retry: bool
) -> None:
    """What may pass carries a `RetryInfo`."""

    async def scenario() -> None:
        async with open_doors() as doors:
            doors.failure.append(failure)
            error = await refusal(doors, traces(wire_span()).SerializeToString())

            assert error.code() == code
            assert retry_delays(error) == ([RETRY_AFTER_S] if retry else [])

    asyncio.run(scenario())


def test_bad_bytes_are_an_invalid_argument() -> None:
    """A sender does not retry that."""

    async def scenario() -> None:
        async with open_doors() as doors:
            error = await refusal(doors, b"\xff\xff")

            assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
            assert "no protobuf" in (error.details() or "")
            assert retry_delays(error) == []

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip], ids=["plain", "gzip"]
)
def test_a_message_above_the_limit_is_refused(compression: grpc.Compression) -> None:
    """The limit holds after decompression too, so that a bomb does not unfold."""

    async def scenario() -> None:
        async with open_doors(max_body_bytes=100_000) as doors:
            error = await refusal(doors, b"\0" * 3_000_000, compression)

            assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert retry_delays(error) == []

    asyncio.run(scenario())


def test_what_is_refused_is_not_kept_in_memory() -> None:
    """Forty refused megabytes are gone at once, without any search for cycles."""

    async def scenario() -> None:
        async with open_doors(max_body_bytes=2_000_000) as doors:
            doors.failure.append(Overloaded("9 spans wait"))
            body = traces(wire_span({**CALL, "note": "x" * 1_000_000})).SerializeToString()
            await refusal(doors, body)
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(40):
                await refusal(doors, body)
            after, _ = tracemalloc.get_traced_memory()
            assert after - before < 5_000_000

    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        asyncio.run(scenario())
    finally:
        tracemalloc.stop()
        gc.enable()


async def refusal(
    doors: Doors,
    body: bytes,
    compression: grpc.Compression = grpc.Compression.NoCompression,
) -> grpc.aio.AioRpcError:
    """Send a body that must be refused and return the refusal."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await doors.export(body, compression=compression)
    return refused.value


def retry_delays(error: grpc.aio.AioRpcError) -> list[int]:
    """Return the seconds that the error's details say to wait."""
    found = []
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in Status.FromString(value).details:
                info = RetryInfo()
                if detail.Unpack(info):
                    found.append(info.retry_delay.seconds)
    return found
