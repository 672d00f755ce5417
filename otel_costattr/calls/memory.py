"""What to remember of calls that counted, so that late copies are recognised."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from otel_costattr.calls.candidates import Candidate, candidate, compatible, family
from otel_costattr.calls.merge import detail
from otel_costattr.calls.rules import SLACK_NS, alike
from otel_costattr.model import ModelCall, Role, Span

BUCKET_NS: Final = 600_000_000_000
"""Calls are remembered by time in steps of ten minutes; a look-up tries the step before, too."""

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
    )


def keys_of(span: Span, call: ModelCall, *, ancestors: Iterable[str] = ()) -> tuple[str, ...]:
    """List the keys under which a call that counted is remembered (for 24 hours).

    Args:
        span: A span of the call; list the keys of its duplicates too.
        call: What it says.
        ancestors: `trace_id:span_id` of the spans above it as far as known, nearest first; its
            direct parent is always added.

    Returns:
        `s:` the span, `r:` the response within a family of models, `t:` the counts and the time,
        `a:` each span above it.
    """
    item = candidate(span, call)
    keys = [f"s:{item.key}"]
    response = response_key(item)
    if response:
        keys.append(response)
    if item.totals is not None:
        keys.append(_time_key(item.totals[0], item.begin_ns // BUCKET_NS))
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
    step = item.begin_ns // BUCKET_NS
    return tuple(_time_key(item.totals[0], step + offset) for offset in (0, -1, 1))


def _time_key(input_total: int, step: int) -> str:
    return f"t:{input_total}:{step}"


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
