"""Traceloop (OpenLLMetry), old names and new ones."""

from __future__ import annotations

from typing import Final

from otel_costattr.model import Role
from otel_costattr.usage.keys import GEN_AI, keys_of
from otel_costattr.usage.reader import Dialect, Reading, by_operation

_KINDS: Final = frozenset({"workflow", "task", "agent", "tool"})
_OPERATIONS: Final = {
    "chat": "chat",
    "completion": "text_completion",
    "embedding": "embeddings",
    "rerank": "rerank",
}


def _role(reading: Reading) -> Role | None:
    if reading.text("kind").lower() in _KINDS:
        return "aggregate"
    if "operation" not in reading.fields:
        legacy = reading.span.attributes.get("llm.request.type")
        operation = _OPERATIONS.get(legacy) if isinstance(legacy, str) else None
        if operation:
            reading.put("operation", operation, "llm.request.type")
    return by_operation(reading)


_TRACELOOP: Final = (
    "openai", "openai.v1", "openai.v0", "openai_agents", "anthropic", "langchain", "bedrock",
    "crewai*", "cohere", "mistralai", "groq", "ollama", "together", "replicate", "vertexai",
    "google_generativeai", "sagemaker", "watsonx", "alephalpha", "litellm", "llamaindex",
    "haystack", "transformers", "writer", "voyageai", "mcp",
)  # fmt: skip

DIALECT: Final = Dialect(
    name="traceloop",
    scopes=tuple(f"opentelemetry.instrumentation.{name}" for name in _TRACELOOP),
    marks=("traceloop.span.kind", "traceloop.workflow.name", "traceloop.entity.name"),
    keys=keys_of(GEN_AI, {"kind": ("traceloop.span.kind",)}),
    role=_role,
    page="opentelemetry-instrumentation-* of OpenLLMetry, 0.33 to 0.62",
)
