"""One span that may be a call, prepared for comparison with others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Protocol

from otel_costattr.model import (
    EVENT_KEY,
    INPUT_TOKEN_UNITS,
    OUTPUT_TOKEN_UNITS,
    ModelCall,
    Span,
    Usage,
)


class Links(Protocol):
    """Span to its parent, both as `trace_id:span_id`; any `Mapping[str, str]` is one.

    Spans that are no call are included.
    """

    def get(self, ref: str, /) -> str | None:
        """Return the parent of a span, or None."""
        ...

    def __contains__(self, ref: object, /) -> bool: ...


NO_LINKS: Final[Mapping[str, str]] = MappingProxyType({})

MAX_DEPTH: Final = 64
"""How far up ancestors are followed; deeper traces are cut, cycles end."""

_DATE: Final = re.compile(r"[-@](?:20\d{2}-?\d{2}-?\d{2}|\d{4}-\d{2}-\d{2}|latest)$")
_VERSION: Final = re.compile(r"-v\d+(?::\d+)?(?::[0-9a-z]+)?$")
_HOST: Final = re.compile(r"^(?:(?:us|eu|apac|global|jp|au|us-gov)\.)?(?:[a-z0-9-]+\.)?(?=[a-z])")
_FAMILY: Final = re.compile(r"[a-z]+")


@lru_cache(maxsize=8192)
def model_key(model: str) -> str:
    """Reduce a model's name to what all its spellings share: no provider, region, date, version.

    Only to tell whether two spans can be the same call; prices are matched elsewhere.
    """
    bare = model.strip().lower().rsplit("/", 1)[-1]
    bare = _VERSION.sub("", bare)
    bare = _DATE.sub("", bare)
    return _HOST.sub("", bare)


@lru_cache(maxsize=8192)
def model_keys(*models: str) -> frozenset[str]:
    """Collect the keys of the models that a call names; the same set for the same names."""
    return frozenset(model_key(model) for model in models if model)


@lru_cache(maxsize=8192)
def family(model: str) -> str:
    """Answer the first word of a model's name, such as `gpt` or `claude`, or `''`."""
    found = _FAMILY.match(model_key(model))
    return found[0] if found else ""


@dataclass(slots=True, eq=False)
class Candidate:
    """A (span, call) pair with what the rules compare; compared by identity.

    Attributes:
        span: The span.
        call: What it says.
        ref: `trace_id:span_id`, or `event:ID`.
        key: Unique name of the telemetry item; the same item sent again has the same one.
        begin_ns: When the call began.
        end_ns: When it ended.
        models: Keys of the models it names.
        totals: Input and output tokens; None without usage.
        tail: Whether it is the record of a stream's end, which repeats another span's call.
        response_id: The response's id where it can identify a call, else `''`.
        above: The spans above it, nearest first: the parent it names, then what is known.
    """

    span: Span
    call: ModelCall
    ref: str
    key: str
    begin_ns: int
    end_ns: int
    models: frozenset[str]
    totals: tuple[int, int] | None
    tail: bool
    response_id: str
    above: Sequence[str]

    @property
    def rank(self) -> tuple[object, ...]:
        """Its place in a total order, so that the order of arrival does not matter."""
        span = self.span
        return (span.start_ns, span.trace_id, span.span_id, span.signal, span.name, self.key)


STREAM_EMITTERS: Final = frozenset({"logfire"})
"""Emitters that write the counts of a stream on a record of their own."""

MIN_ID: Final = 8
"""Shorter response ids are counters, not identities."""


def candidate(span: Span, call: ModelCall, links: Links = NO_LINKS) -> Candidate:
    """Prepare one pair.

    Args:
        span: The span.
        call: What it says.
        links: Who is whose parent.
    """
    ref = span.ref
    totals = totals_of(call.usage) if call.usage else None
    identity = call.response_id
    if len(identity) < MIN_ID or identity.isdigit():
        # Some emitters put a time stamp there, which several calls of one second share.
        identity = ""
    key = ref
    if span.signal == "event":
        key = str(span.attributes.get(EVENT_KEY, ref))
    elif span.signal != "span" or not span.span_id:
        key = f"{ref}:{span.signal}:{span.name}:{span.start_ns}:{call.response_id}:{totals}"
    begin, end, tail = span.start_ns, max(span.start_ns, span.end_ns), False
    if call.emitter in STREAM_EMITTERS and span.attributes.get("logfire.span_type") == "log":
        begin, tail = begin - _duration_ns(span), True
    elif span.signal == "log":
        begin -= _duration_ns(span)
    return Candidate(
        span,
        call,
        ref,
        key,
        begin,
        end,
        model_keys(call.response_model, call.request_model),
        totals,
        tail,
        identity,
        _above(span, ref, links),
    )


def totals_of(usage: Usage) -> tuple[int, int]:
    """Sum both sides of a usage in one pass: tokens sent, tokens produced."""
    sent = produced = 0
    for unit, count in usage.counts.items():
        if unit in _SENT:
            sent += count
        elif unit in _PRODUCED:
            produced += count
    return sent, produced


_SENT: Final = frozenset(INPUT_TOKEN_UNITS)
_PRODUCED: Final = frozenset(OUTPUT_TOKEN_UNITS)
_MAX_SECONDS: Final = 86_400.0


def _duration_ns(span: Span) -> int:
    """How long before its own time a record says that its call began."""
    seconds = span.attributes.get("duration")
    if isinstance(seconds, float) and 0 <= seconds <= _MAX_SECONDS:
        return int(seconds * 1e9)
    millis = span.attributes.get("duration_ms")
    try:
        number = float(millis) if isinstance(millis, (int, float, str)) else 0.0
    except (ValueError, OverflowError):
        return 0
    return int(number * 1e6) if 0 <= number <= _MAX_SECONDS * 1e3 else 0


def compatible(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two spans can mean the same model: a shared name, or one of them names none."""
    return not one or not other or not one.isdisjoint(other)


def _above(span: Span, ref: str, links: Links) -> Sequence[str]:
    parent = f"{span.trace_id}:{span.parent_span_id}" if span.parent_span_id else ""
    first = links.get(ref)
    if first is None:
        first = parent
    if first == parent and first not in links:
        # Most calls stand right below a span that is no call, or below nothing.
        return (parent,) if parent else ()
    known = tuple(ancestors(ref, links))
    if not parent or known[:1] == (parent,):
        return known
    return tuple(dict.fromkeys((parent, *known)))


def ancestors(ref: str, links: Links) -> Iterable[str]:
    """Walk from a span's parent to the root, nearest first."""
    seen = {ref}
    parent = links.get(ref)
    while parent is not None and parent not in seen and len(seen) <= MAX_DEPTH:
        yield parent
        seen.add(parent)
        parent = links.get(parent)


def links_of(spans: Iterable[Span]) -> dict[str, str]:
    """Collect who is whose parent; a log has the span it was written in as parent."""
    return {
        f"{span.trace_id}:{span.span_id}": f"{span.trace_id}:{span.parent_span_id}"
        for span in spans
        if span.parent_span_id and span.span_id and span.signal == "span"
    }
