"""The rules by which two spans are recognised as one call, most certain first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush
from typing import Final

from otel_costattr.calls.candidates import Candidate, Links, ancestors, compatible
from otel_costattr.calls.groups import Groups

SLACK_NS: Final = 20_000_000
"""By how much the interval of a call may stick out of its wrapper's: clocks and callbacks."""


def same_span(groups: Groups, candidates: Iterable[Candidate]) -> None:
    """Join what was sent twice."""
    first: dict[str, Candidate] = {}
    for item in candidates:
        known = first.setdefault(item.key, item)
        if known is not item:
            groups.join(known, item, "same_span")


def same_response(groups: Groups, candidates: Iterable[Candidate]) -> None:
    """Join what names the same response, across traces and services, within one model."""
    by_id: defaultdict[str, list[Candidate]] = defaultdict(list)
    for item in candidates:
        if item.response_id:
            by_id[item.response_id].append(item)
    for items in by_id.values():
        for number, item in enumerate(items):
            for other in items[:number]:
                if compatible(item.models, other.models):
                    groups.join(other, item, "response_id")
                    break


def logs_of_spans(groups: Groups, candidates: Sequence[Candidate]) -> None:
    """Join a log record with the span it was written in, where that span is the call."""
    spans = {item.ref: item for item in candidates if item.span.signal == "span"}
    for item in candidates:
        span = spans.get(item.ref)
        if (
            item.span.signal != "span"
            and span is not None
            and item.span.span_id
            and compatible(item.models, span.models)
            and not other_ids(groups, item, span)
            and (item.totals is None or span.totals is None or alike(item.totals, span.totals))
        ):
            groups.join(span, item, "log_of_span")


def log_twins(groups: Groups, candidates: Sequence[Candidate]) -> None:
    """Join the two records of one call that one emitter writes, in its own and in common names."""
    pairs = []
    logs = sorted((c for c in candidates if c.span.signal == "log"), key=lambda c: c.rank)
    for one, other in _ending_together(logs):
        same = one.span.scope_name == other.span.scope_name and one.ref == other.ref
        if (
            same
            and one.span.name != other.span.name
            and (_contains(one, other) or _contains(other, one))
            and compatible(one.models, other.models)
            and one.totals is not None
            and other.totals is not None
            and abs(one.totals[0] - other.totals[0]) <= max(one.totals[0], other.totals[0]) // 2
        ):
            pairs.append((abs(one.end_ns - other.end_ns), one, other))
    names = {item: {item.span.name} for item in logs}
    for _, one, other in sorted(pairs, key=lambda p: (p[0], p[1].rank, p[2].rank)):
        mine, theirs = names[groups.root(one)], names[groups.root(other)]
        if mine.isdisjoint(theirs):
            groups.join(one, other, "log_of_span")
            names[groups.root(one)] = mine | theirs


def stream_ends(groups: Groups, candidates: Sequence[Candidate]) -> None:
    """Join the record of a stream's end, which has the counts, with the span that began it."""
    tails = [c for c in candidates if c.tail]
    if not tails:
        return
    starts = _by_moment(
        c for c in candidates if not c.tail and c.totals is None and c.span.signal == "span"
    )
    pairs = []
    for tail in tails:
        moment = tail.begin_ns // SLACK_NS
        close = {s for near in (moment - 1, moment, moment + 1) for s in starts.get(near, ())}
        for start in close:
            if start.span.scope_name != tail.span.scope_name:
                continue
            distance = min(abs(tail.begin_ns - start.end_ns), abs(tail.begin_ns - start.begin_ns))
            late = tail.begin_ns >= start.begin_ns - SLACK_NS
            if late and distance <= SLACK_NS and compatible(start.models, tail.models):
                pairs.append((distance, start, tail))
    taken: set[Candidate] = set()
    for _, start, tail in sorted(pairs, key=lambda p: (p[0], p[1].rank, p[2].rank)):
        if start not in taken and tail not in taken:
            taken |= {start, tail}
            groups.join(start, tail, "stream_end")


def same_time(groups: Groups, candidates: Sequence[Candidate], links: Links) -> None:
    """Join calls of different scopes that cover the same time with the same counts.

    Two spans of one scope are never joined: parallel identical calls are two calls. Each set
    takes the nearest partner, one of a scope.
    """
    pairs = [
        (_distance(one, other), one, other)
        for one, other in _comparable(groups, candidates)
        if _same_call_in_time(one, other)
    ]
    _take_nearest(groups, pairs, links, with_usage=True)
    _take_nearest(groups, pairs, links, with_usage=False)


def _take_nearest(
    groups: Groups,
    pairs: list[tuple[int, Candidate, Candidate]],
    links: Links,
    *,
    with_usage: bool,
) -> None:
    for _, one, other in sorted(pairs, key=lambda p: (p[0], p[1].rank, p[2].rank)):
        both = groups.has_usage(one) and groups.has_usage(other)
        if (
            both == with_usage
            and (not both or _alike_sets(groups, one, other))
            and groups.scopes(one).isdisjoint(groups.scopes(other))
            and not other_ids(groups, one, other)
            and not _related(groups, one, other, links)
        ):
            groups.join(one, other, "time")


def _same_call_in_time(one: Candidate, other: Candidate) -> bool:
    if one.span.scope_name == other.span.scope_name or not compatible(one.models, other.models):
        return False
    if not one.models or not other.models:
        return False
    if one.totals is not None and other.totals is not None:
        return alike(one.totals, other.totals)
    # Without counts on one side only the outcome is left to compare.
    return one.span.failed == other.span.failed


def _distance(one: Candidate, other: Candidate) -> int:
    return abs(one.begin_ns - other.begin_ns) + abs(one.end_ns - other.end_ns)


def _comparable(
    groups: Groups, candidates: Sequence[Candidate]
) -> Iterable[tuple[Candidate, Candidate]]:
    """Pair what may be one call in time, without comparing each with each.

    Two that carry counts must agree on the input, so they are looked for among equal inputs; one
    that carries none is looked for among those that share a model.
    """
    counted: defaultdict[int, list[Candidate]] = defaultdict(list)
    named: defaultdict[str, list[Candidate]] = defaultdict(list)
    for item in candidates:
        if item.totals is not None:
            counted[item.totals[0]].append(item)
        for model in item.models:
            named[model].append(item)
    for items in counted.values():
        yield from _near(_waiting(groups, items))
    for items in named.values():
        if any(item.totals is None for item in items):
            yield from _near(_waiting(groups, items), uncounted=True)


def _waiting(groups: Groups, items: Sequence[Candidate]) -> Sequence[Candidate]:
    """Leave out calls that every scope has described already: nobody else can join them."""
    scopes = {item.span.scope_name for item in items}
    if len(scopes) == 1:
        return ()
    return [item for item in items if not scopes <= groups.scopes(item)]


def _near(
    candidates: Sequence[Candidate], *, uncounted: bool = False
) -> Iterable[tuple[Candidate, Candidate]]:
    """Pair every two candidates of which one's interval contains the other's.

    Args:
        candidates: What to pair.
        uncounted: Only pairs in which at least one carries no counts.
    """
    open_ones: dict[bool, list[tuple[int, int, Candidate]]] = {True: [], False: []}
    for number, item in enumerate(sorted(candidates, key=lambda c: (c.begin_ns, c.rank))):
        for heap in open_ones.values():
            while heap and heap[0][0] + SLACK_NS < item.begin_ns:
                heappop(heap)
        has_counts = item.totals is not None
        for theirs in (False, True):
            if uncounted and has_counts and theirs:
                continue
            for _, _, other in open_ones[theirs]:
                if _contains(other, item) or _contains(item, other):
                    yield other, item
        heappush(open_ones[has_counts], (item.end_ns, number, item))


def _contains(one: Candidate, other: Candidate) -> bool:
    """Whether the interval of `other` lies in that of `one`, give or take the slack."""
    return one.begin_ns - SLACK_NS <= other.begin_ns and other.end_ns <= one.end_ns + SLACK_NS


def _ending_together(logs: Sequence[Candidate]) -> Iterable[tuple[Candidate, Candidate]]:
    ordered = sorted(logs, key=lambda c: (c.end_ns, c.rank))
    for number, item in enumerate(ordered):
        for before in range(number - 1, -1, -1):
            if item.end_ns - ordered[before].end_ns > SLACK_NS:
                break
            yield ordered[before], item


def _by_moment(items: Iterable[Candidate]) -> Mapping[int, list[Candidate]]:
    found: defaultdict[int, list[Candidate]] = defaultdict(list)
    for item in items:
        for moment in {item.begin_ns // SLACK_NS, item.end_ns // SLACK_NS}:
            found[moment].append(item)
    return found


def alike(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sums are one call's: some emitters add the first output token once more."""
    return one[0] == other[0] and abs(one[1] - other[1]) <= 1


def _alike_sets(groups: Groups, one: Candidate, other: Candidate) -> bool:
    theirs = groups.totals(other)
    return any(alike(mine, their) for mine in groups.totals(one) for their in theirs)


def other_ids(groups: Groups, one: Candidate, other: Candidate) -> bool:
    """Whether both sides name responses, and different ones."""
    mine, theirs = groups.response_ids(one), groups.response_ids(other)
    return bool(mine and theirs) and mine.isdisjoint(theirs)


def _related(groups: Groups, one: Candidate, other: Candidate, links: Links) -> bool:
    """Whether one span is above the other: then ancestry has decided already."""
    for first, second in ((one, other), (other, one)):
        refs = {member.ref for member in groups.members(first)}
        if any(ref in refs for ref in ancestors(second.ref, links)):
            return True
    return False
