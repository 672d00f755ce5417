"""The real `openai` client under the real instrumentation: owner and cost on what it emits."""

import asyncio
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_costattr import CostSpanExporter, CostSpanProcessor, attribution
from otel_costattr.guest import override

# The instrumentation uses what pydantic and the logs API have deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.slow,
    pytest.mark.timeout(60),
]

ANSWER = {
    "id": "chatcmpl-live-1",
    "object": "chat.completion",
    "created": 1_790_000_000,
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    ],
    "usage": {
        "prompt_tokens": 1000,
        "completion_tokens": 200,
        "total_tokens": 1200,
        "prompt_tokens_details": {"cached_tokens": 400},
    },
}
# 600 x 0.15 + 400 x 0.075 + 200 x 0.60, a million
ANSWER_USD = (90 + 30 + 120) / 1_000_000


class StandIn(BaseHTTPRequestHandler):
    """Answers every request with the same completion."""

    def do_POST(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - theirs
        """Say nothing."""


@pytest.fixture
def api() -> Iterator[str]:
    """Serve the stand-in; its base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=["processor", "exporter"])
def exporter(request: pytest.FixtureRequest) -> Iterator[InMemorySpanExporter]:
    """Instrument the client, with the wrapped processor or the wrapped exporter."""
    memory, provider = InMemorySpanExporter(), TracerProvider()
    if request.param == "processor":
        provider.add_span_processor(CostSpanProcessor(SimpleSpanProcessor(memory)))
    else:
        provider.add_span_processor(CostSpanProcessor())
        provider.add_span_processor(SimpleSpanProcessor(CostSpanExporter(memory)))
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    yield memory
    instrumentor.uninstrument()
    provider.shutdown()


def ask(client: Any) -> Any:
    """Ask one question."""
    return client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "Hello"}]
    )


def only(exporter: InMemorySpanExporter) -> ReadableSpan:
    """Return the one span that was exported."""
    (span,) = exporter.get_finished_spans()
    return span


def test_call(api: str, exporter: InMemorySpanExporter) -> None:
    """A call is owned by the block around it and costs what its tokens cost."""
    with (
        attribution(tenant="acme", feature="chat", prompt_version="v3"),
        OpenAI(base_url=api, api_key="none") as client,
    ):
        assert ask(client).usage.total_tokens == 1200

    attributes = only(exporter).attributes or {}
    assert attributes["costattr.tenant"] == "acme"
    assert attributes["costattr.feature"] == "chat"
    assert attributes["costattr.prompt_version"] == "v3"
    assert attributes["costattr.cost.total_usd"] == ANSWER_USD


def test_concurrent_calls(api: str, exporter: InMemorySpanExporter) -> None:
    """Calls of several tenants at once are each owned by their own."""

    @attribution(feature="chat")
    async def serve(client: AsyncOpenAI, tenant: str) -> None:
        with attribution(tenant=tenant):
            await ask(client)

    async def everybody() -> None:
        async with AsyncOpenAI(base_url=api, api_key="none") as client:
            await asyncio.gather(*(serve(client, tenant) for tenant in "abcabc"))

    asyncio.run(everybody())

    spans = exporter.get_finished_spans()
    owners = sorted(str((span.attributes or {})["costattr.tenant"]) for span in spans)
    assert owners == ["a", "a", "b", "b", "c", "c"]
    assert {(span.attributes or {})["costattr.feature"] for span in spans} == {"chat"}
