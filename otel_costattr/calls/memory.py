"""What to remember of calls that counted, so that late copies are recognised."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, cast

from otel_costattr.calls.candidates import (
    STREAM_EMITTERS,
    Candidate,
    Links,
    candidate,
    compatible,
    family,
)
from otel_costattr.calls.known import BUCKET_NS, NOTHING_KNOWN, Known, KnownCalls
from otel_costattr.calls.merge import detail
from otel_costattr.calls.records import Counted, Half, QuickCounted, Verdict
from otel_costattr.calls.rules import SLACK_NS, alike
from otel_costattr.model import ModelCall, Span

STREAM_NS: Final = SLACK_NS
"""The step in which the begin and the end of a stream are remembered."""

_MAX_ANCESTORS: Final = 16


def _counted(item: Candidate, scopes: frozenset[str], *, stream: Half = "") -> Counted:
    scope = item.span.scope_name
    made = QuickCounted(
        item.ref,
        item.call.role,
        scopes if scope in scopes else scopes | {scope},
        item.begin_ns,
        item.end_ns,
        item.models,
        item.response_id,
        item.totals,
        detail(item.call),
        stream,
    )
    return cast("Counted", made)


def remember(
    verdicts: Iterable[Verdict],
    *,
    links: Links,
    known: Known,
) -> dict[str, Counted]:
    """Answer what to add to `known` once a window's verdicts are booked.

    Args:
        verdicts: Of one run of `recognise`.
        links: Who is whose parent.
        known: What was remembered before.
    """
    stated = verdicts if isinstance(verdicts, list | tuple) else list(verdicts)
    if len(stated) == 1 and (quick := _lone(stated[0], known)):
        return quick
    added: dict[str, Counted] = {}
    for verdict in sorted(stated, key=lambda one: one.kind != "counts"):
        if verdict.kind != "sum":
            item = verdict.seen
            if item is None or item.call is not verdict.call:
                item = candidate(verdict.span, verdict.call, links)
            _add(verdict, item, added, known)
    return added


def _lone(verdict: Verdict, known: Known) -> dict[str, Counted] | None:
    """Answer what to add for a call that counts and came alone, as most do; None for another."""
    item = verdict.seen
    if item is None or item.call is not verdict.call or verdict.kind != "counts":
        return None
    if verdict.rule == "stream_end" or item.tail or _may_be_stream(item):
        return None
    return dict.fromkeys(_keys(item, item.above, known), _counted(item, verdict.scopes))


def _add(verdict: Verdict, item: Candidate, added: dict[str, Counted], known: Known) -> None:
    entry = _entry(verdict, item, added, known)
    anew = verdict.kind == "counts" or verdict.amends
    for key in _keys(item, item.above, known):
        if anew or key not in known:
            added.setdefault(key, entry)
    if item.tail or _may_be_stream(item):
        added.update(dict.fromkeys(_ends(item), replace(entry, stream=_half(item))))
    if verdict.rule == "stream_end":
        # Both halves are here: neither waits for another one.
        for key in (*stream_keys(item), *(key for key in added if key.startswith("e:"))):
            half = added.get(key) or known.get(key)
            if half is not None and half.ref == entry.ref:
                added[key] = replace(half, stream="")


def _entry(verdict: Verdict, item: Candidate, added: dict[str, Counted], known: Known) -> Counted:
    """Answer what is remembered of a verdict's call, renewed where the verdict knows it better."""
    own = _counted(item, verdict.scopes)
    if verdict.kind == "counts":
        return own
    first = f"s:{verdict.duplicate_of}"
    entry = added.get(first) or known.get(first)
    if entry is not None and not verdict.amends:
        return entry
    scopes = own.scopes if entry is None else entry.scopes | own.scopes
    entry = replace(own, ref=verdict.duplicate_of, scopes=scopes)
    added[first] = entry
    return entry


def _half(item: Candidate) -> Half:
    if item.tail:
        return "end"
    return "start" if _may_be_stream(item) else ""


def _may_be_stream(item: Candidate) -> bool:
    return item.call.emitter in STREAM_EMITTERS and item.totals is None


def keys_of(span: Span, call: ModelCall, *, ancestors: Iterable[str] = ()) -> tuple[str, ...]:
    """List the keys under which a call that counted is remembered (for 24 hours).

    Args:
        span: A span of the call; list the keys of its duplicates too.
        call: What it says.
        ancestors: `trace_id:span_id` of the spans above it as far as known, nearest first; its
            direct parent is always added.

    Returns:
        `s:` the span, `r:` the response within a family of models, `t:` the counts with begin and
        end, `e:` the end of a stream, `a:` each span above it.
    """
    item = candidate(span, call)
    refs = dict.fromkeys((*item.above, *ancestors))
    return (*_keys(item, tuple(refs), NOTHING_KNOWN), *_ends(item))


def _keys(item: Candidate, refs: Sequence[str], known: Known) -> list[str]:
    """List the keys under which every copy finds a call, of time only where `known` has such."""
    keys = [f"s:{item.key}"]
    response = response_key(item)
    if response:
        keys.append(response)
    if item.totals is not None and finds_by_time(known):
        sent = item.totals[0]
        keys.append(f"t:{sent}:b{item.begin_ns // BUCKET_NS}")
        keys.append(f"t:{sent}:e{item.end_ns // BUCKET_NS}")
    keys += [f"a:{ref}" for ref in refs[:_MAX_ANCESTORS]]
    return keys


def finds_by_time(known: Known) -> bool:
    """Tell whether calls are found by their time; needless while one scope tells of all."""
    return not isinstance(known, KnownCalls) or known.timed


def _ends(item: Candidate) -> Iterable[str]:
    """List the keys under which the other half of a streamed call finds this one."""
    if not item.tail and not _may_be_stream(item):
        return ()
    at_ns = (item.begin_ns,) if item.tail else (item.begin_ns, item.end_ns)
    return dict.fromkeys(_stream_key(item, ns // STREAM_NS) for ns in at_ns)


def response_key(item: Candidate) -> str:
    """Name a response within a family of models, or `''`."""
    identity = item.response_id
    if not identity:
        return ""
    model = item.call.response_model or item.call.request_model
    return f"r:{family(model)}:{identity}"


def time_keys(item: Candidate) -> tuple[str, ...]:
    """List the keys under which a call of the same time and counts may have been remembered."""
    if item.totals is None:
        return ()
    begin, end = f"t:{item.totals[0]}:b", f"t:{item.totals[0]}:e"
    first, last = item.begin_ns // BUCKET_NS, item.end_ns // BUCKET_NS
    return (
        f"{begin}{first}",
        f"{begin}{first - 1}",
        f"{begin}{first + 1}",
        f"{end}{last}",
        f"{end}{last - 1}",
        f"{end}{last + 1}",
    )


def stream_keys(item: Candidate) -> tuple[str, ...]:
    """List the keys under which the other half of a streamed call may have been remembered."""
    if not item.tail and not _may_be_stream(item):
        return ()
    return tuple(
        _stream_key(item, ns // STREAM_NS + offset)
        for ns in (item.end_ns, item.begin_ns)
        for offset in (0, -1, 1)
    )


def _stream_key(item: Candidate, step: int) -> str:
    return f"e:{item.span.scope_name}:{step}"


def same_stream(item: Candidate, known: Counted) -> bool:
    """Tell whether a remembered half of a streamed call and a late one belong together."""
    halves = {known.stream, "end" if item.tail else "start"}
    return halves == {"start", "end"} and compatible(item.models, known.models)


def same_time(item: Candidate, known: Counted) -> bool:
    """Tell whether a remembered call of other scopes covers the same time with the same counts."""
    if item.span.scope_name in known.scopes or item.totals is None or known.totals is None:
        return False
    if item.response_id and known.response_id and item.response_id != known.response_id:
        return False
    within = (
        known.begin_ns - SLACK_NS <= item.begin_ns and item.end_ns <= known.end_ns + SLACK_NS
    ) or (item.begin_ns - SLACK_NS <= known.begin_ns and known.end_ns <= item.end_ns + SLACK_NS)
    named = bool(item.models) and bool(known.models)
    return (
        within
        and named
        and compatible(item.models, known.models)
        and alike(item.totals, known.totals)
    )
