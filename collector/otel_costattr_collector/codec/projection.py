"""Which attributes go on: only what pricing and ownership read, never a prompt or completion."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

_CONTENT_PREFIXES: Final = (
    "ai.prompt",
    "ai.response.object",
    "ai.response.text",
    "ai.response.toolCalls",
    "ai.toolCall",
    "crewai.",
    "error.stack",
    "exception.",
    "gen_ai.completion",
    "gen_ai.content",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.task.",
    "gen_ai.tool.call.",
    "gen_ai.tool.definitions",
    "input.",
    "llm.input_messages",
    "llm.openai.choices",
    "llm.output_messages",
    "llm.prompts",
    "llm.tools",
    "logfire.json_schema",
    "logfire.msg",
    "pydantic_ai.all_messages",
    "tool.",
    "traceloop.entity.input",
    "traceloop.entity.output",
)
_PROMPT: Final = "gen_ai.prompt"
_PROMPT_FACTS: Final = ("gen_ai.prompt.name", "gen_ai.prompt.version")


@lru_cache(maxsize=8192)
def keeps(key: str) -> bool:
    """Whether an attribute of this name may go on; content never does."""
    if key.startswith(_PROMPT):
        return key in _PROMPT_FACTS
    return not key.startswith(_CONTENT_PREFIXES)


def reduce(key: str, value: str) -> str | None:
    """Return the part of a text value that is read, None for nothing."""
    del key
    return value
