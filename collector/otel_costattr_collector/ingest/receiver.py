"""What both doors do with a request: admit, decode off the event loop, keep, count."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from otel_costattr.model import Span

from ..access import AccessError, Gate
from ..access.gate import Headers
from ..codec import Decoded, Decoder, Format, Signal, decompress
from ..codec.token_points import TokenPoint
from ..errors import Overloaded, TooLarge, answer_to
from ..metrics import Metrics
from .turns import Turns

Door = Literal["grpc", "http"]
Result = TypeVar("Result")

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
        turns: Lets requests go before assessing.
        check_room: Raises `Overloaded` while no spans would be kept: a request that is refused
            then costs no decoding, which would hold up what makes room.
        measure: Takes the tokens that metrics report, and the tenant of the key.
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
        turns: Turns | None = None,
        check_room: Callable[[], None] = lambda: None,
        measure: Callable[[Sequence[TokenPoint], str], None] = lambda _points, _tenant: None,
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
        self._measure: Final = measure
        self._turns: Final = turns or Turns()
        self._check_room: Final = check_room
        self._waiting_bytes = 0
        self._clock: Final = clock
        self._threads: Final = ThreadPoolExecutor(
            max_workers=decode_threads, thread_name_prefix="decode"
        )

    def admit(self, door: Door, signal: str, headers: Headers) -> str:
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
        with self.counted(request.door, request.signal):
            return await self._received(request)

    @contextmanager
    def counted(self, door: Door, signal: str) -> Iterator[None]:
        """Count a request by how its block ends."""
        try:
            yield
        except Exception as error:
            answer = answer_to(error)
            self._metrics.requests.labels(door, signal, answer.reason).inc()
            if answer.reason == "internal":
                _log.exception("a %s request of %s failed", door, signal)
            raise
        self._metrics.requests.labels(door, signal, "accepted").inc()

    @contextmanager
    def room_for(self, size: int) -> Iterator[None]:
        """Hold room for a body while it is worked on.

        Raises:
            Overloaded: Too much is in flight.
        """
        if self._waiting_bytes and self._waiting_bytes + size > self._max_waiting_bytes:
            raise Overloaded(f"{self._waiting_bytes} bytes wait already: send again later")
        self._waiting_bytes += size
        try:
            yield
        finally:
            self._waiting_bytes -= size

    async def on_thread(self, work: Callable[[], Result]) -> Result:
        """Return what `work` does on the thread that decodes."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def count_events(self, received: int, rejected: int) -> None:
        """Count posted events, and those of them that were refused."""
        self._metrics.received.labels("events").inc(received)
        if rejected:
            self._metrics.rejected.labels("bad_event").inc(rejected)

    def close(self) -> None:
        """End the decoding threads; nothing may be received after."""
        self._threads.shutdown(wait=True)

    async def _received(self, request: Request) -> Decoded:
        size = len(request.body)
        if size > self.max_body_bytes:
            raise TooLarge(f"the body is larger than {self.max_body_bytes} bytes")
        if request.signal != "metrics":
            self._check_room()
        with self.room_for(size), self._turns.first():
            now_ns = self._clock()
            loop = asyncio.get_running_loop()
            decoded = await loop.run_in_executor(self._threads, self._decode, request, now_ns)
            self._count(request.signal, decoded)
            if decoded.points:
                self._measure(decoded.points, request.key_tenant)
            if decoded.spans:
                submission = Submission(
                    spans=decoded.spans, received_ns=now_ns, key_tenant=request.key_tenant
                )
                await self.make_durable(submission, request.signal)
            return decoded

    def _decode(self, request: Request, now_ns: int) -> Decoded:
        body = decompress(request.body, request.encoding, max_bytes=self._max_decompressed_bytes)
        return self._decoder.decode(request.signal, body, request.format, now_ns=now_ns)

    async def make_durable(self, submission: Submission, signal: str) -> None:
        """Return once the spans of a request are safe.

        Raises:
            Overloaded: Too much waits, or the disk is full; nothing was kept.
            RetryableError: It is unknown whether they were kept.
        """
        with (
            self._metrics.waiting.track_inprogress(),
            self._metrics.acknowledge_seconds.labels(signal).time(),
        ):
            await self._keep(submission, len(submission.spans))

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
