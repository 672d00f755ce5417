"""The allow-list between a stranger's baggage header and our dimensions."""

from __future__ import annotations

from collections.abc import Mapping

from otel_costattr.attribution.claims import Claims
from otel_costattr.attribution.names import OWN_NAMES, target_of
from otel_costattr.attribution.rules import DEFAULT_RULES, OwnerRules
from otel_costattr.model import NOBODY, Owner


def owner_in_baggage(baggage: Mapping[str, object], *, rules: OwnerRules = DEFAULT_RULES) -> Owner:
    """Return the owner that `baggage` claims under allow-listed keys; never raises.

    Read are `costattr.<dimension>`, `costattr.tag.<name>` and the bare keys of `rules.baggage`;
    every other key is ignored. A value that is not allowed is dropped and named in `refused`.
    Properties behind a value (`acme;ttl=1`) are cut off.

    Args:
        baggage: Key to value, as the propagator extracted them.
        rules: The allow-list, and whether baggage counts at all.
    """
    if not rules.trust_baggage:
        return NOBODY
    claims = Claims()
    for key in sorted(baggage, key=_ours_first):
        target = target_of(key) or rules.baggage.get(key)
        if target:
            claims.add(key, target, _without_properties(baggage[key]), "baggage")
    return claims.owner() if claims.sources or claims.refused else NOBODY


def ignored_keys(baggage: Mapping[str, object], *, rules: OwnerRules = DEFAULT_RULES) -> int:
    """Return how many members `owner_in_baggage` does not even look at; all where untrusted."""
    if not rules.trust_baggage:
        return len(baggage)
    return sum(1 for key in baggage if not target_of(key) and key not in rules.baggage)


def _ours_first(key: str) -> bool:
    return key not in OWN_NAMES


def _without_properties(value: object) -> object:
    return value.partition(";")[0] if isinstance(value, str) else value
