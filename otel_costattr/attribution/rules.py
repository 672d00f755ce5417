"""What an operator may decide about owners: one immutable record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from typing import Final, Literal, NamedTuple

from otel_costattr.attribution.identities import PLAIN, Identities
from otel_costattr.attribution.names import (
    ALIASES,
    BAGGAGE_NAMES,
    ENTITY_IDS,
    LABEL_LISTS,
    METADATA_OBJECTS,
    OWN_NAMES,
    SOURCE_ATTRIBUTE,
    TAG_PREFIX,
    target_of,
)
from otel_costattr.attribution.renames import Renames
from otel_costattr.attribution.values import check_value, is_tag_name
from otel_costattr.errors import BadSettings
from otel_costattr.model import DIMENSIONS, EMPTY, NO_VALUES, Dimension, Span
from otel_costattr.remembering import remembering

Way = Literal["own", "plain", "quoted", "object", "entity", "labels"]


class Reading(NamedTuple):
    """How one attribute is read.

    Attributes:
        place: In the order of trust.
        way: How its value is taken apart.
        target: A dimension, `tags.<name>`, or `''` where the value tells.
        name: The attribute.
    """

    place: int
    way: Way
    target: str
    name: str


class Plan(NamedTuple):
    """How attributes of some names are read.

    Attributes:
        readings: In the order of trust.
        tags: Tags of ours, which come after them, with their targets.
        carried: Bare baggage names, which come after those, with their dimensions.
        noted: Whether our own processor has noted where values came from.
    """

    readings: tuple[Reading, ...]
    tags: tuple[tuple[str, str], ...]
    carried: tuple[tuple[str, Dimension], ...]
    noted: bool


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
        tag_attributes: Names of span or resource attributes that are kept as tags; a name listed
            here means no dimension any more.
        rules: Owners for spans that look a certain way, the first that knows a dimension wins.
        defaults: Dimension to the value of last resort.
        identities: What happens to identifiers of people.
        renames: Names that changed; None for none.
        known: Derived: every attribute name that can name an owner, `costattr.tag.*` excepted.
        plan: Derived: how attributes of some names are read; remembered for the last sets of
            names.

    Raises:
        BadSettings: A dimension is unknown, or values that are hashed are to be renamed.
        BadAttribution: A default is not allowed.
    """

    aliases: Mapping[str, Dimension] = field(default_factory=lambda: ALIASES, repr=False)
    baggage: Mapping[str, Dimension] = field(default_factory=lambda: BAGGAGE_NAMES)
    trust_baggage: bool = True
    tag_attributes: tuple[str, ...] = ()
    rules: tuple[OwnerRule, ...] = ()
    defaults: Mapping[Dimension, str] = field(default_factory=lambda: NO_VALUES)
    identities: Identities = PLAIN
    renames: Renames | None = None
    known: frozenset[str] = field(init=False, repr=False, compare=False)
    plan: Callable[[Iterable[str]], Plan] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for table in (self.aliases, self.baggage):
            for name, dimension in table.items():
                if dimension not in DIMENSIONS:
                    raise BadSettings(
                        f"{name!r} is to mean {dimension!r}: use one of {', '.join(DIMENSIONS)}"
                    )
        _check_values(self.defaults)
        for hashed in sorted(self.identities.hashed.intersection(self._renamed())):
            raise BadSettings(f"{hashed} is hashed: its values cannot be renamed")
        readings = _readings(self.aliases, self.tag_attributes)
        object.__setattr__(self, "known", frozenset({*readings, *self.baggage}))
        plan = remembering(partial(_plan, readings, self.baggage))
        object.__setattr__(self, "plan", plan)

    def _renamed(self) -> Mapping[str, object]:
        return {} if self.renames is None else self.renames.values


def _plan(
    readings: Mapping[str, Reading], baggage: Mapping[str, Dimension], names: tuple[str, ...]
) -> Plan:
    return Plan(
        readings=tuple(sorted(readings[name] for name in names if name in readings)),
        tags=tuple((name, target_of(name)) for name in names if name.startswith(TAG_PREFIX)),
        carried=tuple((name, target) for name, target in baggage.items() if name in names),
        noted=SOURCE_ATTRIBUTE in names,
    )


def _readings(
    aliases: Mapping[str, Dimension], tag_attributes: tuple[str, ...]
) -> Mapping[str, Reading]:
    in_order_of_trust: tuple[tuple[str, Way, str], ...] = (
        *((name, "own", dimension) for name, dimension in OWN_NAMES.items()),
        *((name, "plain", f"tags.{name}") for name in tag_attributes),
        *((name, _way(name), dimension) for name, dimension in aliases.items()),
        *((name, "labels", "tags.labels") for name in LABEL_LISTS),
        *((name, "object", "") for name in METADATA_OBJECTS),
        *((name, "entity", "") for name in ENTITY_IDS),
    )
    readings: dict[str, Reading] = {}
    for place, (name, way, target) in enumerate(in_order_of_trust):
        readings.setdefault(name, Reading(place, way, target, name))
    return readings


def _way(name: str) -> Way:
    return "quoted" if name.startswith("langfuse.") else "plain"


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
