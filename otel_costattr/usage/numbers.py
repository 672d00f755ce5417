"""Numbers as telemetry spells them: int, double, string, or something that is no number."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

from otel_costattr.model import MAX_COUNT

BAD: Final = -1
"""What `count` answers for a value that is there but cannot be a count."""

_MAX_TEXT: Final = 40
_MAX_USD: Final = Decimal(10) ** 9


def count(value: object) -> int | None:
    """Read a count of tokens or uses; never raises.

    Args:
        value: An int, a double without fraction, a numeric string, or nothing.

    Returns:
        The count, None where nothing was said (`None`, `''`), `BAD` for anything else: a bool,
        a fraction, NaN, a negative or a number above `MAX_COUNT`.
    """
    if type(value) is int:
        return value if 0 <= value <= MAX_COUNT else BAD
    if value is None:
        return None
    if isinstance(value, str):
        return _from_text(value)
    if type(value) is float and 0 <= value <= MAX_COUNT and value.is_integer():
        return int(value)
    return BAD


def _from_text(text: str) -> int | None:
    if len(text) > _MAX_TEXT:
        return BAD
    stripped = text.strip()
    if stripped in {"", "None", "null"}:
        return None
    if not stripped.isascii():
        return BAD
    if stripped.isdigit():
        return count(int(stripped))
    try:
        return count(float(stripped))
    except ValueError:
        return BAD


def usd(value: object) -> Decimal | None:
    """Read an amount that an emitter reports, exact USD; None for what cannot be one.

    Args:
        value: An int, a double or a numeric string.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    text = value.strip() if isinstance(value, str) else repr(value)
    if len(text) > _MAX_TEXT:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < _MAX_USD else None
