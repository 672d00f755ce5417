"""Who owns a span: places are asked in order of trust, the first that names a value counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from otel_costattr.attribution import names
from otel_costattr.attribution.claims import Claims
from otel_costattr.attribution.rules import DEFAULT_RULES, OwnerRules, Plan, Way
from otel_costattr.model import NOBODY, Attributes, AttributeValue, Owner, OwnerSource, Span

MAX_METADATA_CHARACTERS: Final = 8192
"""A metadata object longer than this is not read for owners."""

Late: TypeAlias = list[tuple[OwnerSource, str, str]]
"""Values of ours that count only after others: source, attribute and target of each."""

_LATE: Final[tuple[OwnerSource, ...]] = ("baggage", "rule", "default")
_CLAIMABLE: Final[Mapping[str, OwnerSource]] = {
    "local": "local",
    "baggage": "baggage",
    "rule": "rule",
    "default": "default",
}


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
    next place counts.

    Args:
        span: What was received.
        rules: Aliases, allow-list, rules, defaults, and the policy for people.
        captured: What the application's context said when the span started; its values were
            checked then.
        key_tenant: Tenant of the authenticated key, or `''`.
    """
    claims = Claims(rules.identities)
    if captured.refused:
        claims.refused.update(captured.refused)
    if key_tenant:
        # The operator wrote it; were it refused, a stranger's claim would count in its place.
        claims.values["tenant"] = rules.identities.protect("tenant", key_tenant)[0] or key_tenant
        claims.sources["tenant"] = "key"
    attributes = span.attributes
    plan = rules.plan(attributes)
    spoken = bool(captured.values or captured.tags)
    if spoken:
        _add_captured(claims, captured, baggage=False)
    late = _add_from_span(claims, attributes, plan)
    if rules.trust_baggage:
        _add_late(claims, attributes, late, "baggage")
        for name, dimension in plan.carried:
            claims.add(name, dimension, attributes[name], "baggage")
        if spoken:
            _add_captured(claims, captured, baggage=True)
    if span.resource:
        _add_from_resource(claims, span.resource, rules)
    if late or rules.rules or rules.defaults:
        _add_configured(claims, span, rules, late)
    if rules.renames is not None:
        rules.renames.apply(claims)
    return claims.owner() if claims.sources or claims.refused else NOBODY


def protected(owner: Owner, rules: OwnerRules) -> Owner:
    """Return `owner` with the policy for people applied; itself where that changes nothing."""
    if not rules.identities.hashed and "@" not in f"{owner.values}{owner.tags}":
        return owner
    claims = Claims(rules.identities)
    claims.refused.update(owner.refused)
    _add_captured(claims, owner, baggage=False)
    _add_captured(claims, owner, baggage=True)
    return claims.owner()


def _add_captured(claims: Claims, owner: Owner, *, baggage: bool) -> None:
    sources = owner.sources
    for dimension, value in owner.values.items():
        source = sources.get(dimension, "local")
        if (source == "baggage") is baggage:
            claims.keep(dimension, dimension, value, source)
    for name, value in owner.tags.items():
        target = f"tags.{name}"
        source = sources.get(target, "local")
        if (source == "baggage") is baggage:
            claims.keep(target, target, value, source)


def _add_from_span(claims: Claims, attributes: Attributes, plan: Plan) -> Late:
    """Add what the span itself says; return what of ours counts only later."""
    late: Late = []
    noted = plan.noted
    for _, way, target, name in plan.readings:
        if way == "plain" or (way == "own" and not noted):
            claims.add(name, target, attributes[name], "span")
        elif way == "own":
            _add_own(claims, name, target, attributes, late)
        else:
            for told, meant, value in _READERS[way](name, target, attributes):
                claims.add(told, meant, value, "span")
    for name, target in plan.tags:
        _add_own(claims, name, target, attributes, late)
    return late


def _add_own(claims: Claims, name: str, target: str, attributes: Attributes, late: Late) -> None:
    note = attributes.get(names.SOURCE_ATTRIBUTE)
    source = "span" if note is None else _claimed_source(target, note)
    if source in _LATE:
        late.append((source, name, target))
    else:
        claims.add(name, target, attributes[name], source)


def _add_late(claims: Claims, attributes: Attributes, late: Late, source: OwnerSource) -> None:
    for claimed, name, target in late:
        if claimed == source:
            claims.add(name, target, attributes[name], source)


def _claimed_source(target: str, note: AttributeValue) -> OwnerSource:
    """Read our own processor's note; an application can claim every source except a key."""
    if not isinstance(note, str):
        return "span"
    if "=" not in note:
        return _CLAIMABLE.get(note, "span")
    for part in note[:MAX_METADATA_CHARACTERS].split(","):
        name, _, source = part.partition("=")
        if name == target:
            return _CLAIMABLE.get(source, "span")
    return "span"


def _add_from_resource(claims: Claims, resource: Attributes, rules: OwnerRules) -> None:
    plan = rules.plan(resource)
    for _, way, target, name in plan.readings:
        if way in _WHOLE:
            claims.add(name, target, resource[name], "rule")
    for name, target in plan.tags:
        claims.add(name, target, resource[name], "rule")


_WHOLE: Final = frozenset({"own", "plain"})


def _add_configured(claims: Claims, span: Span, rules: OwnerRules, late: Late) -> None:
    """Add what the operator's rules, then defaults say, each after the same of an application."""
    _add_late(claims, span.attributes, late, "rule")
    for place, rule in enumerate(rules.rules):
        if rule.matches(span):
            for dimension, value in rule.values.items():
                claims.add(f"rule {place}", dimension, value, "rule")
            for name, value in rule.tags.items():
                claims.add(f"rule {place}", f"tags.{name}", value, "rule")
    _add_late(claims, span.attributes, late, "default")
    for dimension, value in rules.defaults.items():
        claims.add("default", dimension, value, "default")


# --- values that have to be taken apart -------------------------------------------------------

Told = Iterator[tuple[str, str, AttributeValue]]


def _from_object(name: str, _: str, attributes: Attributes) -> Told:
    text = attributes[name]
    if not isinstance(text, str) or len(text) > MAX_METADATA_CHARACTERS or text[:1] != "{":
        return
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return
    for key, dimension in names.METADATA_NAMES.items():
        if key in found:
            yield f"{name}.{key}", dimension, found[key]
    for key in names.ENTITY_IDS:
        if key in found:
            yield from _from_entity(key, "", found)


def _from_entity(name: str, _: str, attributes: Attributes) -> Told:
    kind = attributes.get(names.ENTITY_IDS[name])
    if isinstance(kind, str):
        yield name, names.entity_target(kind), attributes[name]


def _from_labels(name: str, target: str, attributes: Attributes) -> Told:
    value = attributes[name]
    if isinstance(value, tuple | list):
        labels = sorted({label for label in value if isinstance(label, str)})
        yield name, target, ",".join(labels)


def _unquoted(name: str, target: str, attributes: Attributes) -> Told:
    """Langfuse writes each metadata value as JSON, so that text stands in quotes."""
    value = attributes[name]
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    yield name, target, value


_READERS: Final[Mapping[Way, Callable[[str, str, Attributes], Told]]] = {
    "quoted": _unquoted,
    "object": _from_object,
    "entity": _from_entity,
    "labels": _from_labels,
}
