"""LangSmith's OpenTelemetry export."""

from __future__ import annotations

from typing import Final

from otel_costattr.model import Role
from otel_costattr.usage.keys import GEN_AI, keys_of
from otel_costattr.usage.reader import Dialect, Reading

_OPERATIONS: Final = {"llm": "chat", "embedding": "embeddings"}


def _role(reading: Reading) -> Role | None:
    operation = _OPERATIONS.get(reading.text("kind").lower())
    if operation is None:
        return "aggregate"
    if reading.text("operation").lower() not in _OPERATIONS.values():
        reading.put("operation", operation, "langsmith.span.kind")
    return "call"


def _refine(reading: Reading) -> None:
    """Prefer the provider that LangChain called over LangChain itself."""
    provider = reading.text_of("langsmith.metadata.ls_provider")
    if provider:
        reading.put("provider", provider, "langsmith.metadata.ls_provider")


DIALECT: Final = Dialect(
    name="langsmith",
    scopes=("langsmith*",),
    marks=("langsmith.span.kind",),
    keys=keys_of(
        GEN_AI,
        {
            "kind": ("langsmith.span.kind",),
            "request_model": ("langsmith.metadata.ls_model_name",),
            "requested_service_tier": ("langsmith.metadata.service_tier",),
        },
    ),
    objects=(("langsmith.metadata.usage_metadata", ()),),
    role=_role,
    refine=_refine,
    page="LangSmith with LANGSMITH_OTEL_ENABLED",
)
