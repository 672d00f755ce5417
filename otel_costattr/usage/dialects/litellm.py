"""LiteLLM's callback: cache counts only in a Python repr, absent values as empty strings."""

from __future__ import annotations

from typing import Final

from otel_costattr.model import Role
from otel_costattr.usage.keys import GEN_AI, keys_of
from otel_costattr.usage.reader import Dialect, Reading, by_operation

_OPERATIONS: Final = {
    "completion": "chat",
    "acompletion": "chat",
    "embedding": "embeddings",
    "aembedding": "embeddings",
    "text_completion": "text_completion",
    "image_generation": "image_generation",
}


def _role(reading: Reading) -> Role | None:
    if reading.span.name == "raw_gen_ai_request":
        return None
    operation = _OPERATIONS.get(reading.text("operation").lower())
    if operation is not None:
        reading.put("operation", operation, "gen_ai.operation.name")
    return by_operation(reading)


def _refine(reading: Reading) -> None:
    """Take the provider from `provider/model` where `gen_ai.system` is empty."""
    if "provider" not in reading.fields:
        provider, slash, _ = reading.text("kind").partition("/")
        if slash:
            reading.put("provider", provider, "litellm.provider.model")
    if reading.text("response_id") == reading.text_of("litellm.call_id"):
        # LiteLLM's own id of the call, not the provider's id of a response.
        reading.fields.pop("response_id", None)


DIALECT: Final = Dialect(
    name="litellm",
    scopes=("litellm*",),
    keys=keys_of(
        {"cost": ("gen_ai.cost.total_cost",), "kind": ("litellm.provider.model",)},
        GEN_AI,
    ),
    objects=(("metadata.usage_object", ()), ("hidden_params", ("usage_object",))),
    role=_role,
    refine=_refine,
    page="LiteLLM's OpenTelemetry callback",
)
