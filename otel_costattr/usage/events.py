"""Posted events: what a sender says in plain fields, which need no dialect and no convention."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, cast

from otel_costattr.errors import BadUsage
from otel_costattr.model import UNITS, ModelCall, Span, Unit, Usage
from otel_costattr.usage.numbers import usd

EVENT: Final = "costattr.event."
"""Begins the names of an event's attributes; a field of `ModelCall` or `usage.UNIT` follows."""

USAGE: Final = EVENT + "usage."
SOURCE: Final = EVENT + "usage_source."
"""Begins the attribute that says which field a count was posted in, where it is not the unit's."""

CONTENT: Final = EVENT + "content"
"""The attribute with the hash of what was posted."""

TEXTS: Final = (
    "operation",
    "provider",
    "request_model",
    "response_model",
    "response_id",
    "requested_service_tier",
    "service_tier",
    "region",
    "speed",
    "error_type",
)
"""Fields of `ModelCall` that an event may carry as text."""

_LOWER: Final = frozenset(
    {"operation", "provider", "requested_service_tier", "service_tier", "region", "speed"}
)


def read_event(span: Span) -> ModelCall:
    """Read a posted event; never raises.

    Args:
        span: The event as a span, with attributes that begin with `costattr.event.`.
    """
    attributes = span.attributes
    said: dict[str, str] = {}
    for name in TEXTS:
        value = attributes.get(EVENT + name)
        if isinstance(value, str):
            said[name] = value.lower() if name in _LOWER else value
    if span.failed:
        said.setdefault("error_type", "error")
    cost = usd(attributes.get(EVENT + "reported_cost_usd"))
    usage, reasons = _usage(span)
    if span.failed and usage is not None:
        reasons = ("aborted",)
    return ModelCall(
        emitter="event",
        usage=usage,
        reasons=reasons,
        reported_cost_usd=cost if isinstance(cost, Decimal) else None,
        reported_by="" if cost is None else "reported_cost_usd",
        **said,  # type: ignore[arg-type]
    )


def event_provenance(span: Span, call: ModelCall) -> Mapping[str, str]:
    """Say where each count came from, and under `event` the hash of what was posted."""
    content = span.attributes.get(CONTENT)
    sources = cast("Mapping[str, str]", call.usage.sources) if call.usage else {}
    return {**sources, "event": str(content or "")}


def _usage(span: Span) -> tuple[Usage | None, tuple[str, ...]]:
    attributes = span.attributes
    counts: dict[Unit, int] = {}
    sources: dict[Unit, str] = {}
    for unit in UNITS:
        count = attributes.get(USAGE + unit)
        if count is not None:
            counts[unit] = cast("int", count)  # Usage refuses what is none
            sources[unit] = str(attributes.get(SOURCE + unit, f"usage.{unit}"))
    if not any(counts.values()):
        return None, ("no_usage",)
    try:
        return Usage(counts=counts, sources=sources), ()
    except BadUsage:
        return None, ("bad_usage",)
