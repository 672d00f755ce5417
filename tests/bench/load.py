"""The load: requests as applications send them, sent by a process of its own.

`python -m bench.load ADDRESS` builds templates, says `ready`, waits for a line on its input, sends,
and prints what it saw as JSON. A request that is sent is a template with fresh ids and times, so
that sending costs little beside receiving and a run can be of any length.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import local
from typing import Any, Final, Self

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from wire import pairs

from otel_costattr.model import Attributes

BATCH: Final = 512
TEMPLATES: Final = 16
IN_FLIGHT: Final = 8
TRACES: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
MODELS: Final = (
    ("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
    ("openai", "gpt-4.1", "gpt-4.1-2025-04-14"),
    ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
    ("gcp.gemini", "gemini-2.5-flash", "gemini-2.5-flash"),
)
_NS: Final = 10**9
_PAUSE_NS: Final = 20 * _NS
"""Between the calls of one trace, as an agent makes them."""
_ID_CHARS: Final = 24

Send = Callable[[bytes], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What the sender saw.

    Attributes:
        spans: How many spans were acknowledged.
        acks_ms: How long each request took until it was acknowledged, refusals included.
        refused: How often a request was refused and sent again.
        cpu_s: CPU that the sender used.
    """

    spans: int
    acks_ms: list[float]
    refused: int
    cpu_s: float


@contextmanager
def sender(address: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Start a sender and yield it once its templates are built; it sends when `sent` is called.

    Args:
        address: `grpc://host:port` or `http://host:port`.
        options: Of its command line.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.load", address, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def sent(process: subprocess.Popen[str]) -> Sent:
    """Let a sender send and return what it saw."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return Sent(**json.loads(process.stdout.readline()))


class Template:
    """A request of which each copy has ids and times of its own.

    Args:
        number: Which template; each has other tenants, models and counts.
        kind: One of `KINDS`.
    """

    def __init__(self, number: int, kind: str) -> None:
        dice = random.Random(number)  # noqa: S311 - repeatable, no secret
        makers = itertools.cycle(KINDS[kind])
        spans = [make(dice, place) for place, make in zip(range(BATCH), makers, strict=False)]
        self._body: Final = _request(spans).SerializeToString()
        self._spans: Final = list(self._places(spans))

    @classmethod
    def several(cls, kind: str) -> list[Self]:
        """Build the templates of a run."""
        return [cls(number, kind) for number in range(TEMPLATES)]

    def fresh(self) -> bytes:
        """Return a request with ids that no other has, of calls that end now."""
        body = bytearray(self._body)
        now_ns = time.time_ns()
        chance = os.urandom(16 * BATCH)
        letters = chance.hex().encode()
        trace = b""
        for place, (trace_at, span_at, start_at, response_at, lasted_ns) in enumerate(self._spans):
            own = chance[16 * place : 16 * place + 16]
            if place % 4 == 0:
                trace = own[::-1]
            end_ns = now_ns - (3 - place % 4) * _PAUSE_NS
            body[trace_at : trace_at + 16] = trace
            body[span_at : span_at + 8] = own[:8]
            body[start_at : start_at + 8] = (end_ns - lasted_ns).to_bytes(8, "little")
            body[start_at + 9 : start_at + 17] = end_ns.to_bytes(8, "little")
            if response_at >= 0:
                body[response_at : response_at + _ID_CHARS] = letters[32 * place :][:_ID_CHARS]
        return bytes(body)

    def _places(self, spans: list[Span]) -> Iterator[tuple[int, int, int, int, int]]:
        at = 0
        for place, span in enumerate(spans):
            trace_at = at = self._body.index(span.trace_id, at)
            span_at = at = self._body.index(span.span_id, at)
            start_at = at = self._body.index(span.start_time_unix_nano.to_bytes(8, "little"), at)
            response_at = self._body.find(_response_id(place).encode(), at)
            lasted_ns = span.end_time_unix_nano - span.start_time_unix_nano
            yield trace_at, span_at, start_at, response_at, lasted_ns


def _request(spans: list[Span]) -> ExportTraceServiceRequest:
    scope = InstrumentationScope(name="opentelemetry.instrumentation.openai_v2", version="2.1b0")
    resource = {
        "service.name": "assistant",
        "service.version": "1.4.2",
        "deployment.environment.name": "production",
        "telemetry.sdk.language": "python",
    }
    return ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=Resource(attributes=pairs(resource)),
                scope_spans=[ScopeSpans(scope=scope, spans=spans)],
            )
        ]
    )


def _response_id(place: int) -> str:
    return f"{place:0{_ID_CHARS}d}"


def _call(dice: random.Random, place: int) -> Span:
    """25 attributes, as instrumentations send them, with 600 characters of conversation."""
    provider, asked, answered = dice.choice(MODELS)
    tenant = dice.randrange(200)
    attributes: Attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": asked,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 500,
        "gen_ai.request.top_p": 1.0,
        "gen_ai.request.seed": dice.randrange(1000),
        "gen_ai.request.frequency_penalty": 0.0,
        "gen_ai.request.presence_penalty": 0.0,
        "gen_ai.response.model": answered,
        "gen_ai.response.id": f"chatcmpl-{_response_id(place)}",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 200 + int(dice.lognormvariate(7, 1)),
        "gen_ai.usage.output_tokens": 1 + int(dice.lognormvariate(5, 1)),
        "gen_ai.usage.cache_read.input_tokens": dice.randrange(200),
        "gen_ai.input.messages": "x" * 300,
        "gen_ai.output.messages": "y" * 300,
        "gen_ai.conversation.id": f"session-{tenant}-{dice.randrange(50)}",
        "server.address": f"api.{provider}.com",
        "server.port": 443,
        "tenant": f"tenant-{tenant}",
        "feature": f"feature-{dice.randrange(12)}",
        "promptVersion": f"v{dice.randrange(4)}",
        "userId": f"u-{tenant}-{dice.randrange(100)}",
        "thread.name": "MainThread",
    }
    return _span(dice, place, f"chat {asked}", attributes)


def _web(dice: random.Random, place: int) -> Span:
    attributes: Attributes = {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": f"/orders/{dice.randrange(50)}",
        "url.path": f"/orders/{dice.randrange(10**6)}",
        "url.scheme": "https",
        "client.address": f"10.0.{dice.randrange(256)}.{dice.randrange(256)}",
        "server.address": "shop.example.com",
        "server.port": 443,
        "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64)" + "z" * 80,
        "network.protocol.version": "1.1",
        "thread.id": dice.randrange(64),
        "thread.name": "MainThread",
    }
    return _span(dice, place, "GET /orders", attributes)


def _span(dice: random.Random, place: int, name: str, attributes: Attributes) -> Span:
    end_ns = 1_700_000_000 * _NS + place
    return Span(
        trace_id=dice.randbytes(16),
        span_id=dice.randbytes(8),
        parent_span_id=dice.randbytes(8),
        name=name,
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=end_ns - int(dice.lognormvariate(21, 0.7)),
        end_time_unix_nano=end_ns,
        attributes=pairs(attributes),
    )


KINDS: Final[Mapping[str, Sequence[Callable[[random.Random, int], Span]]]] = {
    "calls": (_call,),
    "web": (_web,),
    "traces": (_web, _web, _web, _call),
}
"""What is sent: calls of models, spans that have nothing to do with any, or three of them a call."""


# --- the process that sends -------------------------------------------------------------------


def main() -> None:
    """Send as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--requests", type=int, default=1 << 62, help="how many at most")
    parser.add_argument("--seconds", type=float, default=3600.0, help="how long at most")
    parser.add_argument("--rate", type=float, default=0.0, help="spans a second; 0 is full speed")
    parser.add_argument("--kind", choices=[*KINDS], default="calls")
    asked = parser.parse_args()
    templates = Template.several(asked.kind)
    send = door(asked.address)
    send(_request([]).SerializeToString())
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(_run(templates, send, asked)), flush=True)


def door(address: str) -> Send:
    """Return what sends one request and says whether it was taken.

    Args:
        address: `grpc://host:port` or `http://host:port`.
    """
    scheme, _, where = address.partition("://")
    return _grpc(where) if scheme == "grpc" else _http(where)


def _run(templates: list[Template], send: Send, asked: argparse.Namespace) -> dict[str, Any]:
    acks_ms: list[float] = []
    refused = 0
    numbers = itertools.count()
    cpu, began = time.process_time(), time.perf_counter()

    def some() -> None:
        nonlocal refused
        for number in numbers:
            due = began + (number * BATCH / asked.rate if asked.rate else 0.0)
            if number >= asked.requests or time.perf_counter() - began > asked.seconds:
                return
            body = templates[number % len(templates)].fresh()
            time.sleep(max(0.0, due - time.perf_counter()))
            start = time.perf_counter()
            while not send(body):
                refused += 1
                time.sleep(0.05)
            acks_ms.append((time.perf_counter() - start) * 1e3)

    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        for future in [pool.submit(some) for _ in range(IN_FLIGHT)]:
            future.result()
    return {
        "spans": len(acks_ms) * BATCH,
        "acks_ms": acks_ms,
        "refused": refused,
        "cpu_s": time.process_time() - cpu,
    }


def _grpc(where: str) -> Send:
    channel = grpc.insecure_channel(where)
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(TRACES)

    def send(body: bytes) -> bool:
        try:
            call(body)
        except grpc.RpcError:
            return False
        return True

    return send


def _http(where: str) -> Send:
    mine = local()

    def send(body: bytes) -> bool:
        if not hasattr(mine, "connection"):
            mine.connection = http.client.HTTPConnection(where, timeout=60)
        headers = {"content-type": "application/x-protobuf"}
        mine.connection.request("POST", "/v1/traces", body=body, headers=headers)
        answer = mine.connection.getresponse()
        answer.read()
        return bool(answer.status == 200)

    return send


if __name__ == "__main__":
    main()
