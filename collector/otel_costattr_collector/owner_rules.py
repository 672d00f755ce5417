"""How owners are found, as the operator writes it down: settings and one TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from otel_costattr.attribution import Identities, OwnerRule, OwnerRules
from otel_costattr.attribution.identities import check_key
from otel_costattr.attribution.names import ALIASES, BAGGAGE_NAMES
from otel_costattr.cli.attribution import schema_at
from otel_costattr.errors import BadAttribution, BadSettings
from otel_costattr.model import DIMENSIONS

from .settings import Settings

_KEYS: Final = ("aliases", "baggage", "defaults", "tag_attributes", "rule")
_RULE_KEYS: Final = ("when", "values", "tags")


Learn = Callable[[str, str], None]


def owner_rules(settings: Settings, *, learn: Learn | None = None) -> OwnerRules:
    """Return how owners are found and protected.

    Args:
        settings: What the operator said.
        learn: Told each value that is hashed, and its hash.

    Raises:
        BadSettings: Hashing is asked for without a key, or of something that is no dimension; the
            file of rules or of the schema cannot be read, or says what cannot be.
    """
    rules = _owner_rules(settings, _identities(settings, learn))
    if settings.attribution_schema is None:
        return rules
    renames = schema_at(settings.attribution_schema).renames
    return replace(rules, renames=renames) if renames else rules


def _owner_rules(settings: Settings, identities: Identities) -> OwnerRules:
    if settings.owner_rules is None:
        return OwnerRules(identities=identities, trust_baggage=settings.trust_baggage)
    path = settings.owner_rules
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadSettings(f"owner_rules {path}: cannot be read as TOML: {error}") from error
    try:
        return _rules(raw, identities, trust_baggage=settings.trust_baggage)
    except (BadSettings, BadAttribution) as error:
        raise BadSettings(f"owner_rules {path}: {error}") from None


def old_keys(settings: Settings) -> tuple[tuple[str, bytes], ...]:
    """Return id and secret of each key that people were hashed with before.

    Raises:
        BadSettings: One is no `id=secret`, or a secret that protects nothing.
    """
    if settings.hash_old_keys is None:
        return ()
    found: list[tuple[str, bytes]] = []
    for word in settings.hash_old_keys.get_secret_value().split(","):
        key_id, _, secret = word.strip().partition("=")
        check_key(secret.encode(), key_id)
        found.append((key_id, secret.encode()))
    return tuple(found)


def _identities(settings: Settings, learn: Learn | None) -> Identities:
    named = [name.strip() for name in settings.hash_dimensions.split(",") if name.strip()]
    for name in named:
        if name not in DIMENSIONS:
            raise BadSettings(f"hash_dimensions names {name!r}: use {', '.join(DIMENSIONS)}")
    if not named and settings.emails == "refuse":
        if settings.vault is not None:
            raise BadSettings("vault: nothing is hashed; set hash_dimensions and hash_key")
        return Identities()
    return Identities(
        hashed=frozenset(named),
        emails=settings.emails,
        key=settings.hash_key.get_secret_value().encode() if settings.hash_key else b"",
        key_id=settings.hash_key_id,
        learn=learn,
    )


def _rules(raw: Mapping[str, Any], identities: Identities, *, trust_baggage: bool) -> OwnerRules:
    _refuse_unknown("the file", raw, _KEYS)
    aliases: Any = _texts("aliases", raw.get("aliases", {}))
    baggage: Any = _texts("baggage", raw.get("baggage", {}))
    defaults: Any = _texts("defaults", raw.get("defaults", {}))
    tags = raw.get("tag_attributes", [])
    if not isinstance(tags, list) or not all(isinstance(name, str) for name in tags):
        raise BadSettings("tag_attributes is no list of names")
    rules = raw.get("rule", [])
    if not isinstance(rules, list):
        raise BadSettings("rule is no list of tables; write [[rule]]")
    return OwnerRules(
        # A name that is listed here goes before the shipped ones.
        aliases={**aliases, **{k: v for k, v in ALIASES.items() if k not in aliases}},
        baggage={**BAGGAGE_NAMES, **baggage},
        trust_baggage=trust_baggage,
        tag_attributes=tuple(tags),
        rules=tuple(_rule(place, rule) for place, rule in enumerate(rules, start=1)),
        defaults=defaults,
        identities=identities,
    )


def _rule(place: int, raw: Mapping[str, Any]) -> OwnerRule:
    where = f"rule {place}"
    _refuse_unknown(where, raw, _RULE_KEYS)
    parts: dict[str, Any] = {
        name: _texts(f"{where}: {name}", raw.get(name, {})) for name in _RULE_KEYS
    }
    try:
        return OwnerRule(**parts)
    except (BadSettings, BadAttribution) as error:
        raise BadSettings(f"{where}: {error}") from None


def _texts(where: str, raw: object) -> dict[str, str]:
    if not isinstance(raw, dict):
        raise BadSettings(f"{where} is no table of names")
    for name, value in raw.items():
        if not isinstance(value, str):
            raise BadSettings(f"{where}: {name} = {value!r} is no text")
    return raw


def _refuse_unknown(where: str, raw: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in raw:
        if name not in known:
            raise BadSettings(f"{where} has no key {name!r}: use {', '.join(known)}")
