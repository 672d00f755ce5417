"""What the processor costs on the caller's thread, beside the SDK's own span."""

from __future__ import annotations

import subprocess
import sys
import time
import timeit
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bench.table import BenchRow
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_costattr import attribution
from otel_costattr.guest import override
from otel_costattr.processor import CostSpanExporter, CostSpanProcessor

NUMBER = 200
ROUNDS = 150
EXPORTED = 2_000

STARTED: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "server.address": "api.openai.com",
    "server.port": 443,
}
ENDED: dict[str, Any] = {
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 200,
    "gen_ai.usage.cache_read.input_tokens": 400,
}
GENAI = "opentelemetry.instrumentation.genai.openai"
HTTP = "opentelemetry.instrumentation.httpx"


class _Drop(SpanProcessor):
    @override
    def on_end(self, span: ReadableSpan) -> None:
        """Forget it."""


class _DropExported(SpanExporter):
    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Read what an OTLP exporter reads, and forget it."""
        for span in spans:
            dict(span.attributes or {})
        return SpanExportResult.SUCCESS


def rows() -> Iterable[BenchRow]:
    """Measure, in CPU time of this thread, the best of several rounds."""
    span = _span(GENAI)
    bare = _us(span)
    peer = f"{bare:.1f} us for the bare SDK's span"
    with attribution(tenant="acme", feature="chat", prompt_version="v3"):
        wrapped, attributing = CostSpanProcessor(_Drop()), CostSpanProcessor()
        yield _row("GenAI span, CostSpanProcessor(inner)", _both(wrapped, GENAI), "<= 25", peer)
        sdk = f"{_set_attributes():.1f} us of it the SDK's own set_attributes"
        yield _row("GenAI span, CostSpanProcessor()", _both(attributing, GENAI), "<= 5", sdk)
        yield _row("HTTP span, CostSpanProcessor(inner)", _both(wrapped, HTTP), "<= 1.5", peer)
        yield _row("HTTP span, CostSpanProcessor()", _both(attributing, HTTP), "<= 1.5", peer)
        yield _row("span of an unknown scope, inner", _both(wrapped, "my.app", {}), "", peer)
    exporter = CostSpanExporter(_DropExported())
    ended = [_ended(number) for number in range(EXPORTED)]
    started = time.thread_time()
    exporter.export(ended)
    assessing = (time.thread_time() - started) / EXPORTED * 1e6
    yield _row("GenAI span assessed, exporter's thread", assessing, "", "off the caller's thread")
    yield BenchRow(
        what="import otel_costattr beyond the SDK", value=_import_ms(), unit="ms", hold="<= 50"
    )


def _import_ms() -> float:
    """CPU milliseconds of `import otel_costattr` where the SDK is loaded, the best of five."""
    code = (
        "import time, opentelemetry.sdk.trace.export, opentelemetry.baggage; "
        "a = time.process_time(); import otel_costattr; print(time.process_time() - a)"
    )
    return 1e3 * min(
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(5)
    )


def _both(
    processor: CostSpanProcessor, scope: str, attributes: dict[str, Any] | None = None
) -> float:
    live: Any = _live(scope, attributes)
    ended = live._readable_span()

    def both() -> None:
        processor.on_start(live)
        processor.on_end(ended)

    return _us(both)


def _set_attributes() -> float:
    """What the SDK takes to write an owner of three values on a span."""
    live = _live(GENAI)
    owner = {"costattr.tenant": "acme", "costattr.feature": "chat", "costattr.prompt_version": "v3"}
    return _us(lambda: live.set_attributes(owner))


def _live(scope: str, attributes: dict[str, Any] | None = None) -> Any:
    chosen = {**STARTED, **ENDED} if scope == GENAI else {"http.request.method": "GET"}
    tracer = TracerProvider().get_tracer(scope)
    return tracer.start_span("span", attributes=chosen if attributes is None else attributes)


def _ended(number: int) -> ReadableSpan:
    live = _live(GENAI)
    live.set_attribute("gen_ai.response.id", f"chatcmpl-{number:08}")
    live.set_attribute("gen_ai.usage.input_tokens", 1000 + number)
    live.end()
    ended: ReadableSpan = live._readable_span()
    return ended


def _span(scope: str) -> Callable[[], object]:
    tracer = TracerProvider().get_tracer(scope)

    def span() -> None:
        live = tracer.start_span("chat", attributes=STARTED)
        live.set_attributes(ENDED)
        live.end()

    return span


def _us(work: Callable[[], object], *, number: int = NUMBER, rounds: int = ROUNDS) -> float:
    """Microseconds of this thread's own time, so that other work on the machine does not count."""
    work()
    best = min(timeit.repeat(work, number=number, repeat=rounds, timer=time.thread_time))
    return best / number * 1e6


def _row(what: str, value: float, hold: str, peer: str) -> BenchRow:
    return BenchRow(what=what, value=value, unit="us", hold=hold, peer=peer)
