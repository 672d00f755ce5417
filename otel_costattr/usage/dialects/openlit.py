"""OpenLIT, and its first generation under one scope."""

from __future__ import annotations

from typing import Final

from otel_costattr.model import Role
from otel_costattr.usage.keys import GEN_AI, keys_of
from otel_costattr.usage.reader import Dialect, Reading, by_operation, truth
from otel_costattr.usage.vendors import vendor


def _role(reading: Reading) -> Role | None:
    role = by_operation(reading)
    if role is None and not reading.fields and not reading.given and reading.span.failed:
        # A call that fails inside the instrumentation leaves a span with its name alone.
        words = reading.span.name.split(" ")
        if reading.span.name == "openai.chat.completions" or words[0] == "chat":
            reading.put("operation", "chat", "span name")
            if len(words) == 2:
                reading.put("request_model", words[1], "span name")
            return "call"
    return role


def _refine(reading: Reading) -> None:
    """Set an estimate aside: without usage in a stream OpenLIT counts words itself.

    It writes cache counts whenever the provider sent usage, zeros included, so a stream from an
    OpenAI-like API without them carries its own estimate.
    """
    claims = reading.claims
    known = {"cache_read", "cache_write", "reasoning"} & claims.counts.keys()
    if (
        reading.span.signal == "span"
        and truth(reading.fields.get("stream"))
        and not known
        and "input" in claims.counts
        and reading.span.scope_name.startswith("openlit.instrumentation.openai")
        and vendor(reading.text("provider"), "") in {"openai", ""}
    ):
        claims.counts.clear()
        claims.sources.clear()


DIALECT: Final = Dialect(
    name="openlit",
    scopes=("openlit.*",),
    keys=keys_of(GEN_AI, {"stream": ("gen_ai.request.is_stream",)}),
    role=_role,
    refine=_refine,
    page="OpenLIT, 1.33 and later",
)
