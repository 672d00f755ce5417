"""Identifiers of people: a keyed hash, or nothing."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from otel_costattr.attribution.splits import SPLIT, renamed, split_dimension
from otel_costattr.attribution.values import looks_like_email
from otel_costattr.errors import BadSettings
from otel_costattr.model import DIMENSIONS

MIN_KEY_BYTES: Final = 16
DIGEST_HEX_DIGITS: Final = 32
"""128 of the 256 bits: no two of 10**12 identifiers are expected to meet, and rows stay short."""

_SPLIT_TAG: Final = f"tags.{SPLIT}"
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,16}")
_HASHED: Final = re.compile(rf"h:[A-Za-z0-9_-]{{1,16}}:[0-9a-f]{{{DIGEST_HEX_DIGITS}}}")

EmailPolicy = Literal["refuse", "hash"]


def is_hashed(value: str) -> bool:
    """Tell whether `value` already has the form `h:<key id>:<digest>`."""
    return value.startswith("h:") and _HASHED.fullmatch(value) is not None


def hash_identity(value: str, *, key: bytes, key_id: str) -> str:
    """Return `h:<key id>:<digest>`, the same for the same value and key everywhere.

    The digest is the first 32 hex digits of HMAC-SHA-256 over the UTF-8 bytes. A value already in
    that form comes back unchanged, so hashing in the application and again at the collector's door
    is hashing once.

    Args:
        value: The identifier of a person.
        key: The secret, at least 16 bytes.
        key_id: Names the key, 1 to 16 letters, digits, `_` or `-`; it is stored with the digest,
            so that keys can rotate.

    Raises:
        BadSettings: The key is too short or its id has another form.
    """
    check_key(key, key_id)
    return _hashed(value, key, key_id)


def check_key(key: bytes, key_id: str) -> None:
    """Refuse a key that protects nothing.

    Raises:
        BadSettings: The key has fewer than 16 bytes, or its id is not 1 to 16 letters, digits,
            `_` or `-`.
    """
    if len(key) < MIN_KEY_BYTES:
        raise BadSettings(
            f"the hash key has {len(key)} bytes: hashing people needs a secret of at least "
            f"{MIN_KEY_BYTES}, or a list of names undoes it"
        )
    if not _KEY_ID.fullmatch(key_id):
        raise BadSettings(f"hash key id {key_id!r}: use 1 to 16 letters, digits, '_' or '-'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """What happens to identifiers of people before anything is stored.

    Attributes:
        hashed: Dimensions whose every value is hashed, such as `user` and `employee`.
        emails: What happens to a value of any dimension or tag that looks like an e-mail address:
            `refuse` drops it, `hash` hashes it; it is never stored as it came.
        key: The secret, at least 16 bytes; never shown.
        key_id: Names the key in each digest.
        learn: Told each value that is hashed, and its hash; None for nobody.

    Raises:
        BadSettings: Hashing is asked for without a key of 16 bytes and an id, or for a dimension
            that does not exist.
    """

    hashed: frozenset[str] = frozenset()
    emails: EmailPolicy = "refuse"
    key: bytes = field(default=b"", repr=False)
    key_id: str = ""
    learn: Callable[[str, str], None] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        for dimension in sorted(self.hashed.difference(DIMENSIONS)):
            raise BadSettings(f"{dimension!r} is to be hashed: use one of {', '.join(DIMENSIONS)}")
        if self.hashed or self.emails == "hash":
            check_key(self.key, self.key_id)

    def protect(self, dimension: str, value: str) -> tuple[str, str]:
        """Return what may be stored and `''`, or `''` and the key of `REFUSALS`."""
        if dimension.startswith(_SPLIT_TAG):
            return self._protect_split(dimension, value)
        if self.hashed and dimension in self.hashed:
            return self._hash(value), ""
        if "@" in value and looks_like_email(value):
            if self.emails == "refuse":
                return "", "email"
            return self._hash(value), ""
        return value, ""

    def _hash(self, value: str) -> str:
        hashed = _hashed(value, self.key, self.key_id)
        if self.learn is not None and hashed != value:
            self.learn(value, hashed)
        return hashed

    def _protect_split(self, dimension: str, value: str) -> tuple[str, str]:
        split = split_dimension(dimension.removeprefix("tags."))
        protected = renamed(value, lambda name: self.protect(split, name)[0]) if split else ""
        return (protected, "") if protected else ("", "wrong_type")


PLAIN: Final = Identities()
"""Identifiers stay as they are, except e-mail addresses, which are dropped."""


def _hashed(value: str, key: bytes, key_id: str) -> str:
    if is_hashed(value):
        return value
    digest = hmac.digest(key, value.encode(), "sha256").hex()
    return f"h:{key_id}:{digest[:DIGEST_HEX_DIGITS]}"
