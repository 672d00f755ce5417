"""What may stand in a dimension or a tag: a short printable text, nothing else."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from otel_costattr.errors import BadAttribution

MAX_VALUE_CHARACTERS: Final = 256
MAX_TAG_NAME_CHARACTERS: Final = 64
MAX_TAGS: Final = 16

DATA_MODES: Final = frozenset({"real", "test", "demo"})

REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "wrong_type": "A value is text or a whole number.",
        "too_long": f"A value has at most {MAX_VALUE_CHARACTERS} characters.",
        "bad_characters": "A value has printable characters only.",
        "unknown_value": f"A data mode is one of {', '.join(sorted(DATA_MODES))}.",
        "bad_name": (
            f"A tag's name has 1 to {MAX_TAG_NAME_CHARACTERS} letters, digits, '_', '.' or '-'."
        ),
        "too_many": f"A cost has at most {MAX_TAGS} tags.",
        "email": "The value looks like an e-mail address, and the policy refuses those.",
    }
)
"""Why a claim was dropped, with the sentence that explains it."""

_MAX_VALUE_BITS: Final = 512  # an int of 10,000 digits cannot even be printed
_ABSENT: Final = frozenset({"", "None", "null", "undefined"})
_TAG_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_EMAIL: Final = re.compile(r"[^@\s]@[^@\s]+\.[^@\s.]")


def check_value(dimension: str, value: object) -> str:
    """Return `value` as it is stored in `dimension`, or refuse it.

    Surrounding blanks go, text becomes Unicode NFC, a whole number becomes its decimal digits.

    Args:
        dimension: A dimension or a tag's name; named in the refusal.
        value: The claim.

    Raises:
        BadAttribution: The value is empty, no text, longer than 256 characters, or has a
            character that does not print. The message never repeats the value.
    """
    cleaned, refusal = clean(dimension, value)
    if refusal:
        raise BadAttribution(f"{dimension} has a value that is not allowed: {REFUSALS[refusal]}")
    if not cleaned:
        raise BadAttribution(f"{dimension} is empty: leave it out, or name its owner")
    return cleaned


def clean(dimension: str, value: object) -> tuple[str, str]:
    """Return the stored form and `''`, or `''` and the key of `REFUSALS`; never raises.

    Both are `''` for a value that says nothing: None, blank, or the words that a missing value
    turns into in Python and JavaScript (`None`, `null`, `undefined`).
    """
    if type(value) is not str:
        if type(value) is not int or value.bit_length() > _MAX_VALUE_BITS:
            return "", "" if value is None else "wrong_type"
        value = str(value)
    if len(value) > MAX_VALUE_CHARACTERS:
        return "", "too_long"
    text = value.strip()
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if text in _ABSENT:
        return "", ""
    if not text.isprintable() or len(text) > MAX_VALUE_CHARACTERS:
        return "", "bad_characters"
    if dimension == "data_mode" and text not in DATA_MODES:
        text = text.lower()
        return (text, "") if text in DATA_MODES else ("", "unknown_value")
    return text, ""


def is_tag_name(name: object) -> bool:
    """Tell whether `name` may name a tag: 1 to 64 letters, digits, `_`, `.` or `-`."""
    return isinstance(name, str) and _TAG_NAME.fullmatch(name) is not None


def looks_like_email(value: str) -> bool:
    """Tell whether an e-mail address stands anywhere in `value`."""
    return "@" in value and _EMAIL.search(value) is not None
