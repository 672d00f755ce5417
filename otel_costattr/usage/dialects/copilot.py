"""GitHub Copilot: semantic conventions; costs in credits, which are no USD and are left alone."""

from __future__ import annotations

from typing import Final

from otel_costattr.usage.reader import Dialect

DIALECT: Final = Dialect(
    name="copilot",
    scopes=("github.copilot*", "copilot*"),
    marks=("github.copilot.cost", "github.copilot.nano_aiu"),
    page="Copilot CLI and VS Code",
)
