"""Which vendor's way of counting a call follows, told from what the span names.

Only for the counting conventions: which price book entry a call belongs to is decided where
prices are.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

_PROVIDERS: Final[dict[str, str]] = {
    "anthropic": "anthropic",
    "anthropic.messages": "anthropic",
    "claude": "anthropic",
    "aws": "bedrock",
    "aws.bedrock": "bedrock",
    "aws_bedrock": "bedrock",
    "amazon-bedrock": "bedrock",
    "amazon_bedrock": "bedrock",
    "bedrock": "bedrock",
    "bedrock_converse": "bedrock",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex.agent": "google",
    "gcp.vertex_ai": "google",
    "gemini": "google",
    "google": "google",
    "google_genai": "google",
    "google.generative-ai": "google",
    "google.vertex": "google",
    "vertex_ai": "google",
    "vertexai": "google",
    "openai": "openai",
    "openai.chat": "openai",
    "openai.completion": "openai",
    "openai.embedding": "openai",
    "openai.responses": "openai",
    "azure": "openai",
    "azure.ai.openai": "openai",
    "az.ai.openai": "openai",
    "azure_openai": "openai",
}
_MODELS: Final[tuple[tuple[str, str], ...]] = (
    ("claude", "anthropic"),
    ("gemini", "google"),
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("text-embedding-3", "openai"),
)


@lru_cache(maxsize=4096)
def vendor(provider: str, model: str) -> str:
    """Name the vendor: `openai`, `anthropic`, `google`, `bedrock`, or `''` for another one.

    Args:
        provider: As the span names it; a framework that names itself tells nothing.
        model: As the span names it.
    """
    known = _PROVIDERS.get(provider.strip().lower())
    if known == "google" and "claude" in model.lower():
        return "anthropic"
    if known:
        return known
    bare = model.rsplit("/", 1)[-1].lower()
    for start, name in _MODELS:
        if bare.startswith(start):
            return name
    return "bedrock" if ".anthropic." in f".{bare}" else ""
