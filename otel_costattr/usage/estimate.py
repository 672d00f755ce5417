"""An estimate of tokens for calls whose telemetry carries none: characters of the texts, over four.

It is made only where somebody asked for it, is marked `usage_estimated`, and names what it read.
A call that failed, or whose input or output is not on the span, gets none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final, Literal

from otel_costattr.model import AttributeValue, ModelCall, Span, Unit, Usage
from otel_costattr.usage.keys import WITHOUT_OUTPUT

CHARACTERS_PER_TOKEN: Final = 4
UNREADABLE: Final = -1
"""Stands for the characters of a text that was too long to be looked at."""

MAX_CHARACTERS: Final = 10_000_000
MAX_DEPTH: Final = 16

Side = Literal["input", "output"]

_FAMILIES: Final[tuple[tuple[Side, str], ...]] = (
    ("input", r"gen_ai\.(?:input\.messages|system_instructions)"),
    ("output", r"gen_ai\.output\.messages"),
    ("input", r"gen_ai\.prompt\.\d+\.content"),
    ("output", r"gen_ai\.completion\.\d+\.content"),
    (
        "input",
        r"llm\.input_messages\.\d+\.message\.(?:content|contents\.\d+\.message_content\.text)",
    ),
    (
        "output",
        r"llm\.output_messages\.\d+\.message\.(?:content|contents\.\d+\.message_content\.text)",
    ),
    ("input", r"ai\.prompt\.messages"),
    ("output", r"ai\.response\.text"),
    ("input", r"gen_ai\.prompt"),
    ("output", r"gen_ai\.completion"),
    ("input", r"langfuse\.observation\.input"),
    ("output", r"langfuse\.observation\.output"),
)
"""Where texts stand, best first: the first family that is there counts, two are never added."""

_NO_TEXT: Final = frozenset(
    {"role", "type", "id", "name", "finish_reason", "mime_type", "modality", "tool_call_id"}
)
"""Names whose text inside a message is no content."""


@lru_cache(4096)
def family_of(name: str) -> int:
    """Return the place of an attribute's family, -1 if it holds no text of a call."""
    for place, (_, pattern) in enumerate(_FAMILIES):
        if re.fullmatch(pattern, name):
            return place
    return -1


def characters(value: AttributeValue) -> int:
    """Count the characters of a message's content, or of a list of messages, also as JSON.

    Returns:
        Characters; a number is one that was counted before; `UNREADABLE` for what is no text.
    """
    if type(value) is int:
        return value
    if isinstance(value, str) and value[:1] in {"[", "{"} and len(value) <= MAX_CHARACTERS:
        try:
            return _inside(json.loads(value), 0)
        except (ValueError, RecursionError):
            return len(value)
    if isinstance(value, str | Mapping | tuple):
        return _inside(value, 0)
    return UNREADABLE


def _inside(value: object, depth: int) -> int:
    if isinstance(value, str):
        return len(value)
    if depth >= MAX_DEPTH:
        return 0
    if isinstance(value, Mapping):
        return sum(_inside(part, depth + 1) for name, part in value.items() if name not in _NO_TEXT)
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return sum(_inside(part, depth + 1) for part in value)
    return 0


def estimated(call: ModelCall, span: Span) -> ModelCall:
    """Return a call with estimated counts if its telemetry carries none; else the call itself.

    Args:
        call: What was read.
        span: The span, with its texts, or with the number of their characters.
    """
    failed = span.failed or call.error_type
    if call.usage is not None or "no_usage" not in call.reasons or failed or call.role != "call":
        return call
    counts: dict[Unit, int] = {}
    sources: dict[Unit, str] = {}
    for side in ("input", "output"):
        names, found = _found(side, span.attributes)
        if found > 0:
            counts[side] = -(-found // CHARACTERS_PER_TOKEN)
            sources[side] = f"assumed: {found} characters of {names} / {CHARACTERS_PER_TOKEN}"
        elif side == "input" or call.operation.lower() not in WITHOUT_OUTPUT:
            return call
    reasons = tuple(one for one in call.reasons if one != "no_usage")
    usage = Usage(counts=counts, sources=sources)
    return replace(call, usage=usage, reasons=(*reasons, "usage_estimated"))


def _found(side: Side, attributes: Mapping[str, AttributeValue]) -> tuple[str, int]:
    """Find the texts of one side: the attribute, and the characters; none if one is unreadable."""
    families: dict[int, list[str]] = {}
    for name in attributes:
        place = family_of(name)
        if place >= 0 and _FAMILIES[place][0] == side:
            families.setdefault(place, []).append(name)
    if not families:
        return "", 0
    names = families[min(families)]
    counted = [characters(attributes[name]) for name in names]
    total = 0 if min(counted) < 0 else sum(counted)
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]}{more}", min(total, MAX_CHARACTERS)
