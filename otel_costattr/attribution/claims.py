"""Claims on the way to an owner: checked one by one, the first of each target stays."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, cast

from otel_costattr.attribution.identities import Identities
from otel_costattr.attribution.values import MAX_TAGS, clean, is_tag_name
from otel_costattr.model import Dimension, Owner, OwnerSource

TAG: Final = "tags."
_TAG_LENGTH: Final = len(TAG)


class Claims:
    """An owner in the making.

    Attributes:
        source: Where claims come from unless they say otherwise.
        identities: What happens to identifiers of people.
        values: Dimension to value.
        tags: Tag name to value.
        sources: Dimension or `tags.<name>` to where its value came from.
        refused: Name of each claim that was dropped to the reason.
    """

    __slots__ = ("identities", "refused", "source", "sources", "tags", "values")

    def __init__(self, source: OwnerSource, identities: Identities | None = None) -> None:
        self.source = source
        self.identities = identities
        self.values: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.sources: dict[str, OwnerSource] = {}
        self.refused: dict[str, str] = {}

    def add(self, name: str, target: str, value: object, source: OwnerSource | None = None) -> None:
        """Take a claim unless a better one for the same target was taken before.

        Args:
            name: What the claim is called where it was found; named if it is refused.
            target: A dimension, or `tags.<name>`.
            value: What it says, of any type.
            source: Where it was found; None for the usual source.
        """
        if target in self.sources:
            return
        stored, refusal = clean(target, value)
        if stored:
            self.keep(name, target, stored, source or self.source)
        elif refusal:
            self.refused.setdefault(name, refusal)

    def keep(self, name: str, target: str, stored: str, source: OwnerSource) -> None:
        """Take a claim whose value was checked before, unless its target is taken."""
        if target in self.sources:
            return
        if self.identities is not None:
            stored, refusal = self.identities.protect(target, stored)
            if refusal:
                self.refused.setdefault(name, refusal)
                return
        if target.startswith(TAG):
            self._add_tag(name, target, stored, source)
        else:
            self.values[target] = stored
            self.sources[target] = source

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
        return Owner(
            values=MappingProxyType(cast("dict[Dimension, str]", self.values)),
            tags=MappingProxyType(self.tags),
            sources=MappingProxyType(self.sources),
            refused=MappingProxyType(self.refused),
        )
