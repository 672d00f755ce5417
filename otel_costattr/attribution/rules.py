"""What an operator may decide about owners: one immutable record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Final

from otel_costattr.attribution.identities import PLAIN, Identities
from otel_costattr.attribution.names import ALIASES, BAGGAGE_NAMES, OWN_NAMES, SPECIAL_NAMES
from otel_costattr.attribution.values import check_value, is_tag_name
from otel_costattr.errors import BadSettings
from otel_costattr.model import DIMENSIONS, EMPTY, NO_VALUES, Dimension, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerRule:
    """Owners for spans that look a certain way.

    Attributes:
        when: Attribute of span or resource, or `span.name` or `scope.name`, to the pattern that
            its text matches (`*` and `?` as in file names); all must match.
        values: Dimension to the value that the rule gives where nothing better names one.
        tags: The same for tags.

    Raises:
        BadSettings: The rule has no condition, or names an unknown dimension or a bad tag.
        BadAttribution: A value is not allowed.
    """

    when: Mapping[str, str]
    values: Mapping[Dimension, str] = field(default_factory=lambda: NO_VALUES)
    tags: Mapping[str, str] = field(default_factory=lambda: EMPTY)

    def __post_init__(self) -> None:
        if not self.when:
            raise BadSettings("an owner rule without `when` would own everything: use `defaults`")
        _check_values(self.values)
        for name, value in self.tags.items():
            if not is_tag_name(name):
                raise BadSettings(f"tag {name!r}: use letters, digits, '_', '.' or '-'")
            check_value(name, value)

    def matches(self, span: Span) -> bool:
        """Tell whether every condition holds for `span`."""
        return all(fnmatchcase(_text(span, name), pattern) for name, pattern in self.when.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerRules:
    """How owners are found; the defaults need no configuration.

    Attributes:
        aliases: Attribute name to dimension, in order of precedence within a dimension.
        baggage: Bare baggage key to dimension, beside `costattr.*`, which is always read.
        trust_baggage: Whether baggage counts at all; off for services that strangers call.
        tag_attributes: Names of span or resource attributes that are kept as tags.
        rules: Owners for spans that look a certain way, the first that knows a dimension wins.
        defaults: Dimension to the value of last resort.
        identities: What happens to identifiers of people.
        ranks: Derived: name of an alias to its place and dimension.
        known: Derived: every attribute name that can name an owner, tags excepted.

    Raises:
        BadSettings: A dimension is unknown.
        BadAttribution: A default is not allowed.
    """

    aliases: Mapping[str, Dimension] = field(default_factory=lambda: ALIASES)
    baggage: Mapping[str, Dimension] = field(default_factory=lambda: BAGGAGE_NAMES)
    trust_baggage: bool = True
    tag_attributes: tuple[str, ...] = ()
    rules: tuple[OwnerRule, ...] = ()
    defaults: Mapping[Dimension, str] = field(default_factory=lambda: NO_VALUES)
    identities: Identities = PLAIN
    ranks: Mapping[str, tuple[int, Dimension]] = field(init=False, repr=False, compare=False)
    known: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for table in (self.aliases, self.baggage):
            for name, dimension in table.items():
                if dimension not in DIMENSIONS:
                    raise BadSettings(
                        f"{name!r} is to mean {dimension!r}: use one of {', '.join(DIMENSIONS)}"
                    )
        _check_values(self.defaults)
        ranks = {name: (place, meant) for place, (name, meant) in enumerate(self.aliases.items())}
        bare = self.baggage if self.trust_baggage else {}
        known = frozenset({*ranks, *bare, *OWN_NAMES, *SPECIAL_NAMES, *self.tag_attributes})
        object.__setattr__(self, "ranks", MappingProxyType(ranks))
        object.__setattr__(self, "known", known)


def _check_values(values: Mapping[Dimension, str]) -> None:
    for dimension, value in values.items():
        if dimension not in DIMENSIONS:
            raise BadSettings(
                f"unknown dimension {dimension!r}: use one of {', '.join(DIMENSIONS)}"
            )
        check_value(dimension, value)


def _text(span: Span, name: str) -> str:
    if name == "span.name":
        return span.name
    if name == "scope.name":
        return span.scope_name
    value = span.attributes.get(name, span.resource.get(name))
    return str(value) if isinstance(value, str | bool | int) else ""


DEFAULT_RULES: Final = OwnerRules()
"""Aliases and baggage keys as shipped, identifiers as they come, e-mail addresses dropped."""
