"""Langfuse's SDK: counts only as JSON, in four shapes."""

from __future__ import annotations

from typing import Final

from otel_costattr.model import Role
from otel_costattr.usage.keys import GEN_AI, keys_of
from otel_costattr.usage.numbers import usd
from otel_costattr.usage.objects import parse
from otel_costattr.usage.reader import Dialect, Reading

_OPERATIONS: Final = {"generation": "chat", "embedding": "embeddings"}


def _role(reading: Reading) -> Role | None:
    operation = _OPERATIONS.get(reading.text("kind").lower())
    if operation is None:
        return "aggregate"
    reading.put("operation", operation, "langfuse.observation.type")
    return "call"


def _refine(reading: Reading) -> None:
    costs = parse(reading.span.attributes.get("langfuse.observation.cost_details")) or {}
    total = costs.get("total")
    if usd(total) and isinstance(total, (int, float, str)):
        reading.put("cost", total, "langfuse.observation.cost_details:total")
    parameters = parse(reading.span.attributes.get("langfuse.observation.model.parameters")) or {}
    tier = parameters.get("service_tier")
    if isinstance(tier, str) and tier:
        reading.put("requested_service_tier", tier, "langfuse.observation.model.parameters")


DIALECT: Final = Dialect(
    name="langfuse",
    scopes=("langfuse-sdk", "langfuse*"),
    marks=("langfuse.observation.type",),
    keys=keys_of(
        {
            "kind": ("langfuse.observation.type",),
            "response_model": ("langfuse.observation.model.name", "langfuse.observation.model"),
        },
        GEN_AI,
    ),
    objects=(
        ("langfuse.observation.usage_details", ()),
        ("langfuse.observation.usage", ()),
    ),
    role=_role,
    refine=_refine,
    page="Langfuse SDK 4 and 5",
)
