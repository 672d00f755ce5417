"""What both doors do with a request: admit, decode off the event loop, keep, count."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Literal

from otel_costattr.model import Span

from ..access import AccessError, Gate
from ..access.gate import Headers
from ..codec import Decoded, Decoder, Format, Signal, decompress
from ..errors import Overloaded, TooLarge, answer_to
from ..metrics import Metrics

Door = Literal["grpc", "http"]

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """The spans of one request.

    Attributes:
        spans: What it carried, in order.
        received_ns: When it came, nanoseconds UTC.
        key_tenant: The tenant that the sender's key proves, or `''`.
        again: Whether they were taken before and are tried again on purpose.
    """

    spans: tuple[Span, ...]
    received_ns: int
    key_tenant: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One export request as it came in.

    Attributes:
        door: Where it came in.
        signal: What it carries.
        body: Its bytes.
        format: Its wire format.
        encoding: Its content encoding, or `''`.
        key_tenant: The tenant that the sender's key proves, or `''`.
    """

    door: Door
    signal: Signal
    body: bytes
    format: Format = "protobuf"
    encoding: str = ""
    key_tenant: str = ""


class Receiver:
    """Takes requests and returns once what they carry is durable.

    Args:
        decoder: Turns bodies into spans.
        keep: Makes the spans of one request durable, the second argument is their number.
        gate: Tells senders apart.
        metrics: Where everything is counted.
        max_body_bytes: Largest body as received.
        max_decompressed_bytes: Largest body after decompression.
        max_waiting_bytes: Bytes of bodies in flight above which a sender is told to slow down.
        decode_threads: Threads that decode.
        clock: Nanoseconds UTC.
    """

    def __init__(
        self,
        *,
        decoder: Decoder,
        keep: Callable[[Submission, int], Awaitable[None]],
        gate: Gate,
        metrics: Metrics,
        max_body_bytes: int,
        max_decompressed_bytes: int,
        max_waiting_bytes: int,
        decode_threads: int = 1,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._decoder: Final = decoder
        self._keep: Final = keep
        self._gate: Final = gate
        self._metrics: Final = metrics
        self.max_body_bytes: Final = max_body_bytes
        self._max_decompressed_bytes: Final = max_decompressed_bytes
        self._max_waiting_bytes: Final = max_waiting_bytes
        self._waiting_bytes = 0
        self._clock: Final = clock
        self._threads: Final = ThreadPoolExecutor(
            max_workers=decode_threads, thread_name_prefix="decode"
        )

    def admit(self, door: Door, signal: Signal, headers: Headers) -> str:
        """Return the tenant that a sender's key proves, or `''`, before its body is read.

        Raises:
            AccessError: The sender may not send telemetry here.
        """
        try:
            principal = self._gate.authenticate(headers)
            principal.require("ingest")
        except AccessError as error:
            self._metrics.requests.labels(door, signal, answer_to(error).reason).inc()
            raise
        return principal.tenant

    async def receive(self, request: Request) -> Decoded:
        """Return what the request carried, once all of it that is good is durable.

        Raises:
            BadTelemetry: The request is no OTLP, too large or in no known format.
            Overloaded: Too much is in flight; nothing of it was kept.
            RetryableError: It could not be made durable now; nothing of it may be relied on.
        """
        try:
            decoded = await self._received(request)
        except Exception as error:
            answer = answer_to(error)
            self._metrics.requests.labels(request.door, request.signal, answer.reason).inc()
            if answer.reason == "internal":
                _log.exception("a %s request of %s failed", request.door, request.signal)
            raise
        self._metrics.requests.labels(request.door, request.signal, "accepted").inc()
        return decoded

    def close(self) -> None:
        """End the decoding threads; nothing may be received after."""
        self._threads.shutdown(wait=True)

    async def _received(self, request: Request) -> Decoded:
        size = len(request.body)
        if size > self.max_body_bytes:
            raise TooLarge(f"the body is larger than {self.max_body_bytes} bytes")
        if self._waiting_bytes and self._waiting_bytes + size > self._max_waiting_bytes:
            raise Overloaded(f"{self._waiting_bytes} bytes wait already: send again later")
        self._waiting_bytes += size
        try:
            now_ns = self._clock()
            loop = asyncio.get_running_loop()
            decoded = await loop.run_in_executor(self._threads, self._decode, request, now_ns)
            self._count(request.signal, decoded)
            if decoded.spans:
                await self._durable(request, decoded, now_ns)
            return decoded
        finally:
            self._waiting_bytes -= size

    def _decode(self, request: Request, now_ns: int) -> Decoded:
        body = decompress(request.body, request.encoding, max_bytes=self._max_decompressed_bytes)
        return self._decoder.decode(request.signal, body, request.format, now_ns=now_ns)

    async def _durable(self, request: Request, decoded: Decoded, now_ns: int) -> None:
        submission = Submission(
            spans=decoded.spans, received_ns=now_ns, key_tenant=request.key_tenant
        )
        count = len(decoded.spans)
        with (
            self._metrics.waiting.track_inprogress(),
            self._metrics.acknowledge_seconds.labels(request.signal).time(),
        ):
            await self._keep(submission, count)

    def _count(self, signal: Signal, decoded: Decoded) -> None:
        metrics = self._metrics
        if signal == "metrics":
            metrics.data_points.inc(decoded.received)
            return
        metrics.received.labels(signal).inc(decoded.received)
        metrics.skipped.labels(signal).inc(decoded.skipped)
        for reason, count in decoded.rejected.items():
            metrics.rejected.labels(reason).inc(count)
        for limit, count in decoded.trimmed.items():
            metrics.trimmed.labels(limit).inc(count)
