"""Codex: counts on turn spans, and on the log record of a completed response."""

from __future__ import annotations

from typing import Final

from otel_costattr.model import Role
from otel_costattr.usage.keys import GEN_AI, keys_of
from otel_costattr.usage.reader import Dialect, Reading, by_operation

_COMPLETED: Final = "response.completed"


def _role(reading: Reading) -> Role | None:
    event = reading.text_of("event.name") or reading.span.name
    if event == "codex.sse_event":
        if reading.text_of("event.kind") != _COMPLETED:
            return None
        reading.put("operation", "chat", "event.name")
    elif reading.span.signal == "log":
        return None
    elif "input" in reading.given and "operation" not in reading.fields:
        reading.put("operation", "chat", "codex span")
    if "provider" not in reading.fields:
        reading.put("provider", "openai", "assumed: Codex")
    return by_operation(reading) if "operation" in reading.fields else None


DIALECT: Final = Dialect(
    name="codex",
    scopes=("codex*",),
    keys=keys_of(
        GEN_AI,
        {
            "request_model": ("model", "slug"),
            "input": ("input_token_count",),
            "output": ("output_token_count",),
            "total": ("codex.usage.total_tokens", "total_token_count"),
            "cache_read": ("gen_ai.usage.cache_read.input", "cached_token_count"),
            "reasoning": ("codex.usage.reasoning_output_tokens", "reasoning_token_count"),
            "response_id": ("response_id", "response.id"),
        },
    ),
    role=_role,
    page="Codex, spans and logs",
)
