"""opencode: spans with `gen_ai.*`, and a log record like Claude Code's."""

from __future__ import annotations

from typing import Final

from otel_costattr.model import Role
from otel_costattr.usage.dialects import claude_code
from otel_costattr.usage.keys import GEN_AI, keys_of
from otel_costattr.usage.reader import Dialect, Reading, by_operation

_RECORDS: Final = frozenset({"api_request", "opencode.api_request", "claude_code.api_request"})


def _role(reading: Reading) -> Role | None:
    record = reading.text("kind") or reading.span.name
    if record in _RECORDS:
        reading.put("operation", "chat", "event.name")
        if "input" in reading.given and "gen_ai.usage.input_tokens" not in reading.span.attributes:
            reading.claims.convention = "exclusive"
        return "call"
    return by_operation(reading)


DIALECT: Final = Dialect(
    name="opencode",
    scopes=("opencode*", "com.opencode*"),
    keys={
        **claude_code.KEYS,
        **keys_of(GEN_AI, {"cost": ("opencode.llm.cost.total",)}),
        "event.name": ("kind", 0),
        "cost_usd": ("cost", 9),
    },
    role=_role,
    page="opencode, spans and logs",
)
