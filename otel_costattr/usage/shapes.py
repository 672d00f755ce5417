"""Raw usage objects of providers and frameworks, told apart by their keys.

Each shape is a table of paths. Nested `*_details` are subsets of their parent; sibling
`cache_*_input_tokens` come on top of `input_tokens`, unless `prompt_tokens` is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast

from otel_costattr.usage.claims import Claims, Convention, Slot
from otel_costattr.usage.numbers import BAD, count
from otel_costattr.usage.objects import Parsed

Path = tuple[str, ...]

TIERS: Final = ("flex_", "priority_", "batch_", "scale_")

# Where each claim is found, one row a spelling; the first that is present wins.
_OPENAI_CHAT: Final[tuple[tuple[Slot, Path], ...]] = (
    ("input", ("prompt_tokens",)),
    ("output", ("completion_tokens",)),
    ("total", ("total_tokens",)),
    ("cache_read", ("prompt_tokens_details", "cached_tokens")),
    ("cache_read", ("cache_read_input_tokens",)),
    ("cache_read", ("prompt_cache_hit_tokens",)),
    ("cache_read", ("cached_prompt_tokens",)),
    ("cache_write", ("prompt_tokens_details", "cache_write_tokens")),
    ("cache_write", ("prompt_tokens_details", "cache_creation_tokens")),
    ("cache_write", ("cache_creation_input_tokens",)),
    ("cache_write", ("cache_creation_tokens",)),
    (
        "cache_write_5m",
        ("prompt_tokens_details", "cache_creation_token_details", "ephemeral_5m_input_tokens"),
    ),
    (
        "cache_write_1h",
        ("prompt_tokens_details", "cache_creation_token_details", "ephemeral_1h_input_tokens"),
    ),
    ("input_audio", ("prompt_tokens_details", "audio_tokens")),
    ("input_image", ("prompt_tokens_details", "image_tokens")),
    ("input_video", ("prompt_tokens_details", "video_tokens")),
    ("reasoning", ("completion_tokens_details", "reasoning_tokens")),
    ("reasoning", ("reasoning_tokens",)),
    ("output_audio", ("completion_tokens_details", "audio_tokens")),
    ("output_image", ("completion_tokens_details", "image_tokens")),
    ("web_search", ("server_tool_use", "web_search_requests")),
    ("web_fetch", ("server_tool_use", "web_fetch_requests")),
)
_OPENAI_RESPONSES: Final[tuple[tuple[Slot, Path], ...]] = (
    ("input", ("input_tokens",)),
    ("output", ("output_tokens",)),
    ("total", ("total_tokens",)),
    ("cache_read", ("input_tokens_details", "cached_tokens")),
    ("cache_write", ("input_tokens_details", "cache_write_tokens")),
    ("input_audio", ("input_tokens_details", "audio_tokens")),
    ("input_image", ("input_tokens_details", "image_tokens")),
    ("reasoning", ("output_tokens_details", "reasoning_tokens")),
    ("output_audio", ("output_tokens_details", "audio_tokens")),
    ("output_image", ("output_tokens_details", "image_tokens")),
)
_LANGCHAIN: Final[tuple[tuple[Slot, Path], ...]] = (
    ("input", ("input_tokens",)),
    ("output", ("output_tokens",)),
    ("total", ("total_tokens",)),
    ("cache_read", ("input_token_details", "cache_read")),
    ("cache_write", ("input_token_details", "cache_creation")),
    ("cache_write_5m", ("input_token_details", "ephemeral_5m_input_tokens")),
    ("cache_write_1h", ("input_token_details", "ephemeral_1h_input_tokens")),
    ("input_audio", ("input_token_details", "audio")),
    ("input_image", ("input_token_details", "image")),
    ("input_video", ("input_token_details", "video")),
    ("reasoning", ("output_token_details", "reasoning")),
    ("output_audio", ("output_token_details", "audio")),
    ("output_image", ("output_token_details", "image")),
)
_ANTHROPIC: Final[tuple[tuple[Slot, Path], ...]] = (
    ("input", ("input_tokens",)),
    ("output", ("output_tokens",)),
    ("cache_read", ("cache_read_input_tokens",)),
    ("cache_write", ("cache_creation_input_tokens",)),
    ("cache_write_5m", ("cache_creation", "ephemeral_5m_input_tokens")),
    ("cache_write_1h", ("cache_creation", "ephemeral_1h_input_tokens")),
    ("reasoning", ("output_tokens_details", "thinking_tokens")),
    ("reasoning", ("output_tokens_details", "reasoning_tokens")),
    ("web_search", ("server_tool_use", "web_search_requests")),
    ("web_fetch", ("server_tool_use", "web_fetch_requests")),
    ("code_execution", ("server_tool_use", "code_execution_requests")),
)
_BEDROCK: Final[tuple[tuple[Slot, Path], ...]] = (
    ("input", ("inputTokens",)),
    ("output", ("outputTokens",)),
    ("cache_read", ("cacheReadInputTokens",)),
    ("cache_read", ("cacheReadInputTokenCount",)),
    ("cache_write", ("cacheWriteInputTokens",)),
    ("cache_write", ("cacheWriteInputTokenCount",)),
)
_GEMINI: Final[tuple[tuple[Slot, Path], ...]] = (
    ("input", ("promptTokenCount",)),
    ("input", ("prompt_token_count",)),
    ("output", ("candidatesTokenCount",)),
    ("output", ("candidates_token_count",)),
    ("total", ("totalTokenCount",)),
    ("total", ("total_token_count",)),
    ("cache_read", ("cachedContentTokenCount",)),
    ("cache_read", ("cached_content_token_count",)),
    ("thoughts", ("thoughtsTokenCount",)),
    ("thoughts", ("thoughts_token_count",)),
    ("tool_use", ("toolUsePromptTokenCount",)),
    ("tool_use", ("tool_use_prompt_token_count",)),
)
_GENKIT: Final[tuple[tuple[Slot, Path], ...]] = (
    ("input", ("inputTokens",)),
    ("output", ("outputTokens",)),
    ("total", ("totalTokens",)),
    ("cache_read", ("cachedContentTokens",)),
    ("thoughts", ("thoughtsTokens",)),
    ("images", ("outputImages",)),
    ("characters", ("inputCharacters",)),
)
_FLAT: Final[tuple[tuple[Slot, Path], ...]] = (
    ("input_fresh", ("input",)),
    ("output_text", ("output",)),
    ("total", ("total",)),
    ("cache_read", ("input_cache_read",)),
    ("cache_read", ("input_cached_tokens",)),
    ("cache_read", ("cache_read_input_tokens",)),
    ("cache_read", ("input_cached",)),
    ("cache_write", ("input_cache_creation",)),
    ("cache_write", ("cache_creation_input_tokens",)),
    ("cache_write_5m", ("input_cache_creation_5m",)),
    ("cache_write_5m", ("cache_creation_ephemeral_5m_input_tokens",)),
    ("cache_write_5m", ("ephemeral_5m_input_tokens",)),
    ("cache_write_1h", ("input_cache_creation_1h",)),
    ("cache_write_1h", ("cache_creation_ephemeral_1h_input_tokens",)),
    ("cache_write_1h", ("ephemeral_1h_input_tokens",)),
    ("reasoning", ("output_reasoning",)),
    ("reasoning", ("output_reasoning_tokens",)),
    ("input_audio", ("input_audio",)),
    ("input_audio", ("input_audio_tokens",)),
    ("output_audio", ("output_audio",)),
    ("output_audio", ("output_audio_tokens",)),
)

# (the keys that betray the shape, its table, whether cached tokens are inside the input count)
_SHAPES: Final[tuple[tuple[frozenset[str], tuple[tuple[Slot, Path], ...], Convention], ...]] = (
    (frozenset({"promptTokenCount", "prompt_token_count", "candidatesTokenCount", "totalTokenCount"}), _GEMINI, "inclusive"),
    (frozenset({"prompt_tokens", "completion_tokens"}), _OPENAI_CHAT, "inclusive"),
    (frozenset({"input_token_details", "output_token_details"}), _LANGCHAIN, "inclusive"),
    (frozenset({"input_tokens_details"}), _OPENAI_RESPONSES, "inclusive"),
    (frozenset({"input_tokens", "output_tokens"}), _ANTHROPIC, "exclusive"),
    (frozenset({"thoughtsTokens", "cachedContentTokens", "inputCharacters"}), _GENKIT, "inclusive"),
    (frozenset({"inputTokens", "outputTokens"}), _BEDROCK, "exclusive"),
    (frozenset({"input", "output"}), _FLAT, "exclusive"),
)  # fmt: skip

COUNT_NAMES: Final[frozenset[str]] = frozenset(
    {
        *(step for _, table, _ in _SHAPES for _, path in table for step in path),
        *("tokenCount", "token_count", "inputTokens"),
    }
)
"""Names under which counts stand in any shape, without LangChain's service tier before them."""


def read_object(parsed: Parsed, source: str) -> Claims:
    """Read the claims of a raw usage object; empty where no shape fits.

    Args:
        parsed: The object.
        source: Where it was found, put before each path.
    """
    claims = Claims()
    for marks, table, convention in _SHAPES:
        if not marks.isdisjoint(parsed):
            _fill(claims, parsed, table, source)
            claims.convention = convention
            if table is _FLAT:
                _flat_overlap(claims)
            elif table is _GEMINI:
                _modalities(claims, parsed, source)
            elif table is _BEDROCK:
                _cache_details(claims, parsed, source)
            break
    return claims


def iterations(parsed: Parsed) -> tuple[tuple[str, Parsed], ...]:
    """List the (model, usage) of each step inside one response; the model is `''` for its own."""
    steps = parsed.get("iterations")
    if not isinstance(steps, Sequence) or isinstance(steps, (str, bytes)):
        return ()
    return tuple(
        (model if isinstance(model := step.get("model"), str) else "", cast("Parsed", step))
        for step in steps[:64]
        if isinstance(step, Mapping)
    )


def _fill(
    claims: Claims, parsed: Parsed, table: tuple[tuple[Slot, Path], ...], source: str
) -> None:
    for slot, path in table:
        value: object = parsed
        for step in path:
            value = _child(value, step)
        if value is not None:
            claims.add(slot, value, f"{source}:{'.'.join(path)}")


def _child(value: object, step: str) -> object:
    if not isinstance(value, Mapping):
        return None
    found = value.get(step)
    if found is None:
        # LangChain puts the service tier before the name of each detail.
        spellings = (value.get(tier + step) for tier in TIERS)
        found = next((spelling for spelling in spellings if spelling is not None), None)
    return found


def _flat_overlap(claims: Claims) -> None:
    """Undo the disjoint reading where the total proves that the parts are inside the sums."""
    counts, sources = claims.counts, claims.sources
    total, fresh = counts.get("total"), counts.get("input_fresh")
    if fresh is None:
        return
    if claims.cached <= fresh and total == fresh + counts.get("output_text", 0) and claims.cached:
        counts["input"], sources["input"] = counts.pop("input_fresh"), sources.pop("input_fresh")
        claims.convention = "inclusive"
        if "output_text" in counts:
            counts["output"] = counts.pop("output_text")
            sources["output"] = sources.pop("output_text")
    else:
        counts["input_fresh"] = fresh + counts.get("input_audio", 0)


_GEMINI_MODALITIES: Final[Mapping[tuple[str, str], Slot]] = {
    ("promptTokensDetails", "AUDIO"): "input_audio",
    ("promptTokensDetails", "IMAGE"): "input_image",
    ("promptTokensDetails", "VIDEO"): "input_video",
    ("cacheTokensDetails", "AUDIO"): "cache_read_audio",
    ("cacheTokensDetails", "IMAGE"): "cache_read_image",
    ("candidatesTokensDetails", "AUDIO"): "output_audio",
    ("candidatesTokensDetails", "IMAGE"): "output_image",
}
_SNAKE: Final[Mapping[str, str]] = {
    "promptTokensDetails": "prompt_tokens_details",
    "cacheTokensDetails": "cache_tokens_details",
    "candidatesTokensDetails": "candidates_tokens_details",
}


def _modalities(claims: Claims, parsed: Parsed, source: str) -> None:
    for camel, snake in _SNAKE.items():
        for part in _parts(parsed.get(camel, parsed.get(snake))):
            modality = part.get("modality")
            slot = _GEMINI_MODALITIES.get((camel, modality)) if isinstance(modality, str) else None
            if slot is not None:
                number = part.get("tokenCount", part.get("token_count"))
                claims.add(slot, number, f"{source}:{camel}.{modality}")


def _cache_details(claims: Claims, parsed: Parsed, source: str) -> None:
    for part in _parts(parsed.get("cacheDetails")):
        slot = _TTL.get(str(part.get("ttl")))
        if slot is not None and count(part.get("inputTokens")) != BAD:
            claims.add(slot, part.get("inputTokens"), f"{source}:cacheDetails.{part.get('ttl')}")


_TTL: Final[Mapping[str, Slot]] = {"5m": "cache_write_5m", "1h": "cache_write_1h"}


def _parts(value: object) -> Iterator[Parsed]:
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        yield from (cast("Parsed", part) for part in value[:32] if isinstance(part, Mapping))
