"""The table of dialects: one file each, one line here."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from otel_costattr.model import Attributes, Span
from otel_costattr.usage.dialects import (
    anthropic_sdk,
    claude_code,
    codex,
    copilot,
    crewai,
    gemini_cli,
    genkit,
    google_adk,
    langfuse,
    langsmith,
    litellm,
    logfire,
    mastra,
    microsoft,
    opencode,
    openinference,
    openlit,
    pydantic_ai,
    semconv,
    sentry,
    spring_ai,
    strands,
    traceloop,
    vercel,
)
from otel_costattr.usage.keys import COMMON, EVERYWHERE
from otel_costattr.usage.reader import INFERENCE_DETAILS, Dialect

DIALECTS: Final[tuple[Dialect, ...]] = (
    semconv.GENAI,
    semconv.GOOGLE_GENAI,
    semconv.OPENAI_V2,
    semconv.BOTOCORE,
    anthropic_sdk.DIALECT,
    crewai.DIALECT,
    traceloop.DIALECT,
    openinference.SMOLAGENTS,
    openinference.DIALECT,
    openlit.DIALECT,
    vercel.DIALECT,
    vercel.DIALECT_7,
    langfuse.DIALECT,
    logfire.DIALECT,
    pydantic_ai.DIALECT,
    litellm.DIALECT,
    langsmith.DIALECT,
    google_adk.DIALECT,
    microsoft.SEMANTIC_KERNEL,
    microsoft.AGENT_FRAMEWORK,
    strands.DIALECT,
    spring_ai.DIALECT,
    mastra.DIALECT,
    genkit.DIALECT,
    sentry.DIALECT,
    claude_code.DIALECT,
    codex.DIALECT,
    gemini_cli.DIALECT,
    copilot.DIALECT,
    opencode.DIALECT,
    semconv.GENERIC,
)
"""Every dialect; of two that claim a scope the earlier one reads it."""

_BY_MARK: Final = tuple((mark, dialect) for dialect in DIALECTS for mark in dialect.marks)

MARKERS: Final = (COMMON.keys() - EVERYWHERE) | {mark for mark, _ in _BY_MARK}
"""Attributes of which a span of an unknown scope needs one to be looked at."""


@lru_cache(maxsize=4096)
def by_scope(scope: str) -> Dialect | None:
    """Find the dialect of an instrumentation scope; None for a scope nobody knows."""
    return next((dialect for dialect in DIALECTS if _claims(dialect, scope)), None)


def dialect_of(span: Span) -> Dialect | None:
    """Find the dialect that `span` is written in; None for a span that is no GenAI telemetry."""
    return by_scope(span.scope_name) or _by_marks(span.attributes, span.name)


def _claims(dialect: Dialect, scope: str) -> bool:
    return any(
        scope.startswith(pattern[:-1]) if pattern.endswith("*") else scope == pattern
        for pattern in dialect.scopes
    )


def _by_marks(attributes: Attributes, name: str) -> Dialect | None:
    if MARKERS.isdisjoint(attributes) and name != INFERENCE_DETAILS:
        return None
    for mark, dialect in _BY_MARK:
        if mark in attributes:
            return dialect
    return semconv.GENERIC
