"""Strands Agents: old and new names on one span, sums on invoke_agent and cycles."""

from __future__ import annotations

from typing import Final

from otel_costattr.usage.reader import Dialect

DIALECT: Final = Dialect(
    name="strands",
    scopes=("strands*", "opentelemetry.instrumentation.strands"),
    page="Strands Agents",
)
