"""Logfire's OpenAI and Anthropic instrumentations: everything beyond the sums is raw JSON."""

from __future__ import annotations

from typing import Final

from otel_costattr.model import Role
from otel_costattr.usage.keys import GEN_AI, keys_of
from otel_costattr.usage.objects import parse
from otel_costattr.usage.reader import Dialect, Reading, by_operation


def _role(reading: Reading) -> Role | None:
    if reading.text("kind") == "pending_span":
        return None
    return by_operation(reading)


def _refine(reading: Reading) -> None:
    """A stream's counts stand on a record of its own, written when the stream ended."""
    if reading.text("kind") == "log":
        reading.put("stream", value=True, source="logfire.span_type")
    request = parse(reading.span.attributes.get("request_data")) or {}
    tier = request.get("service_tier")
    if isinstance(tier, str):
        reading.put("requested_service_tier", tier, "request_data:service_tier")


DIALECT: Final = Dialect(
    name="logfire",
    scopes=("logfire*",),
    keys=keys_of(GEN_AI, {"kind": ("logfire.span_type",)}),
    objects=(("gen_ai.usage.raw", ()),),
    role=_role,
    refine=_refine,
    page="logfire.instrument_openai and instrument_anthropic",
)
