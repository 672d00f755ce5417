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
        if not stored:
            if refusal:
                self.refused.setdefault(name, refusal)
            return
        if self.identities is not None:
            stored, refusal = self.identities.protect(target, stored)
        tag = target[_TAG_LENGTH:] if target.startswith(TAG) else ""
        if not refusal and target.startswith(TAG):
            refusal = self._tag_refusal(tag)
        if refusal:
            # A tag's name is a stranger's text too, so a bad one is not repeated.
            self.refused.setdefault(name if refusal != "bad_name" else "tags", refusal)
            return
        self.sources[target] = source or self.source
        if tag:
            self.tags[tag] = stored
        else:
            self.values[target] = stored

    def owner(self) -> Owner:
        """Return what was taken, immutable."""
        return Owner(
            values=MappingProxyType(cast("dict[Dimension, str]", self.values)),
            tags=MappingProxyType(self.tags),
            sources=MappingProxyType(self.sources),
            refused=MappingProxyType(self.refused),
        )

    def _tag_refusal(self, tag: str) -> str:
        if not is_tag_name(tag):
            return "bad_name"
        return "too_many" if len(self.tags) >= MAX_TAGS else ""
