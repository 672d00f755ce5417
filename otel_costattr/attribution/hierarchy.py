"""Identifiers that contain their owners: `org_123:user_456` belongs to `org_123`."""

from __future__ import annotations

from typing import Final

from otel_costattr.attribution.identities import is_hashed

SEPARATOR: Final = ":"


def ancestors(value: str) -> tuple[str, ...]:
    """Return every identifier that `value` rolls up to, the widest first, itself last.

    A hashed identity is one identifier, whatever colons it has.
    """
    if SEPARATOR not in value or is_hashed(value):
        return (value,)
    parts = value.split(SEPARATOR)
    found = tuple(
        SEPARATOR.join(parts[:count]) for count in range(1, len(parts) + 1) if parts[count - 1]
    )
    return found or (value,)


def root(value: str) -> str:
    """Return the widest identifier that `value` rolls up to."""
    return ancestors(value)[0]
