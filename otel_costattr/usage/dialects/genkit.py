"""Genkit: counts inside the JSON of a model action's output."""

from __future__ import annotations

from typing import Final

from otel_costattr.model import Role
from otel_costattr.usage.keys import GEN_AI, keys_of
from otel_costattr.usage.reader import Dialect, Reading

_CALLS: Final = {"model": "chat", "embedder": "embeddings", "background-model": "chat"}


def _role(reading: Reading) -> Role | None:
    operation = _CALLS.get(reading.text("kind"))
    if operation is None:
        return None
    reading.put("operation", operation, "genkit:metadata:subtype")
    return "call"


def _refine(reading: Reading) -> None:
    """Split `googleai/gemini-2.5-flash` into provider and model."""
    provider, slash, model = reading.text("request_model").partition("/")
    if slash:
        reading.put("provider", provider, "genkit:name")
        reading.put("request_model", model, "genkit:name")


DIALECT: Final = Dialect(
    name="genkit",
    scopes=("genkit-tracer*", "genkit*"),
    marks=("genkit:metadata:subtype",),
    keys=keys_of(
        GEN_AI,
        {"kind": ("genkit:metadata:subtype",), "request_model": ("genkit:name",)},
    ),
    objects=(("genkit:output", ("usage",)),),
    role=_role,
    refine=_refine,
    page="Genkit",
)
