"""Names that changed: what arrives or stands in the ledger under an old one counts as the new."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias, TypeVar

from otel_costattr.attribution.splits import SPLIT, read_split, split_dimension, split_text
from otel_costattr.errors import BadSettings
from otel_costattr.model import DIMENSIONS, EMPTY

Values: TypeAlias = Mapping[str, Mapping[str, str]]
_Source = TypeVar("_Source")

IDENTIFIERS: Final = frozenset({"tenant", "user", "employee", "session", "external_request_id"})
"""Dimensions that are never renamed: keys, invoices and erasure go by what stands in the ledger."""

_TAG: Final = "tags."
NO_VALUES: Final[Values] = MappingProxyType({})


class _Claims(Protocol[_Source]):
    """What was claimed of an owner so far."""

    values: dict[str, str]
    tags: dict[str, str]
    sources: dict[str, _Source]


@dataclass(frozen=True, slots=True, kw_only=True)
class Renames:
    """Old names to new ones.

    Attributes:
        values: Dimension or `tags.<name>` to its old values, each with the new one.
        tags: Old name of a tag to the new one.

    Raises:
        BadSettings: A dimension is unknown or holds identifiers, or a new name is itself an old
            one.
    """

    values: Values = field(default_factory=lambda: NO_VALUES)
    tags: Mapping[str, str] = field(default_factory=lambda: EMPTY)

    def __post_init__(self) -> None:
        for target, mapping in self.values.items():
            if target in IDENTIFIERS or target == "data_mode":
                raise BadSettings(
                    f"values of {target} cannot be renamed: give lines another {target} with"
                    " `costattr reattribute`"
                )
            if target not in DIMENSIONS and not target.startswith(_TAG):
                raise BadSettings(f"unknown dimension {target!r}: use {', '.join(DIMENSIONS)}")
            _refuse_chains(target, mapping)
        _refuse_chains("tags", self.tags)

    def __bool__(self) -> bool:
        return bool(self.values or self.tags)

    def former(self, target: str, value: str) -> tuple[str, ...]:
        """Return a value of a dimension as it is called now, then everything it was called."""
        mapping = self.values.get(target, EMPTY)
        now = mapping.get(value, value)
        return (now, *(old for old, new in mapping.items() if new == now))

    def former_tags(self, name: str) -> tuple[str, ...]:
        """Return the names that a tag had before."""
        return tuple(old for old, new in self.tags.items() if new == name)

    def apply(self, claims: _Claims[_Source]) -> None:
        """Give an owner in the making the new names; where it has both, the new one stays."""
        for old, new in self.tags.items():
            if old in claims.tags and new not in claims.tags:
                claims.tags[new] = claims.tags.pop(old)
                claims.sources[_TAG + new] = claims.sources.pop(_TAG + old)
        for target, mapping in self.values.items():
            kept: MutableMapping[str, str] = claims.values
            name = target
            if target.startswith(_TAG):
                kept, name = claims.tags, target.removeprefix(_TAG)
            if name in kept:
                kept[name] = mapping.get(kept[name], kept[name])
            _rename_split(claims.tags, target, mapping)


def _rename_split(
    tags: MutableMapping[str, str], dimension: str, mapping: Mapping[str, str]
) -> None:
    name = SPLIT + dimension
    if name not in tags or not split_dimension(name):
        return
    weights: dict[str, Decimal] = {}
    for owner, weight in read_split(tags[name]).items():
        now = mapping.get(owner, owner)
        weights[now] = weights.get(now, Decimal(0)) + weight
    text, _ = split_text(dimension, weights)
    if text:
        tags[name] = text


def _refuse_chains(where: str, mapping: Mapping[str, str]) -> None:
    for old, new in mapping.items():
        if new in mapping:
            raise BadSettings(f"{where}: {old!r} is renamed to {new!r}, which is renamed itself")
