"""Builders for the tests of applications that attribute cost: spans with counted ids."""

from __future__ import annotations

from otel_costattr.model import Attributes, Span

START_NS = 1_790_000_000_000_000_000
"""2026-09-21T14:13:20Z, the start of every built span unless a test says otherwise."""


def chat_span(attributes: Attributes | None = None, *, number: int = 1, **fields: object) -> Span:
    """Build a span of one chat call: 1,000 input tokens and 200 output tokens of gpt-4o-mini.

    Args:
        attributes: Added to, or replacing, those of the call.
        number: Makes trace and span id unique; from 1.
        fields: Further fields of `Span`.
    """
    merged: Attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.id": f"chatcmpl-{number:06d}",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 200,
        **(attributes or {}),
    }
    base: dict[str, object] = {
        "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}",
        "name": "chat gpt-4o-mini",
        "start_ns": START_NS,
        "end_ns": START_NS + 1_000_000_000,
        "attributes": merged,
        "scope_name": "opentelemetry.instrumentation.genai.openai",
        "scope_version": "1.3b0",
    }
    return Span(**(base | fields))  # type: ignore[arg-type]
