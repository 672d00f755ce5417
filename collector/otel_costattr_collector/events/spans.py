"""An event as a span, so that it goes the way of all spans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal
from urllib.parse import quote

from otel_costattr.attribution import Identities
from otel_costattr.attribution.names import PREFIX, TAG_PREFIX
from otel_costattr.model import DIMENSIONS, EVENT_KEY, NO_ATTRIBUTES, AttributeValue, Span
from otel_costattr.usage.events import CONTENT, EVENT, SOURCE, TEXTS, USAGE

from ..codec.intake import Intake, flagged
from ..codec.projection import Reduce
from .posted import Event, time_ns

SCOPE: Final = "costattr.events"
_TOTALS: Final[tuple[tuple[str, str, Literal["input_tokens", "output_tokens"]], ...]] = (
    ("input", "inputTokens", "input_tokens"),
    ("output", "outputTokens", "output_tokens"),
)


def key_of(event_id: str, key_tenant: str, identities: Identities, *, kind: str = "event") -> str:
    """Name an event as the ledger does: `event:ID`, or `event@TENANT:ID` for a tenant's key."""
    if not key_tenant:
        return f"{kind}:{event_id}"
    stored = identities.protect("tenant", key_tenant)[0] or key_tenant
    return f"{kind}@{quote(stored, safe='')}:{event_id}"


def span_of(
    event: Event,
    *,
    key: str,
    intake: Intake,
    now_ns: int,
    reducer: Callable[[str], Reduce | None],
) -> Span:
    """Return an event as a span, with people hashed or refused as on any span.

    Args:
        event: What was posted.
        key: From `key_of`.
        intake: Checks the time.
        now_ns: The time of receipt, nanoseconds UTC.
        reducer: Gives what protects the value of an attribute of this name.

    Raises:
        Malformed: No clock can have meant this time.
    """
    took_ns = round(event.latency_ms * 1e6)
    start_ns = now_ns - took_ns if event.time is None else time_ns(event.time)
    start_ns, end_ns, moved = intake.times(start_ns, start_ns + took_ns)
    attributes = _attributes(event, key, reducer)
    return Span(
        trace_id=event.trace_id,
        span_id=event.span_id,
        name=event.operation,
        start_ns=start_ns,
        end_ns=end_ns,
        attributes=flagged(attributes, moved),
        scope_name=SCOPE,
        resource={"service.name": event.service} if event.service else NO_ATTRIBUTES,
        failed=event.failed,
        signal="event",
    )


def _attributes(
    event: Event, key: str, reducer: Callable[[str], Reduce | None]
) -> dict[str, AttributeValue]:
    found: dict[str, AttributeValue] = {EVENT_KEY: key, CONTENT: event.content()}
    for name in TEXTS:
        value = getattr(event, name)
        if value:
            found[EVENT + name] = value
    for unit, source, name in _TOTALS:
        count = getattr(event, name)
        if count is not None:
            found[USAGE + unit] = count
            found[SOURCE + unit] = source
    found |= {USAGE + unit: count for unit, count in event.usage.items()}
    if event.reported_cost_usd is not None:
        found[EVENT + "reported_cost_usd"] = str(event.reported_cost_usd)
    owners = {f"{PREFIX}{name}": getattr(event, name) for name in DIMENSIONS}
    owners |= {f"{TAG_PREFIX}{name}": value for name, value in event.tags.items()}
    if event.said:
        owners.setdefault(f"{TAG_PREFIX}status", event.said[:256])
    for name, value in owners.items():
        if value:
            reduce = reducer(name)
            found[name] = reduce(value) if reduce else value
    return found
