"""Which span of one call is the richest, and what it takes from the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from otel_costattr.calls.candidates import Candidate
from otel_costattr.model import (
    INPUT_TOKEN_UNITS,
    OUTPUT_TOKEN_UNITS,
    USE_UNITS,
    ModelCall,
    Unit,
    Usage,
)

_WEIGHTS: Final[tuple[tuple[frozenset[Unit], int], ...]] = (
    (frozenset({"cache_write_5m", "cache_write_1h"}), 8),
    (frozenset({"cache_read", "cache_write"}), 4),
    (frozenset({"reasoning"}), 2),
    (frozenset({"input_audio", "input_image", "input_video", "output_audio", "output_image"}), 1),
)


def detail(call: ModelCall) -> int:
    """Score how finely a call's usage is told apart; 0 without usage."""
    if call.usage is None:
        return 0
    score = 1
    counts = call.usage.counts
    if not _WEIGHED.isdisjoint(counts):
        for group, weight in _WEIGHTS:
            if not group.isdisjoint(counts):
                score += weight
    return score


_WEIGHED: Final = frozenset().union(*(group for group, _ in _WEIGHTS))


def best(members: Sequence[Candidate], depth: dict[Candidate, int]) -> Candidate:
    """Choose the member that counts: counted to the end, then finest, then nearest the provider."""

    def order(member: Candidate) -> tuple[object, ...]:
        call = member.call
        return (
            call.usage is None,
            "aborted" in call.reasons,
            -detail(call),
            "convention_assumed" in call.reasons,
            member.span.signal != "span",
            not call.response_id,
            -depth.get(member, 0),
            member.rank,
        )

    spans = [member for member in members if member.span.signal == "span"]
    scopes = {member.span.scope_name for member in spans}
    # A log of the same scope repeats its span, estimates included: it knows nothing more.
    own = [m for m in members if m.span.signal == "span" or m.span.scope_name not in scopes]
    return min(own or members, key=order)


_TEXTS: Final = (
    "operation",
    "server_address",
    "request_model",
    "response_model",
    "response_id",
    "requested_service_tier",
    "service_tier",
    "region",
    "speed",
)


def merged(winner: Candidate, members: Iterable[Candidate]) -> ModelCall:
    """Complete the winner's call with what only the others say; counts stay disjoint."""
    call = winner.call
    found: dict[str, object] = {}
    usage = call.usage
    for other in sorted((m for m in members if m is not winner), key=lambda m: m.rank):
        said = other.call
        for name in _TEXTS:
            if not getattr(call, name) and name not in found and getattr(said, name):
                found[name] = getattr(said, name)
        if not call.provider and said.provider:
            found.setdefault("provider", said.provider)
        if call.reported_cost_usd is None and said.reported_cost_usd is not None:
            found.setdefault("reported_cost_usd", said.reported_cost_usd)
            found.setdefault("reported_by", said.reported_by)
        if not call.other_models and said.other_models:
            found.setdefault("other_models", said.other_models)
        if usage is not None and said.usage is not None:
            usage = _finer(usage, said.usage, said.emitter)
    if usage is not call.usage:
        found["usage"] = usage
    return replace(call, **found) if found else call  # type: ignore[arg-type]


_SIDES: Final[tuple[tuple[Unit, ...], ...]] = (INPUT_TOKEN_UNITS, OUTPUT_TOKEN_UNITS)


def _finer(usage: Usage, other: Usage, emitter: str) -> Usage:
    """Take the other's split of a side where both sums agree, and uses that only it counts."""
    counts, sources = dict(usage.counts), dict(usage.sources)
    taken = False
    for side in _SIDES:
        mine = {unit: counts[unit] for unit in side if unit in counts}
        theirs = {unit: other.counts[unit] for unit in side if unit in other.counts}
        if not theirs or not _splits(mine, theirs):
            continue
        for unit in mine:
            del counts[unit]
            sources.pop(unit, None)
        counts.update(theirs)
        sources.update(
            {unit: f"{emitter}: {other.sources.get(unit, 'counted')}" for unit in theirs}
        )
        taken = True
    for use in USE_UNITS:
        if use in other.counts and use not in counts:
            counts[use] = other.counts[use]
            sources[use] = f"{emitter}: {other.sources.get(use, 'counted')}"
            taken = True
    return Usage(counts=counts, sources=sources) if taken else usage


def _splits(mine: dict[Unit, int], theirs: dict[Unit, int]) -> bool:
    if not mine:
        return True
    finer = sum(1 for n in theirs.values() if n) > sum(1 for n in mine.values() if n)
    return finer and sum(mine.values()) == sum(theirs.values())
