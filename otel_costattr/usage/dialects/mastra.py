"""Mastra: one model call is a generation, its steps and its inferences; one of them has counts."""

from __future__ import annotations

from typing import Final

from otel_costattr.usage.reader import Dialect

DIALECT: Final = Dialect(
    name="mastra",
    scopes=("@mastra*", "mastra*"),
    marks=("mastra.span.type",),
    page="Mastra 1.4",
)
