"""Gemini CLI: a log record a call; its twin by the semantic conventions lacks the thoughts."""

from __future__ import annotations

from typing import Final

from otel_costattr.model import Role
from otel_costattr.usage.keys import GEN_AI, keys_of
from otel_costattr.usage.reader import Dialect, Reading, by_operation

_RESPONSE: Final = "gemini_cli.api_response"


def _role(reading: Reading) -> Role | None:
    if "provider" not in reading.fields:
        reading.put("provider", "google", "assumed: Gemini CLI")
    event = reading.text_of("event.name") or reading.span.name
    if event == _RESPONSE:
        reading.put("operation", "chat", "event.name")
        return "call"
    return by_operation(reading)


DIALECT: Final = Dialect(
    name="gemini_cli",
    scopes=("gemini-cli*", "gemini_cli*"),
    keys=keys_of(
        GEN_AI,
        {
            "request_model": ("model",),
            "input": ("input_token_count",),
            "output": ("output_token_count",),
            "total": ("total_token_count",),
            "cache_read": ("cached_content_token_count",),
            "thoughts": ("thoughts_token_count",),
            "tool_use": ("tool_token_count",),
        },
    ),
    role=_role,
    page="Gemini CLI, logs",
)
