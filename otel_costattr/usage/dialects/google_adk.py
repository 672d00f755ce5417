"""Google's Agent Development Kit: no response id, thoughts and tool use counted inside."""

from __future__ import annotations

from typing import Final

from otel_costattr.usage.reader import Dialect

DIALECT: Final = Dialect(
    name="google_adk",
    scopes=("gcp.vertex.agent",),
    page="google-adk",
)
