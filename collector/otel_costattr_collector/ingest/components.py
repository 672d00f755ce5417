"""Sets of pending spans that have nothing to do with each other, so that each is decided alone.

Recognition compares within a set; what no rule can join is put into different sets, which keeps
the comparing short. Spans of different keys are never compared: nobody can make another one's
call a duplicate.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from otel_costattr.calls import Links
from otel_costattr.calls.candidates import STREAM_EMITTERS, ancestors, candidate, model_key

from .settling import SLACK_NS, Pending

NO_LINKS: Final[Mapping[str, str]] = MappingProxyType({})
MAX_INSIDE: Final = 64
"""In the time of a wrapper that ran beside more calls than this, other traces say nothing."""


def components(items: Sequence[Pending], *, links: Links = NO_LINKS) -> list[list[Pending]]:
    """Divide pending spans into sets that no rule of recognition joins.

    Args:
        items: Pending spans that say something of a call.
        links: Who is whose parent, spans that are no call included.
    """
    parent = list(range(len(items)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    first: dict[tuple[str, str], int] = {}
    for place, item in enumerate(items):
        if item.call and item.call.response_id:
            other = first.setdefault((item.key_tenant, item.call.response_id), place)
            if other != place:
                parent[root(place)] = root(other)
    totals = [_input_total(item) for item in items]
    for places in (
        *_of_a_trace(items, links),
        *_alike_in_time(items, totals),
        *_inside_sums(items),
        *(_without_counts(items, totals) if None in totals else ()),
    ):
        for place in places:
            parent[root(place)] = root(places[0])
    found: dict[int, list[Pending]] = {}
    for place, item in enumerate(items):
        found.setdefault(root(place), []).append(item)
    return list(found.values())


def _of_a_trace(items: Sequence[Pending], links: Links) -> Iterable[list[int]]:
    """List the places that share a trace, unless they are an agent's calls one beside the other."""
    by_trace: dict[tuple[str, str], list[int]] = {}
    for place, item in enumerate(items):
        if item.span.trace_id:
            by_trace.setdefault((item.key_tenant, item.span.trace_id), []).append(place)
    for places in by_trace.values():
        if len(places) > 1 and not _side_by_side([items[place] for place in places], links):
            yield places


def _side_by_side(items: Sequence[Pending], links: Links) -> bool:
    """Tell whether all are single calls of one library, none of them below another."""
    scope, trace = items[0].span.scope_name, items[0].span.trace_id
    ids = {item.span.span_id for item in items}
    if len(ids) != len(items):
        return False
    for item in items:
        span, call = item.span, item.call
        if call is None or call.role != "call" or call.emitter in STREAM_EMITTERS:
            return False
        if span.signal != "span" or span.scope_name != scope or span.parent_span_id in ids:
            return False
        above = f"{trace}:{span.parent_span_id}"
        if above in links and any(ref.rpartition(":")[2] in ids for ref in ancestors(above, links)):
            return False
    return True


def _alike_in_time(items: Sequence[Pending], totals: Sequence[int | None]) -> Iterable[list[int]]:
    """List the places that only time can join: the same count, seen by several scopes."""
    if None not in totals and len({item.span.scope_name for item in items}) <= 1:
        return
    by_count: dict[tuple[str, int | None], list[int]] = {}
    for place, (item, total) in enumerate(zip(items, totals, strict=True)):
        by_count.setdefault((item.key_tenant, total), []).append(place)
    for (_, total), places in by_count.items():
        if total is None or len({items[place].span.scope_name for place in places}) > 1:
            yield places


def _inside_sums(items: Sequence[Pending]) -> Iterable[list[int]]:
    """List each wrapper's sum with the few calls inside its time, whose trace may be another."""
    sums = [place for place, item in enumerate(items) if item.call and item.call.role != "call"]
    if not sums:
        return
    ordered = sorted(range(len(items)), key=lambda place: items[place].span.start_ns)
    starts = [items[place].span.start_ns for place in ordered]
    for place in sums:
        span = items[place].span
        first = bisect_left(starts, span.start_ns - SLACK_NS)
        last = bisect_right(starts, span.end_ns + SLACK_NS)
        if last - first <= MAX_INSIDE:
            inside = (
                other
                for other in ordered[first:last]
                if items[other].span.end_ns <= span.end_ns + SLACK_NS
                and items[other].key_tenant == items[place].key_tenant
            )
            yield [place, *inside]


def _without_counts(items: Sequence[Pending], totals: Sequence[int | None]) -> Iterable[list[int]]:
    """List each call that says no counts with those of its model in its time, which may say them.

    They may be of another instrumentation, or the record of a stream's end.
    """
    by_model: dict[tuple[str, str], list[int]] = {}
    for place, item in enumerate(items):
        for model in _models(item):
            by_model.setdefault((item.key_tenant, model), []).append(place)
    for places in by_model.values():
        if all(totals[place] is not None for place in places):
            continue
        ordered = sorted(places, key=lambda place: items[place].span.start_ns)
        for number, place in enumerate(ordered):
            if totals[place] is None:
                around = ordered[max(0, number - MAX_INSIDE) : number + MAX_INSIDE]
                yield [place, *(o for o in around if _meet(items[place], items[o]))]


def _meet(one: Pending, other: Pending) -> bool:
    mine, theirs = _interval(one), _interval(other)
    return mine[0] <= theirs[1] + SLACK_NS and theirs[0] <= mine[1] + SLACK_NS


def _interval(item: Pending) -> tuple[int, int]:
    """When the call was under way, which a record of its end says otherwise than its own time."""
    if item.call is None:
        return item.span.start_ns, item.span.end_ns
    found = candidate(item.span, item.call)
    return found.begin_ns, found.end_ns


def _models(item: Pending) -> set[str]:
    call = item.call
    named = (call.response_model, call.request_model) if call else ()
    return {model_key(model) for model in named if model}


def _input_total(item: Pending) -> int | None:
    usage = item.call.usage if item.call else None
    return None if usage is None else usage.input_total
