"""Spans that Anthropic's Python SDK writes itself, from 2.0 on."""

from __future__ import annotations

from typing import Final

from otel_costattr.usage.reader import Dialect

DIALECT: Final = Dialect(
    name="anthropic_sdk",
    scopes=("com.anthropic.sdk.*",),
    page="anthropic >= 2.0, written by the SDK itself",
)
