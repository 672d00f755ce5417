"""Claude Code: flat names on a span and on a log record, and opencode's record like it."""

from __future__ import annotations

from typing import Final

from otel_costattr.model import Role
from otel_costattr.usage.keys import keys_of
from otel_costattr.usage.reader import Dialect, Reading

_CALLS: Final = frozenset(
    {"claude_code.llm_request", "claude_code.api_request", "api_request", "opencode.api_request"}
)
_FAILURES: Final = frozenset({"claude_code.api_error", "api_error"})

KEYS: Final = keys_of(
    {
        "operation": ("event.name",),
        "provider": ("provider", "provider_id"),
        "response_model": ("model",),
        "response_id": ("request_id",),
        "input": ("input_tokens",),
        "output": ("output_tokens",),
        "cache_read": ("cache_read_tokens", "cache_read_input_tokens"),
        "cache_write": ("cache_creation_tokens", "cache_creation_input_tokens"),
        "cost": ("cost_usd",),
        "speed": ("speed",),
        "error_type": ("error", "status_code"),
    }
)


def _role(reading: Reading) -> Role | None:
    named = {reading.span.name, reading.text("operation")}
    if named.isdisjoint(_CALLS):
        return None
    reading.put("operation", "chat", "event.name")
    if "provider" not in reading.fields:
        reading.put("provider", "anthropic", "assumed: Claude Code")
    reading.fields.pop("error_type", None)
    return "call"


DIALECT: Final = Dialect(
    name="claude_code",
    scopes=("com.anthropic.claude_code*",),
    keys=KEYS,
    role=_role,
    page="Claude Code, spans and logs",
)
