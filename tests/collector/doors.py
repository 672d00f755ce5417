"""Both doors on free ports with a stand-in behind them, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import httpx
from grpc import aio
from otel_costattr_collector.access import Gate
from otel_costattr_collector.codec import Decoder
from otel_costattr_collector.ingest import Receiver, Submission
from otel_costattr_collector.metrics import Metrics
from otel_costattr_collector.otlp_grpc import create_grpc_server
from otel_costattr_collector.otlp_http import create_http_app
from otel_costattr_collector.servers import AsgiServer, listen
from plain_http import NO_TLS
from wire import NOW_NS

RETRY_AFTER_S = 7
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@dataclass(slots=True)
class Doors:
    """What a test talks to.

    Attributes:
        http: A client of the HTTP door.
        channel: A channel to the gRPC door.
        kept: What got through.
        metrics: What was counted.
        failure: Raised instead of keeping, if set.
    """

    http: httpx.AsyncClient
    channel: aio.Channel
    metrics: Metrics
    kept: list[Submission]
    failure: list[Exception] = field(default_factory=list)

    async def export(
        self,
        body: bytes,
        *,
        method: str = TRACES,
        compression: grpc.Compression = grpc.Compression.NoCompression,
    ) -> bytes:
        """Send a body to the gRPC door and return the answer."""
        call: aio.UnaryUnaryMultiCallable[bytes, bytes] = self.channel.unary_unary(method)
        return await call(body, compression=compression)

    def count(self, name: str, **labels: str) -> float:
        """Return a counter's value, 0 if it never counted."""
        return self.metrics.registry.get_sample_value(name, labels) or 0


@asynccontextmanager
async def open_doors(
    *,
    keys_file: Path = Path("no keys"),
    max_body_bytes: int = 1_000_000,
    max_waiting_bytes: int = 10_000_000,
    wait_for: Callable[[], asyncio.Event | None] = lambda: None,
) -> AsyncIterator[Doors]:
    """Serve both doors on free ports; what is submitted is listed, after `wait_for` if any."""
    kept: list[Submission] = []
    failure: list[Exception] = []

    async def keep(submission: Submission, weight: int) -> None:
        assert weight == len(submission.spans)
        event = wait_for()
        if event is not None:
            await event.wait()
        if failure:
            raise type(failure[0])(*failure[0].args)  # an error of its own holds no other request
        kept.append(submission)

    metrics = Metrics()
    receiver = Receiver(
        decoder=Decoder(wanted=lambda span: "gen_ai.operation.name" in span.attributes),
        keep=keep,
        gate=Gate(keys_file, open_without_keys=True),
        metrics=metrics,
        max_body_bytes=max_body_bytes,
        max_decompressed_bytes=2 * max_body_bytes,
        max_waiting_bytes=max_waiting_bytes,
        clock=lambda: NOW_NS,
    )
    grpc_server = create_grpc_server(receiver, retry_after_seconds=RETRY_AFTER_S)
    grpc_port = grpc_server.add_insecure_port("127.0.0.1:0")
    http_server = AsgiServer(
        create_http_app(receiver, retry_after_seconds=RETRY_AFTER_S),
        listen("127.0.0.1", 0, name="http_port"),
        grace_seconds=1,
    )
    await grpc_server.start()
    http_server.start()
    try:
        async with (
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{http_server.port}", verify=NO_TLS
            ) as client,
            aio.insecure_channel(f"127.0.0.1:{grpc_port}") as channel,
        ):
            yield Doors(http=client, channel=channel, metrics=metrics, kept=kept, failure=failure)
    finally:
        await http_server.stop()
        await grpc_server.stop(None)
        receiver.close()
