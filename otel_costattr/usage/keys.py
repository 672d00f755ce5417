"""Attribute names of the GenAI semantic conventions, all generations, and what they say.

One row a field: the names in order of preference, so that of two spellings of one fact the first
is read and never both are summed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias, get_args

from otel_costattr.usage.claims import Slot

TextField = Literal[
    "operation",
    "provider",
    "request_model",
    "response_model",
    "response_id",
    "server_address",
    "requested_service_tier",
    "service_tier",
    "region",
    "speed",
    "error_type",
    "cost",
    "stream",
    "finish",
    "kind",
]
Field: TypeAlias = Slot | TextField
Keys: TypeAlias = Mapping[str, tuple[Field, int]]
"""Attribute name to the field that it fills and its rank; the lowest rank wins."""

SLOTS: Final[frozenset[str]] = frozenset(get_args(Slot))

_U: Final = "gen_ai.usage."

GEN_AI: Final[Mapping[Field, tuple[str, ...]]] = {
    "operation": ("gen_ai.operation.name",),
    "provider": ("gen_ai.provider.name", "gen_ai.system"),
    "request_model": ("gen_ai.request.model",),
    "response_model": ("gen_ai.response.model",),
    "response_id": ("gen_ai.response.id",),
    "server_address": ("server.address", "gen_ai.openai.api_base"),
    "requested_service_tier": ("openai.request.service_tier", "gen_ai.openai.request.service_tier"),
    "service_tier": (
        "openai.response.service_tier",
        "gen_ai.openai.response.service_tier",
        "anthropic.response.service_tier",
    ),
    "region": ("cloud.region", "aws.region"),
    "error_type": ("error.type",),
    "stream": ("gen_ai.request.stream", "gen_ai.is_streaming", "llm.is_streaming"),
    "finish": ("gen_ai.response.finish_reasons", "anthropic.message.stop_reason"),
    "cost": ("operation.cost", "gen_ai.usage.cost", "gen_ai.usage.total_cost"),
    "input": (
        _U + "input_tokens",
        _U + "prompt_tokens",
        "llm.usage.prompt_tokens",
    ),
    "output": (
        _U + "output_tokens",
        _U + "completion_tokens",
        "llm.usage.completion_tokens",
    ),
    "total": (_U + "total_tokens", "llm.usage.total_tokens"),
    "cache_read": (
        _U + "cache_read.input_tokens",
        _U + "cache_read_input_tokens",
        _U + "input_tokens.cached",
        _U + "cached_input_tokens",
        _U + "cached_tokens",
        _U + "details.cache_read_tokens",
        _U + "details.cache_read_input_tokens",
        _U + "details.cached_tokens",
    ),
    "cache_write": (
        _U + "cache_write.input_tokens",
        _U + "cache_creation.input_tokens",
        _U + "cache_creation_input_tokens",
        _U + "cache_write_input_tokens",
        _U + "input_tokens.cache_write",
        _U + "details.cache_write_tokens",
        _U + "details.cache_creation_input_tokens",
    ),
    "cache_write_5m": (
        "anthropic.usage.cache_creation.ephemeral_5m_input_tokens",
        _U + "cache_creation.5m_input_tokens",
        _U + "details.ephemeral_5m_input_tokens",
    ),
    "cache_write_1h": (
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
        _U + "cache_creation.1h_input_tokens",
        _U + "details.ephemeral_1h_input_tokens",
    ),
    "reasoning": (
        _U + "reasoning.output_tokens",
        _U + "reasoning_tokens",
        "llm.usage.reasoning_tokens",
        _U + "output_tokens.reasoning",
        _U + "details.reasoning_tokens",
        _U + "details.thinking_tokens",
        _U + "details.thoughts_tokens",
    ),
    "input_audio": (
        _U + "audio.input_tokens",
        _U + "audio_input_tokens",
        _U + "details.input_audio_tokens",
        _U + "details.audio_prompt_tokens",
    ),
    "input_image": (_U + "image.input_tokens", _U + "details.image_prompt_tokens"),
    "input_video": (_U + "video.input_tokens", _U + "details.video_prompt_tokens"),
    "cache_read_audio": (_U + "audio.cache_read.input_tokens", _U + "details.audio_cache_tokens"),
    "cache_read_image": (_U + "image.cache_read.input_tokens", _U + "details.image_cache_tokens"),
    "output_audio": (
        _U + "audio.output_tokens",
        _U + "audio_output_tokens",
        _U + "details.output_audio_tokens",
        _U + "details.audio_candidates_tokens",
    ),
    "output_image": (_U + "image.output_tokens", _U + "details.image_candidates_tokens"),
    "web_search": (_U + "web_search_requests", _U + "details.web_search_requests"),
    "web_fetch": (_U + "details.web_fetch_requests",),
}


def keys_of(*tables: Mapping[Field, Sequence[str]]) -> Keys:
    """Turn tables into a look-up by attribute name; names in earlier tables are preferred."""
    found: dict[str, tuple[Field, int]] = {}
    for field in dict.fromkeys(field for table in tables for field in table):
        names = dict.fromkeys(name for table in tables for name in table.get(field, ()))
        for rank, name in enumerate(names):
            found.setdefault(name, (field, rank))
    return found


COMMON: Final = keys_of(GEN_AI)

# Names that other spans carry too: they fill a field but make nothing a GenAI span.
EVERYWHERE: Final = frozenset({"server.address", "cloud.region", "aws.region", "error.type"})

CALLS: Final = frozenset(
    {
        "chat",
        "text_completion",
        "generate_content",
        "embeddings",
        "embedding",
        "completion",
        "completions",
        "responses",
        "messages",
        "image",
        "image_generation",
        "image_edit",
        "audio",
        "speech",
        "text_to_speech",
        "speech_to_text",
        "transcription",
        "translation",
        "video",
        "video_generation",
        "rerank",
        "moderation",
        "vision",
        "generate",
        "stream",
        "text-generation",
        "ai_client",
    }
)
"""Operations that are one call to a model."""

WITHOUT_OUTPUT: Final = frozenset({"embeddings", "embedding", "rerank", "moderation", "aembedding"})
"""Calls that produce no output tokens."""

SUMS: Final = frozenset(
    {
        "invoke_agent",
        "create_agent",
        "invoke_workflow",
        "execute_tool",
        "execute_task",
        "agent_step",
        "plan",
        "execute_event_loop_cycle",
        "invoke_swarm",
        "invoke_graph",
        "retrieval",
        "chain",
        "parser",
        "prompt",
        "tool",
        "agent",
        "workflow",
        "task",
        "handoff",
        "guardrail",
        "search_memory",
        "create_memory",
        "update_memory",
        "delete_memory",
    }
)
"""Operations that are no call; tokens on them are a sum over calls below."""
