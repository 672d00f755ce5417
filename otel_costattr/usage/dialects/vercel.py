"""Vercel's AI SDK: 5 and 6 under the scope `ai`, 7 under `gen_ai`."""

from __future__ import annotations

import re
from typing import Final

from otel_costattr.model import Role
from otel_costattr.usage.keys import GEN_AI, keys_of
from otel_costattr.usage.objects import dig, parse
from otel_costattr.usage.reader import Dialect, Reading

_U: Final = "ai.usage."
_AGENT: Final = re.compile(r"\bai/(\d+(?:\.\d+){0,2})")

KEYS: Final = keys_of(
    {
        "operation": ("ai.operationId",),
        "provider": ("gen_ai.system", "ai.model.provider"),
        "request_model": ("gen_ai.request.model", "ai.model.id"),
        "response_model": ("ai.response.model",),
        "response_id": ("gen_ai.response.id", "ai.response.id"),
        "finish": ("ai.response.finishReason",),
        "input": (
            f"{_U}inputTokens",
            f"{_U}promptTokens",
            "gen_ai.usage.input_tokens",
        ),
        "input_fresh": (f"{_U}inputTokenDetails.noCacheTokens",),
        "output": (f"{_U}outputTokens", f"{_U}completionTokens"),
        "total": (f"{_U}totalTokens", f"{_U}tokens"),
        "cache_read": (f"{_U}inputTokenDetails.cacheReadTokens", f"{_U}cachedInputTokens"),
        "cache_write": (f"{_U}inputTokenDetails.cacheWriteTokens",),
        "reasoning": (f"{_U}outputTokenDetails.reasoningTokens", f"{_U}reasoningTokens"),
    },
    GEN_AI,
)

_OPERATIONS: Final = (
    (".doEmbed", "embeddings"),
    (".doRerank", "rerank"),
    (".doGenerateImage", "image_generation"),
    (".do", "chat"),
)


def _role(reading: Reading) -> Role | None:
    identity = reading.text("operation")
    operation = next((name for part, name in _OPERATIONS if part in identity), None)
    if operation is not None:
        reading.put("operation", operation, "ai.operationId")
        return "call"
    return "aggregate"


def _refine(reading: Reading) -> None:
    agent = reading.text_of("ai.request.headers.user-agent")
    found = _AGENT.search(agent)
    if found:
        reading.version = found[1]
    elif not reading.version and "ai.usage.promptTokens" in reading.span.attributes:
        # Only releases before 6 say promptTokens.
        reading.version = "5"
    metadata = parse(reading.span.attributes.get("ai.response.providerMetadata"))
    said = dig(metadata, ("openai",)) or dig(metadata, ("azure",))
    if not said:
        return
    tier, identity = said.get("serviceTier"), said.get("responseId")
    if "service_tier" not in reading.fields and isinstance(tier, str):
        reading.put("service_tier", tier, "ai.response.providerMetadata:serviceTier")
    if isinstance(identity, str) and identity:
        reading.put("response_id", identity, "ai.response.providerMetadata:responseId")


DIALECT: Final = Dialect(
    name="vercel_ai_sdk",
    scopes=("ai",),
    marks=("ai.operationId",),
    keys=KEYS,
    objects=(("ai.response.providerMetadata", ("*", "usage")),),
    role=_role,
    refine=_refine,
    page="Vercel AI SDK 5 and 6",
)

DIALECT_7: Final = Dialect(
    name="vercel_ai_sdk_7",
    scopes=("gen_ai",),
    page="Vercel AI SDK 7",
)
