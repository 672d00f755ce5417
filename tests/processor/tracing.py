"""Spans as the real SDK makes them, and inner processors that keep what they get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer

from otel_costattr.guest import override

SCOPE = "opentelemetry.instrumentation.genai.openai"

CALL: Mapping[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 200,
}
"""1,000 tokens in at 0.15 USD and 200 out at 0.60 USD a million: 0.00015 + 0.00012 USD."""

CALL_USD = 0.00027


class Keep(SpanProcessor):
    """Keeps what it is given.

    Attributes:
        started: Names of spans that started.
        ended: Spans that ended.
        calls: Other methods that were called.
    """

    def __init__(self) -> None:
        self.started: list[str] = []
        self.ended: list[ReadableSpan] = []
        self.calls: list[object] = []

    @override
    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Keep the name."""
        del parent_context
        self.started.append(span.name)

    @override
    def on_end(self, span: ReadableSpan) -> None:
        """Keep the span."""
        self.ended.append(span)

    @override
    def _on_ending(self, span: Any) -> None:
        self.calls.append(("_on_ending", span.name))

    @override
    def shutdown(self) -> None:
        """Keep the call."""
        self.calls.append("shutdown")

    @override
    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Keep the call."""
        self.calls.append(("force_flush", timeout_millis))
        return False


class KeepExported(SpanExporter):
    """Keeps what it is given to export.

    Attributes:
        spans: The spans.
        calls: Other methods that were called.
    """

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []
        self.calls: list[object] = []

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Keep the spans."""
        self.spans += spans
        return SpanExportResult.SUCCESS

    @override
    def shutdown(self) -> None:
        """Keep the call."""
        self.calls.append("shutdown")

    @override
    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Keep the call."""
        self.calls.append(("force_flush", timeout_millis))
        return True


def tracer(*processors: SpanProcessor, scope: str = SCOPE, **provider: Any) -> Tracer:
    """Return a tracer of a provider with these processors."""
    provider.setdefault("resource", Resource({"service.name": "chat-api"}))
    made = TracerProvider(**provider)
    for processor in processors:
        made.add_span_processor(processor)
    return made.get_tracer(scope, "1.3b0")


def call(tracer: Tracer, attributes: Mapping[str, Any] | None = None) -> None:
    """Start and end a span of a model call, with and over the usual attributes."""
    span = tracer.start_span("chat gpt-4o-mini")
    span.set_attributes({**CALL, **(attributes or {})})
    span.end()


def ours(span: ReadableSpan) -> dict[str, Any]:
    """Return the `costattr.*` attributes without the prefix; prices and the exact sum left out."""
    return {
        name.removeprefix("costattr."): value
        for name, value in (span.attributes or {}).items()
        if name.startswith("costattr.")
        and not name.startswith(("costattr.price.", "costattr.cost.exact"))
    }
