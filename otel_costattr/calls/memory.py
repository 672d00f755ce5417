"""What to remember of calls that counted, so that late copies are recognised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from otel_costattr.calls.candidates import (
    STREAM_EMITTERS,
    Candidate,
    Links,
    ancestors,
    candidate,
    compatible,
    family,
)
from otel_costattr.calls.merge import detail
from otel_costattr.calls.rules import SLACK_NS, alike
from otel_costattr.model import ModelCall, Role, Span

if TYPE_CHECKING:
    from otel_costattr.calls.verdicts import Verdict

BUCKET_NS: Final = 2_000_000_000
"""Calls are remembered by begin and end in steps of two seconds; a look-up tries the neighbours."""

STREAM_NS: Final = SLACK_NS
"""The step in which the begin and the end of a stream are remembered."""

_MAX_ANCESTORS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A call that counted earlier, as far as late telemetry is compared with it.

    Attributes:
        ref: `trace_id:span_id` of the span that counted.
        role: `call`, or `aggregate` for a wrapper's sum that counted.
        scopes: Instrumentation scopes that described it.
        begin_ns: When it began.
        end_ns: When it ended.
        models: Keys of its models.
        response_id: The provider's id of the response, or `''`.
        totals: Input and output tokens; None without usage.
        detail: How finely its usage was told apart; 0 without usage.
        stream: `start` or `end` where the other half of a streamed call may still come, else `''`.
    """

    ref: str
    role: Role = "call"
    scopes: frozenset[str] = field(default_factory=frozenset)
    begin_ns: int = 0
    end_ns: int = 0
    models: frozenset[str] = field(default_factory=frozenset)
    response_id: str = ""
    totals: tuple[int, int] | None = None
    detail: int = 0
    stream: Literal["", "start", "end"] = ""


def counted(span: Span, call: ModelCall, *, scopes: Iterable[str] = ()) -> Counted:
    """Describe a call that counts, to be stored under each of its `keys_of`.

    Args:
        span: The span that counts.
        call: Its merged call.
        scopes: Scopes of every span that described the same call; its own is always added.
    """
    item = candidate(span, call)
    return Counted(
        ref=item.ref,
        role=call.role,
        scopes=frozenset((span.scope_name, *scopes)),
        begin_ns=item.begin_ns,
        end_ns=item.end_ns,
        models=item.models,
        response_id=item.response_id,
        totals=item.totals,
        detail=detail(call),
        stream=_half(item),
    )


def remember(
    verdicts: Iterable[Verdict],
    *,
    links: Links,
    known: Mapping[str, Counted],
) -> dict[str, Counted]:
    """Answer what to add to `known` once a window's verdicts are booked.

    Args:
        verdicts: Of one run of `recognise`.
        links: Who is whose parent.
        known: What was remembered before.
    """
    added: dict[str, Counted] = {}
    for verdict in sorted(verdicts, key=lambda one: one.kind != "counts"):
        if verdict.kind == "sum":
            continue
        item = candidate(verdict.span, verdict.call)
        entry = _entry(verdict, added, known)
        for key in keys_of(verdict.span, verdict.call, ancestors=ancestors(item.ref, links)):
            if key.startswith("e:"):
                added[key] = replace(entry, stream=_half(item))
            elif verdict.kind == "counts" or verdict.amends or key not in known:
                added.setdefault(key, entry)
        if verdict.rule == "stream_end":
            # Both halves are here: neither waits for another one.
            halves = (*stream_keys(item), *(key for key in added if key.startswith("e:")))
            for key in halves:
                half = added.get(key) or known.get(key)
                if half is not None and half.ref == entry.ref:
                    added[key] = replace(half, stream="")
    return added


def _entry(verdict: Verdict, added: dict[str, Counted], known: Mapping[str, Counted]) -> Counted:
    """Answer what is remembered of a verdict's call, renewed where the verdict knows it better."""
    own = counted(verdict.span, verdict.call, scopes=verdict.scopes)
    if verdict.kind == "counts":
        return replace(own, stream="")
    first = f"s:{verdict.duplicate_of}"
    entry = added.get(first) or known.get(first)
    if entry is not None and not verdict.amends:
        return entry
    scopes = own.scopes if entry is None else entry.scopes | own.scopes
    entry = replace(own, ref=verdict.duplicate_of, scopes=scopes, stream="")
    added[first] = entry
    return entry


def _half(item: Candidate) -> Literal["", "start", "end"]:
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
    keys = [f"s:{item.key}"]
    response = response_key(item)
    if response:
        keys.append(response)
    if item.totals is not None:
        keys.append(_time_key(item.totals[0], "b", item.begin_ns // BUCKET_NS))
        keys.append(_time_key(item.totals[0], "e", item.end_ns // BUCKET_NS))
    if item.tail or _may_be_stream(item):
        at_ns = (item.begin_ns,) if item.tail else (item.begin_ns, item.end_ns)
        keys += dict.fromkeys(_stream_key(item, ns // STREAM_NS) for ns in at_ns)
    above = [f"{span.trace_id}:{span.parent_span_id}"] if span.parent_span_id else []
    above += list(ancestors)[:_MAX_ANCESTORS]
    keys += [f"a:{ref}" for ref in dict.fromkeys(above)]
    return tuple(keys)


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
    return tuple(
        _time_key(item.totals[0], side, ns // BUCKET_NS + offset)
        for side, ns in (("b", item.begin_ns), ("e", item.end_ns))
        for offset in (0, -1, 1)
    )


def _time_key(input_total: int, side: str, step: int) -> str:
    return f"t:{input_total}:{side}{step}"


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
