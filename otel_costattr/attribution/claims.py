"""Claims on the way to an owner: checked one by one, the first of each target stays."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final, cast

from otel_costattr.attribution.identities import Identities
from otel_costattr.attribution.values import MAX_TAGS, clean, is_tag_name
from otel_costattr.model import (
    DIMENSIONS,
    EMPTY,
    NO_OWNER_SOURCES,
    NO_VALUES,
    Dimension,
    Owner,
    OwnerSource,
)

TAG: Final = "tags."
_TAG_LENGTH: Final = len(TAG)
_DIMENSIONS: Final[frozenset[str]] = frozenset(DIMENSIONS)


_cleaned: Final = lru_cache(maxsize=8192)(clean)
"""Most values stand on span after span; texts alone, since 1 and True are one key."""


class Claims:
    """An owner in the making.

    Attributes:
        identities: What happens to identifiers of people.
        values: Dimension to value.
        tags: Tag name to value.
        sources: Dimension or `tags.<name>` to where its value came from.
        refused: Name of each claim that was dropped to the reason.
    """

    __slots__ = ("_as_it_is", "identities", "refused", "sources", "tags", "values")

    def __init__(self, identities: Identities | None = None) -> None:
        self.identities = identities
        self._as_it_is = identities is None or not identities.hashed
        self.values: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.sources: dict[str, OwnerSource] = {}
        self.refused: dict[str, str] = {}

    def add(self, name: str, target: str, value: object, source: OwnerSource) -> None:
        """Take a claim unless a better one for the same target was taken before.

        Args:
            name: What the claim is called where it was found; named if it is refused.
            target: A dimension, or `tags.<name>`.
            value: What it says, of any type.
            source: Where it was found.
        """
        if target in self.sources:
            return
        stored, refusal = _cleaned(target, value) if type(value) is str else clean(target, value)
        if not stored:
            if refusal:
                self.refused.setdefault(name, refusal)
        elif self._as_it_is and "@" not in stored and target in _DIMENSIONS:
            self.values[target] = stored
            self.sources[target] = source
        else:
            self.keep(name, target, stored, source)

    def keep(self, name: str, target: str, stored: str, source: OwnerSource) -> None:
        """Take a claim whose value was checked before, unless its target is taken."""
        if target in self.sources:
            return
        identities = self.identities
        if identities is not None and (identities.hashed or "@" in stored):
            stored, refusal = identities.protect(target, stored)
            if refusal:
                self.refused.setdefault(name, refusal)
                return
        if target in _DIMENSIONS:
            self.values[target] = stored
            self.sources[target] = source
        else:
            self._add_tag(name, target, stored, source)

    def _add_tag(self, name: str, target: str, stored: str, source: OwnerSource) -> None:
        tag = target[_TAG_LENGTH:]
        if not is_tag_name(tag):
            # A tag's name is a stranger's text too, so a bad one is not repeated.
            self.refused.setdefault("tags", "bad_name")
        elif len(self.tags) >= MAX_TAGS:
            self.refused.setdefault(name, "too_many")
        else:
            self.tags[tag] = stored
            self.sources[target] = source

    def owner(self) -> Owner:
        """Return what was taken, immutable."""
        made = QuickOwner(
            MappingProxyType(cast("dict[Dimension, str]", self.values))
            if self.values
            else NO_VALUES,
            MappingProxyType(self.tags) if self.tags else EMPTY,
            MappingProxyType(self.sources) if self.sources else NO_OWNER_SOURCES,
            MappingProxyType(self.refused) if self.refused else EMPTY,
        )
        return cast("Owner", made)


class QuickOwner:
    """Becomes an `Owner`, in a third of the time that the frozen record takes to be made."""

    __slots__ = Owner.__slots__

    def __init__(
        self,
        values: Mapping[Dimension, str],
        tags: Mapping[str, str],
        sources: Mapping[str, OwnerSource],
        refused: Mapping[str, str],
    ) -> None:
        self.values = values
        self.tags = tags
        self.sources = sources
        self.refused = refused
        self.__class__ = Owner  # type: ignore[assignment]
