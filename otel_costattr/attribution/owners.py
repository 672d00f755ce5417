"""Who owns a span: claims are gathered, the most trustworthy one of each dimension stays."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from otel_costattr.attribution import names
from otel_costattr.attribution.claims import Claims
from otel_costattr.attribution.rules import DEFAULT_RULES, OwnerRules
from otel_costattr.model import (
    NOBODY,
    Attributes,
    AttributeValue,
    Owner,
    OwnerSource,
    Span,
)

MAX_METADATA_CHARACTERS: Final = 8192
"""A metadata object longer than this is not read for owners."""

LABELS_TAG: Final = "labels"

# Ranks of a claim; the lowest wins.
_KEY, _LOCAL, _OWN, _ALIAS, _METADATA, _BAGGAGE, _CAPTURED, _RESOURCE, _RULE, _DEFAULT = range(10)

_CLAIMED: Final[Mapping[str, tuple[int, OwnerSource]]] = {
    "local": (_OWN, "local"),
    "span": (_OWN, "span"),
    "baggage": (_BAGGAGE, "baggage"),
    "rule": (_RULE, "rule"),
    "default": (_DEFAULT, "default"),
}
_BY_SOURCE: Final[Mapping[OwnerSource, int]] = {
    "key": _LOCAL,
    "local": _LOCAL,
    "span": _OWN,
    "baggage": _CAPTURED,
    "rule": _RULE,
    "default": _DEFAULT,
}


class Claim(NamedTuple):
    """One place that names an owner: how far it is trusted, what it names, what it says."""

    rank: int
    place: int
    name: str
    target: str
    value: AttributeValue
    source: OwnerSource


def owner_of(
    span: Span,
    *,
    rules: OwnerRules = DEFAULT_RULES,
    captured: Owner = NOBODY,
    key_tenant: str = "",
) -> Owner:
    """Return who owns `span`, and for each value where it was found; never raises.

    In order of trust: the tenant of an authenticated key, what the application said in place
    (`captured` as `local`), `costattr.*` on the span, the aliases of other libraries and
    conventions, baggage (copied to the span, then captured), `costattr.*` and aliases on the
    resource, rules, defaults. A value that is not allowed is dropped, named in `refused`, and the
    next claim counts.

    Args:
        span: What was received.
        rules: Aliases, allow-list, rules, defaults, and the policy for people.
        captured: What the application's context said when the span started.
        key_tenant: Tenant of the authenticated key, or `''`.
    """
    claims = [*_from_span(span, rules)]
    if captured is not NOBODY:
        claims += _from_owner(captured, rules)
    if span.resource:
        claims += _from_resource(span.resource, rules)
    if rules.rules or rules.defaults:
        claims += _from_rules(span, rules)
    if key_tenant:
        claims.append(Claim(_KEY, 0, "key", "tenant", key_tenant, "key"))
    if not claims:
        return captured if captured.refused else NOBODY
    claims.sort(key=_trust)
    found = Claims("span", rules.identities)
    found.refused.update(captured.refused)
    for claim in claims:
        found.add(*claim[2:])
    return found.owner()


def _trust(claim: Claim) -> tuple[int, int]:
    return claim[:2]


def _from_span(span: Span, rules: OwnerRules) -> Iterator[Claim]:
    attributes = span.attributes
    for name in rules.known.intersection(attributes):
        value = attributes[name]
        if name in names.OWN_NAMES:
            yield from _from_own(name, attributes, rules)
            continue
        if name in rules.ranks:
            place, dimension = rules.ranks[name]
            yield Claim(_ALIAS, place, name, dimension, _unquoted(name, value), "span")
        if name in rules.baggage and rules.trust_baggage:
            place = list(rules.baggage).index(name)
            yield Claim(_BAGGAGE, place, name, rules.baggage[name], value, "baggage")
        if name in rules.tag_attributes:
            yield Claim(_ALIAS, 0, name, f"tags.{name}", value, "span")
        if name in _READERS:
            yield from _READERS[name](name, attributes)
    if names.TAG_PREFIX in "\n".join(attributes):
        for name in attributes:
            if name.startswith(names.TAG_PREFIX):
                yield from _from_own(name, attributes, rules)


def _from_own(name: str, attributes: Attributes, rules: OwnerRules) -> Iterator[Claim]:
    target = names.target_of(name)
    rank, source = _claimed_source(target, attributes.get(names.SOURCE_ATTRIBUTE))
    if source != "baggage" or rules.trust_baggage:
        yield Claim(rank, 0, name, target, attributes[name], source)


def _claimed_source(target: str, claimed: AttributeValue) -> tuple[int, OwnerSource]:
    """Read our own processor's note; an application can claim every source except a key."""
    if not isinstance(claimed, str):
        return _OWN, "span"
    if claimed in _CLAIMED:
        return _CLAIMED[claimed]
    for part in claimed[:MAX_METADATA_CHARACTERS].split(","):
        name, _, source = part.partition("=")
        if name == target:
            return _CLAIMED.get(source, (_OWN, "span"))
    return _OWN, "span"


def _from_metadata(name: str, attributes: Attributes) -> Iterator[Claim]:
    text = attributes[name]
    if not isinstance(text, str) or len(text) > MAX_METADATA_CHARACTERS or text[:1] != "{":
        return
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return
    for place, (key, dimension) in enumerate(names.METADATA_NAMES.items()):
        if key in found:
            yield Claim(_METADATA, place, f"{name}.{key}", dimension, found[key], "span")
    for key in names.ENTITY_IDS.keys() & found.keys():
        yield from _from_entity(key, found)


def _from_entity(name: str, attributes: Attributes) -> Iterator[Claim]:
    kind = attributes.get(names.ENTITY_IDS[name])
    if isinstance(kind, str):
        yield Claim(_METADATA, 0, name, names.entity_target(kind), attributes[name], "span")


def _from_labels(name: str, attributes: Attributes) -> Iterator[Claim]:
    value = attributes[name]
    if isinstance(value, tuple | list):
        labels = sorted({label for label in value if isinstance(label, str)})
        place = names.LABEL_LISTS.index(name)
        yield Claim(_ALIAS, place, name, f"tags.{LABELS_TAG}", ",".join(labels), "span")


def _from_owner(owner: Owner, rules: OwnerRules) -> Iterator[Claim]:
    for dimension, value in owner.values.items():
        source = owner.sources.get(dimension, "local")
        if source != "baggage" or rules.trust_baggage:
            yield Claim(_BY_SOURCE[source], 0, dimension, dimension, value, source)
    for name, value in owner.tags.items():
        target = f"tags.{name}"
        source = owner.sources.get(target, "local")
        if source != "baggage" or rules.trust_baggage:
            yield Claim(_BY_SOURCE[source], 0, target, target, value, source)


def _from_resource(resource: Attributes, rules: OwnerRules) -> Iterator[Claim]:
    for name, value in resource.items():
        if name in rules.ranks:
            place, dimension = rules.ranks[name]
            yield Claim(_RESOURCE, place + 1, name, dimension, value, "rule")
        elif name.startswith(names.PREFIX):
            target = names.target_of(name)
            if target:
                yield Claim(_RESOURCE, 0, name, target, value, "rule")
        elif name in rules.tag_attributes:
            yield Claim(_RESOURCE, 0, name, f"tags.{name}", value, "rule")


def _from_rules(span: Span, rules: OwnerRules) -> Iterator[Claim]:
    for place, rule in enumerate(rules.rules):
        if rule.matches(span):
            for dimension, value in rule.values.items():
                yield Claim(_RULE, place, f"rule {place}", dimension, value, "rule")
            for name, value in rule.tags.items():
                yield Claim(_RULE, place, f"rule {place}", f"tags.{name}", value, "rule")
    for dimension, value in rules.defaults.items():
        yield Claim(_DEFAULT, 0, "default", dimension, value, "default")


def _unquoted(name: str, value: AttributeValue) -> AttributeValue:
    """Langfuse writes each metadata value as JSON, so that text stands in quotes."""
    if name.startswith("langfuse.") and isinstance(value, str) and len(value) > 1:
        return value[1:-1] if value[0] == value[-1] == '"' else value
    return value


_READERS: Final = (
    dict.fromkeys(names.METADATA_OBJECTS, _from_metadata)
    | dict.fromkeys(names.LABEL_LISTS, _from_labels)
    | dict.fromkeys(names.ENTITY_IDS, _from_entity)
)
