"""Usage objects that arrive as text: JSON or a Python repr, parsed safely and bounded."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Final, TypeAlias, cast

Parsed: TypeAlias = "Mapping[str, object]"

MAX_CHARS: Final = 65_536
"""Longer texts are not parsed: a usage object has never come near it."""

MAX_DEPTH: Final = 16
_OPENING: Final = frozenset("[{(")
_CLOSING: Final = frozenset("]})")


def parse(value: object) -> Parsed | None:
    """Read an object from an attribute; never raises and evaluates nothing.

    Args:
        value: A mapping, JSON text, or the repr of a Python dict of literals.

    Returns:
        The object, or None for anything else, too long or too deep included.
    """
    if isinstance(value, Mapping):
        return cast("Parsed", value)
    if not isinstance(value, str) or not 2 <= len(value) <= MAX_CHARS or _too_deep(value):
        return None
    parsed = _json(value)
    if parsed is None:
        parsed = _literal(value)
    return cast("Parsed", parsed) if isinstance(parsed, dict) else None


def dig(parsed: Parsed | None, path: tuple[str, ...]) -> Parsed | None:
    """Follow `path` into nested objects; `'*'` takes the first nested object that has the rest."""
    found: object = parsed
    for position, step in enumerate(path):
        if not isinstance(found, Mapping):
            return None
        if step == "*":
            rest = path[position + 1 :]
            inner = (dig(child, rest) for child in found.values() if isinstance(child, Mapping))
            return next((child for child in inner if child is not None), None)
        found = found.get(step)
        if isinstance(found, str):
            found = parse(found)
    return cast("Parsed", found) if isinstance(found, Mapping) else None


def _too_deep(text: str) -> bool:
    """Whether brackets nest beyond `MAX_DEPTH`; brackets inside strings count, which is safe."""
    if text.count("{") + text.count("[") + text.count("(") <= MAX_DEPTH:
        return False
    depth = 0
    for character in text:
        if character in _OPENING:
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif character in _CLOSING:
            depth = max(0, depth - 1)
    return False


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _literal(text: str) -> object:
    if not text.lstrip().startswith("{"):
        return None
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
