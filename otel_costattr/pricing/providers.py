"""Providers: how telemetry spells them, which host is whose, and who makes a model.

Three tables. A provider that a span names is looked up by its whole name; the host of the API
corrects it; a framework that names itself as provider says nothing, so host, model prefix and
maker decide, in this order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "anthropic": ("anthropic", "anthropic.messages", "chatanthropic", "claude"),
    "arcee": ("arcee", "arcee-ai", "arcee_ai"),
    "avian": ("avian",),
    "aws": (
        "aws", "aws.bedrock", "aws_bedrock", "bedrock", "bedrock_converse", "amazon",
        "amazon-bedrock", "amazon_bedrock", "amazon.bedrock", "aws-bedrock", "anthropic_bedrock",
        "anthropic-bedrock", "aws.sagemaker", "chatbedrock", "chatbedrockconverse",
    ),
    "azure": (
        "azure", "azure.ai.openai", "az.ai.openai", "azure.ai.inference", "az.ai.inference",
        "azure_openai", "azure-openai", "azureopenai", "azure_ai", "azure-ai", "azure.openai",
        "azure-openai.chat", "azure-openai.responses", "azure.chat", "azure.responses",
        "azure_ai_foundry", "microsoft.foundry", "azure_ai_inference", "azurechatopenai",
    ),
    "baseten": ("baseten",),
    "cerebras": ("cerebras", "cerebras.chat"),
    "cloudflare": ("cloudflare", "workers-ai", "cloudflare.workers_ai"),
    "cohere": ("cohere", "cohere.chat", "cohere_chat", "chatcohere"),
    "databricks": ("databricks",),
    "deepseek": ("deepseek", "deepseek.chat", "chatdeepseek"),
    "elevenlabs": ("elevenlabs", "eleven_labs"),
    "fireworks": ("fireworks", "fireworks_ai", "fireworks-ai", "fireworks.chat"),
    "github-copilot": ("github-copilot", "github_copilot", "github.copilot", "copilot"),
    "google": (
        "google", "gcp", "gcp.gemini", "gcp.gen_ai", "gcp.vertex_ai", "gemini", "google_genai",
        "google-genai", "google.gemini", "google-gla", "google-vertex", "google_vertexai",
        "google.generative-ai", "google.generativeai", "google_generative_ai", "google.vertex",
        "google.vertex.chat", "google.vertexai", "google_ai_studio", "vertex", "vertex_ai",
        "vertexai", "vertex-ai", "google_anthropic_vertex", "google-vertex-anthropic",
        "vertex.anthropic.messages", "google.vertex.anthropic.messages", "google_vertex_ai",
        "googlegenai", "chatgooglegenerativeai", "chatvertexai", "google-generative-ai",
        "google-cloud",
    ),
    "groq": ("groq", "groq.chat", "chatgroq"),
    "meta": ("meta", "meta-llama-api", "meta_llama", "llama-api"),
    "minimax": ("minimax",),
    "mistral": (
        "mistral", "mistral_ai", "mistralai", "mistral-ai", "mistral.ai", "mistral.chat",
        "chatmistralai",
    ),
    "modal": ("modal",),
    "moonshotai": ("moonshotai", "moonshot", "moonshot_ai", "moonshot-ai", "kimi"),
    "novita": ("novita", "novita_ai", "novita-ai"),
    "openai": (
        "openai", "openai.chat", "openai.responses", "openai.completion", "openai.embedding",
        "openai.image", "openai.transcription", "openai.speech", "open_ai", "open-ai",
        "openai-chat", "openai-responses", "openai_responses", "openai_chat", "chatopenai",
    ),
    "openrouter": ("openrouter", "openrouter.chat", "open_router", "open-router"),
    "ovhcloud": ("ovhcloud",),
    "perplexity": ("perplexity", "perplexity_ai", "perplexity-ai", "pplx"),
    "together": ("together", "together_ai", "together-ai", "togetherai", "togetherai.chat"),
    "voyageai": ("voyageai", "voyage", "voyage_ai", "voyage-ai"),
    "x-ai": ("x-ai", "x_ai", "xai", "x.ai", "xai.chat", "xai.responses", "chatxai", "grok"),
    "zai": ("zai", "z.ai", "z-ai", "z_ai"),
    "zhipuai": ("zhipuai", "zhipu", "zhipu_ai", "bigmodel"),
}  # fmt: skip

SPELLINGS: Final[Mapping[str, str]] = MappingProxyType(
    {spelling: provider for provider, known in _SPELLINGS.items() for spelling in known}
)
"""Lower-case provider names as telemetry writes them, to the book's name."""

FRAMEWORKS: Final[frozenset[str]] = frozenset(
    {
        "", "_other", "unknown", "none", "null", "custom", "langchain", "langchain_core",
        "langgraph", "llamaindex", "llama_index", "llama-index", "crewai", "strands-agents",
        "strands", "strands_agents", "microsoft.agent_framework", "agent_framework",
        "semantic_kernel", "semantic-kernel", "autogen", "litellm", "pydantic_ai", "pydantic-ai",
        "smolagents", "haystack", "dspy", "instructor", "openai-agents", "openai_agents",
        "google_adk", "google-adk", "gcp.agent_engine", "vercel", "ai-sdk", "gateway", "mastra",
        "genkit", "spring_ai", "spring-ai", "agno", "portkey", "helicone", "traceloop", "github",
        "opencode", "proxy",
    }
)  # fmt: skip
"""Providers that are none: a framework or gateway that names itself says nothing of the price."""

HOSTS: Final[tuple[tuple[str, str], ...]] = (
    ("api.openai.com", "openai"),
    ("*.api.openai.com", "openai"),
    ("api.anthropic.com", "anthropic"),
    ("*.openai.azure.com", "azure"),
    ("*.cognitiveservices.azure.com", "azure"),
    ("*.services.ai.azure.com", "azure"),
    ("*.inference.ai.azure.com", "azure"),
    ("*.models.ai.azure.com", "azure"),
    ("*.azure-api.net", "azure"),
    ("bedrock-runtime.*.amazonaws.com", "aws"),
    ("bedrock-runtime-fips.*.amazonaws.com", "aws"),
    ("*.bedrock-runtime.*.amazonaws.com", "aws"),
    ("generativelanguage.googleapis.com", "google"),
    ("aiplatform.googleapis.com", "google"),
    ("aiplatform.*.rep.googleapis.com", "google"),
    ("*-aiplatform.googleapis.com", "google"),
    ("*.aiplatform.googleapis.com", "google"),
    ("api.mistral.ai", "mistral"),
    ("codestral.mistral.ai", "mistral"),
    ("api.deepseek.com", "deepseek"),
    ("api.x.ai", "x-ai"),
    ("*.api.x.ai", "x-ai"),
    ("api.groq.com", "groq"),
    ("api.cohere.com", "cohere"),
    ("api.cohere.ai", "cohere"),
    ("api.perplexity.ai", "perplexity"),
    ("openrouter.ai", "openrouter"),
    ("api.openrouter.ai", "openrouter"),
    ("api.together.xyz", "together"),
    ("api.together.ai", "together"),
    ("api.fireworks.ai", "fireworks"),
    ("api.cerebras.ai", "cerebras"),
    ("api.moonshot.ai", "moonshotai"),
    ("api.moonshot.cn", "moonshotai"),
    ("api.novita.ai", "novita"),
    ("api.avian.io", "avian"),
    ("api.arcee.ai", "arcee"),
    ("inference.baseten.co", "baseten"),
    ("api.minimax.io", "minimax"),
    ("api.minimaxi.com", "minimax"),
    ("api.minimax.chat", "minimax"),
    ("api.voyageai.com", "voyageai"),
    ("api.z.ai", "zai"),
    ("open.bigmodel.cn", "zhipuai"),
    ("api.elevenlabs.io", "elevenlabs"),
    ("api.githubcopilot.com", "github-copilot"),
    ("*.githubcopilot.com", "github-copilot"),
    ("*.cloud.databricks.com", "databricks"),
    ("*.azuredatabricks.net", "databricks"),
    ("*.gcp.databricks.com", "databricks"),
    ("*.modal.run", "modal"),
    ("api.meta.ai", "meta"),
    ("oai.endpoints.kepler.ai.cloud.ovh.net", "ovhcloud"),
    ("api.quicksilverpro.io", "quicksilverpro"),
    ("api.doubleword.ai", "doubleword"),
    ("api.typesafe.ai", "typesafe"),
)
"""Hosts of provider APIs; a `*` stands for one or more labels, at least one character."""

MAKERS: Final[tuple[str, ...]] = (
    "openai", "anthropic", "google", "mistral", "deepseek", "x-ai", "cohere", "perplexity",
    "moonshotai", "voyageai", "minimax", "meta", "zai", "elevenlabs",
)  # fmt: skip
"""Who makes models and sells them: where only a model is known, its maker's price is taken."""


_REGIONS: Final[tuple[tuple[str, str], ...]] = (
    ("eu.api.openai.com", "eu"),
    ("us.api.openai.com", "us"),
    ("*-aiplatform.googleapis.com", "regional"),
    ("aiplatform.*.rep.googleapis.com", "regional"),
)
"""Hosts of provider APIs that sell a region, to the book's name of it."""


def _compiled(hosts: tuple[tuple[str, str], ...]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple(
        (re.compile(re.escape(host).replace(r"\*", r"[a-z0-9.-]+")), meaning)
        for host, meaning in hosts
    )


_HOST_PROVIDERS: Final = _compiled(HOSTS)
_HOST_REGIONS: Final = _compiled(_REGIONS)


def provider_of_host(host: str) -> str:
    """Return the book's name of the provider that an API host belongs to, or `''`."""
    return _meaning(host, _HOST_PROVIDERS)


def region_of_host(host: str) -> str:
    """Return the book's name of the region that an API host sells, or `''`."""
    return _meaning(host, _HOST_REGIONS)


def _meaning(host: str, table: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    spelled = host.strip().lower()
    name = spelled.partition("://")[2] or spelled
    name = name.partition("/")[0].partition(":")[0].rstrip(".")
    return next((meaning for pattern, meaning in table if pattern.fullmatch(name)), "")
