"""Calls above calls: one call seen twice, or a wrapper that sums several."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from otel_costattr.calls.candidates import Candidate, Links, ancestors
from otel_costattr.calls.groups import Groups
from otel_costattr.calls.rules import alike, other_ids, same_time


def depths(candidates: Sequence[Candidate], links: Links) -> dict[Candidate, int]:
    """Count the ancestors of each candidate: deeper is nearer to the provider."""
    return {item: sum(1 for _ in ancestors(item.ref, links)) for item in candidates}


def below(candidates: Sequence[Candidate], links: Links) -> dict[Candidate, list[Candidate]]:
    """Map each candidate to the nearest candidates under it."""
    by_ref: defaultdict[str, list[Candidate]] = defaultdict(list)
    for item in candidates:
        if item.span.signal == "span":
            by_ref[item.ref].append(item)
    found: dict[Candidate, list[Candidate]] = {}
    for item in candidates:
        above = _above(item, by_ref, links)
        if above is not None:
            found.setdefault(above, []).append(item)
    return found


def _above(
    item: Candidate, by_ref: Mapping[str, list[Candidate]], links: Links
) -> Candidate | None:
    if item.span.signal != "span":
        # A record stands inside the span that was active when it was written.
        holder = by_ref.get(item.ref)
        if holder:
            return holder[0]
    for ref in ancestors(item.ref, links):
        if ref in by_ref:
            return by_ref[ref][0]
    return None


def join_families(
    groups: Groups, calls: Sequence[Candidate], links: Links, depth: Mapping[Candidate, int]
) -> set[Candidate]:
    """Join each call with the call that it wraps.

    Returns:
        Calls that turned out to be wrappers of several calls.
    """
    nearest = below(calls, links)
    wrappers: set[Candidate] = set()
    for parent in sorted(nearest, key=lambda c: (-depth[c], c.rank)):
        children = [
            child
            for child in nearest[parent]
            if child not in wrappers and not _own_record(groups, parent, child)
        ]
        if _decide(groups, parent, children, links):
            wrappers.add(parent)
    return wrappers


def _own_record(groups: Groups, parent: Candidate, child: Candidate) -> bool:
    return child.span.signal != "span" and groups.root(child) is groups.root(parent)


def _decide(groups: Groups, parent: Candidate, children: Sequence[Candidate], links: Links) -> bool:
    """Join `parent` with one of its children's calls, or answer that it wraps several."""
    own = groups.root(parent)
    sets = {groups.root(child): child for child in sorted(children, key=lambda c: c.rank)}
    if own in sets:
        # A response id has decided; what else is below are other calls, earlier tries say.
        return False
    same_time(groups, [member for child in sets for member in groups.members(child)], links)
    sets = {groups.root(child): child for child in sets.values()}
    counted = [child for child in sets.values() if groups.has_usage(child)]
    if len(counted) > 1:
        last = max(counted, key=lambda c: (c.end_ns, c.rank))
        if parent.totals is not None and _is_try(groups, parent, counted, last):
            groups.join(parent, last, "ancestry")
            return False
        return True
    if not sets:
        return False
    partner = counted[0] if counted else max(sets.values(), key=_success)
    if _can_be(groups, parent, partner):
        groups.join(parent, partner, "ancestry")
    return False


def _success(item: Candidate) -> tuple[object, ...]:
    return (not item.span.failed, item.end_ns, item.rank)


def _is_try(
    groups: Groups, parent: Candidate, counted: Sequence[Candidate], last: Candidate
) -> bool:
    """Whether the parent has the counts of its last try alone, not of all together."""
    totals = parent.totals
    if totals is None or not any(alike(totals, theirs) for theirs in groups.totals(last)):
        return False
    together = sum(max(groups.totals(child))[0] for child in counted)
    return together != totals[0] and not other_ids(groups, parent, last)


def _can_be(groups: Groups, parent: Candidate, child: Candidate) -> bool:
    """Whether parent and child can be one call although both name responses."""
    if not other_ids(groups, parent, child):
        return True
    if parent.span.scope_name in groups.scopes(child):
        return False
    # A gateway that gives responses ids of its own still counts the same tokens.
    return any(
        alike(mine, theirs) for mine in groups.totals(parent) for theirs in groups.totals(child)
    )
