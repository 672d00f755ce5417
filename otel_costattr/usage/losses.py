"""What emitters are known to drop: data, with what mends it.

A row says which counts a scope never carries. It speaks only where they are absent, so an emitter
that is mended later, or another span of the same call, silences it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, cast

from otel_costattr.model import EMPTY, ModelCall, Span
from otel_costattr.usage.conventions import matches
from otel_costattr.usage.keys import WITHOUT_OUTPUT
from otel_costattr.usage.vendors import vendor


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What one emitter drops.

    Attributes:
        scope: Instrumentation scope; a trailing `*` matches every name that begins so.
        names: Units, `input_total`, `output_total` or `service_tier`.
        mend: What the user can do about it.
        vendor: Whose model is called, as in `vendors.vendor`; `*` for any.
        since: First version, inclusive, or `''` for any.
        before: First version that is different, or `''` for none yet.
        unless: A unit that shows that nothing was dropped, or `''`.
        zero: Whether the emitter writes 0 for what it drops.
    """

    scope: str
    names: tuple[str, ...]
    mend: str
    vendor: str = "*"
    since: str = ""
    before: str = ""
    unless: str = ""
    zero: bool = False


_TTL: Final = ("cache_write_5m", "cache_write_1h")
_NATIVE: Final = (
    "add the Anthropic SDK's own spans: anthropic >= 2.10 writes them once a TracerProvider is set"
)
_OFFICIAL: Final = (
    "use opentelemetry-instrumentation-genai-openai instead, which carries cache and reasoning"
)
_BEDROCK: Final = "no instrumentation of Bedrock carries the length of cache writes yet"
_GEMINI: Final = (
    "use opentelemetry-instrumentation-google-genai, openinference-instrumentation-google-genai or "
    "pydantic-ai, which count thoughts and tool use"
)

LOSSES: Final[tuple[Loss, ...]] = (
    Loss(scope="opentelemetry.instrumentation.openai_v2", names=("cache_read", "reasoning"), mend=_OFFICIAL),
    Loss(scope="opentelemetry.util.genai.handler", names=("cache_read", "reasoning"), mend=_OFFICIAL, before="1"),
    Loss(
        scope="opentelemetry.instrumentation.botocore*",
        names=("cache_read", "cache_write", "input_total"),
        mend="call Converse instead of InvokeModel: botocore's instrumentation reads no cache there",
        unless="cache_read",
    ),
    Loss(scope="opentelemetry.instrumentation.botocore*", names=_TTL, mend=_BEDROCK),
    Loss(scope="opentelemetry.instrumentation.genai.bedrock", names=_TTL, mend=_BEDROCK),
    Loss(scope="opentelemetry.instrumentation.bedrock", names=_TTL, mend=_BEDROCK),
    Loss(scope="openinference.instrumentation.bedrock", names=_TTL, mend=_BEDROCK),
    Loss(scope="openlit.instrumentation.bedrock", names=_TTL, mend=_BEDROCK),
    Loss(scope="opentelemetry.instrumentation.google_generativeai", names=("input_total", "output_total", "reasoning"), mend=_GEMINI),
    Loss(
        scope="opentelemetry.instrumentation.langchain",
        names=("cache_write",),
        vendor="anthropic",
        zero=True,
        mend=_NATIVE,
    ),
    Loss(
        scope="opentelemetry.instrumentation.langchain",
        names=("cache_read", "reasoning"),
        mend="add the SDK's own instrumentation: LangChain renames details when a service tier is set",
    ),
    Loss(
        scope="openinference.instrumentation.langchain",
        names=("cache_read", "reasoning"),
        mend="add openinference-instrumentation-openai: LangChain renames details when a service tier is set",
    ),
    Loss(scope="opentelemetry.instrumentation.openai.v1", names=("reasoning",), mend=_OFFICIAL),
    Loss(scope="openinference.instrumentation.smolagents", names=("cache_read", "reasoning"), mend="add openinference-instrumentation-openai"),
    Loss(scope="openinference.instrumentation.openai_agents", names=("cache_read", "reasoning"), mend="add openinference-instrumentation-openai, or use the Responses API"),
    Loss(
        scope="openlit.otel.tracing",
        names=("cache_read", "cache_write", "input_total"),
        vendor="anthropic",
        mend="update OpenLIT to 1.34 or later",
        unless="cache_read",
    ),
    Loss(scope="openlit.otel.tracing", names=("cache_read", "reasoning"), mend="update OpenLIT to 1.34 or later"),
    Loss(scope="openlit.*", names=("reasoning",), mend="use an instrumentation that carries reasoning tokens"),
    Loss(scope="ai", names=("cache_read", "reasoning"), before="6", mend="update the AI SDK to 6 or later"),
    Loss(scope="gen_ai", names=("reasoning", "service_tier"), mend="none needed for the price; reasoning costs as output"),
    Loss(scope="pydantic-ai", names=("cache_read",), before="1.1", mend="update pydantic-ai to 2"),
    Loss(scope="semantic_kernel*", names=("cache_read", "cache_write", "reasoning"), mend="add the SDK's own instrumentation"),
    Loss(scope="Microsoft.SemanticKernel*", names=("cache_read", "cache_write", "reasoning"), mend="add the SDK's own instrumentation"),
    Loss(scope="com.anthropic.claude_code*", names=_TTL, mend="Claude Code does not say how long its cache writes last; it uses both lengths"),
)  # fmt: skip


def losses_of(span: Span, call: ModelCall) -> Mapping[str, str]:
    """Name what the emitter of a call dropped: unit, or sum, to how it could be had.

    Args:
        span: The span that counts.
        call: Its merged call.
    """
    if call.usage is None or call.operation in WITHOUT_OUTPUT:
        return EMPTY
    model = call.response_model or call.request_model
    counts = cast("Mapping[str, int]", call.usage.counts)
    rows = rows_of(span.scope_name, span.scope_version, call.provider, model)
    if not rows and not counts.get("cache_write"):
        return EMPTY
    found: dict[str, str] = {}
    for row in rows:
        if row.unless not in counts:
            for name in row.names:
                if name not in counts or (row.zero and not counts[name]):
                    found.setdefault(name, f"lost: {row.mend}")
    unsplit = counts.get("cache_write") or "cache_write" in found
    for name in _TTL:
        if not unsplit:
            found.pop(name, None)
        elif name not in counts:
            found.setdefault(name, "lost: the length of cache writes is not on the wire")
    return found or EMPTY


@lru_cache(maxsize=4096)
def rows_of(scope: str, version: str, provider: str, model: str) -> tuple[Loss, ...]:
    """List what is known to be dropped by a scope, in a version, for a model of a provider."""
    whose = vendor(provider, model)
    return tuple(
        row
        for row in LOSSES
        if row.vendor in {"*", whose} and matches(row.scope, row.since, row.before, scope, version)
    )
