"""One call that serves several owners: a tag `split.<dimension>` that names each with its weight.

It is written as `a=3&b=1`, `%`, `&` and `=` in names percent-encoded, so that it travels like any other tag.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from otel_costattr.attribution.values import MAX_VALUE_CHARACTERS, clean
from otel_costattr.model import DIMENSIONS

SPLIT: Final = "split."
"""What the name of a tag begins with that splits a cost; a dimension follows."""

_MOST: Final = Decimal(10) ** 12
_LEAST_EXPONENT: Final = -12


def split_dimension(tag: str) -> str:
    """Return the dimension that a tag splits a cost by, or `''` if it is no split."""
    dimension = tag.removeprefix(SPLIT)
    return dimension if tag.startswith(SPLIT) and dimension in DIMENSIONS else ""


def split_text(dimension: str, weights: object) -> tuple[str, str]:
    """Write a split as the text of its tag; never raises.

    Args:
        dimension: What is split.
        weights: Name to weight: whole numbers or decimals above 0, such as `{"chat": 3}`.

    Returns:
        The text and `''`, or `''` and the key of `REFUSALS`.
    """
    if not isinstance(weights, Mapping) or not weights or dimension not in DIMENSIONS:
        return "", "wrong_type"
    parts = []
    for name, weight in weights.items():
        cleaned, refusal = clean(dimension, name)
        number = _weight(weight)
        if not cleaned or number is None:
            return "", refusal or "wrong_type"
        parts.append(f"{_escaped(cleaned)}={number:f}")
    text = "&".join(parts)
    return (text, "") if len(text) <= MAX_VALUE_CHARACTERS else ("", "too_long")


def read_split(text: str) -> Mapping[str, Decimal]:
    """Read what `split_text` wrote; empty if it is none: a name twice, or a weight not above 0."""
    found: dict[str, Decimal] = {}
    for part in text.split("&"):
        name, equals, weight = part.partition("=")
        number = _weight(weight)
        named = _plain(name)
        if not equals or not named or number is None or named in found:
            return {}
        found[named] = number
    return found


def heaviest(weights: Mapping[str, Decimal]) -> str:
    """Return the name with the most weight, the first by name of several."""
    return min(weights, key=lambda name: (-weights[name], name))


def renamed(text: str, rename: Callable[[str], str]) -> str:
    """Return a split with every name replaced; one that is renamed to `''` makes it `''`.

    Args:
        text: What `split_text` wrote; anything else gives `''`.
        rename: Gives the new name.
    """
    weights = read_split(text)
    names = {name: rename(name) for name in weights}
    if not all(names.values()):
        return ""
    return "&".join(f"{_escaped(names[name])}={weight:f}" for name, weight in weights.items())


def _escaped(name: str) -> str:
    return name.replace("%", "%25").replace("&", "%26").replace("=", "%3D")


def _plain(name: str) -> str:
    return name.replace("%3D", "=").replace("%26", "&").replace("%25", "%")


def _weight(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        number = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    if not number.is_finite() or not 0 < number < _MOST:
        return None
    exponent = number.as_tuple().exponent
    return number if isinstance(exponent, int) and exponent >= _LEAST_EXPONENT else None
