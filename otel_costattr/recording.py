"""What applications call: `record_cost(...)` tells of a cost that is no model call."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from opentelemetry import trace

from otel_costattr.attribution import owner_attributes
from otel_costattr.context import Value, attribution, current_owner, merged
from otel_costattr.costs import NAME, SCOPE, names
from otel_costattr.costs.claims import number
from otel_costattr.model import DIMENSIONS, EMPTY

Number = Decimal | str | int | float

_OWNERS: Final = frozenset({*DIMENSIONS, "entity_type", "entity_id"})
_logger: Final = logging.getLogger("otel_costattr")
_logged: Final[set[str]] = set()


def record_cost(
    amount_usd: Number | None = None,
    *,
    id: str = "",  # noqa: A002 - the word of the API
    cost_type: str = "",
    description: str = "",
    source: str = "",
    metric: str = "",
    quantity: Number | None = None,
    pool: str = "",
    at_ns: int | None = None,
    tags: Mapping[str, Value] = EMPTY,
    **owner: Value,
) -> bool:
    """Return whether a cost that is no model call was told to OpenTelemetry; never raises.

    It travels as a short span named `costattr.cost` through the telemetry that is set up already,
    and never waits for a network. Who owns it is whoever owns the model calls made here, and what
    `owner` says on top.

        record_cost("0.0125", cost_type="api_usage", source="serp", description="web search")
        record_cost(source="elevenlabs", metric="characters", quantity=1200, step="speech")

    Args:
        amount_usd: USD, exact as text or `Decimal`; None where the price book prices a quantity.
        id: The same cost told twice under one id is booked once; empty makes each call its own.
        cost_type: Kind of cost, such as `api_usage` or `compute`.
        description: What it was for, in words; up to 1,024 characters.
        source: Who charges it, such as `elevenlabs`.
        metric: What is counted, such as `characters`.
        quantity: How much of the metric.
        pool: Shared cost that it belongs to; empty for a direct one.
        at_ns: When it happened, nanoseconds UTC; None for now.
        tags: Further names and values of its owner.
        owner: `tenant`, `session`, `step` and the other names that `attribution` takes.

    Returns:
        False where nothing records spans here, or the cost could not be told.
    """
    try:
        attributes = _attributes(
            amount_usd,
            {
                names.ID: id,
                names.TYPE: cost_type,
                names.DESCRIPTION: description,
                names.SOURCE: source,
                names.METRIC: metric,
                names.POOL: pool,
            },
            quantity,
        )
        span = trace.get_tracer(SCOPE).start_span(
            NAME, attributes={**attributes, **_owner(owner, tags)}, start_time=at_ns
        )
        recorded = span.is_recording()
        span.end(at_ns)
    except Exception as error:  # noqa: BLE001 - a guest never breaks the host
        _log_once(f"a cost could not be told: {type(error).__name__}: {error}")
        return False
    return recorded


def _attributes(
    amount_usd: Number | None, texts: Mapping[str, str], quantity: Number | None
) -> dict[str, str]:
    found = {name: str(text) for name, text in texts.items() if text}
    for name, value in ((names.AMOUNT, amount_usd), (names.QUANTITY, quantity)):
        if value is not None:
            found[name] = _plain(value)
            if number(found[name]) is None:
                _log_once(f"{name} is no number below 1e12: the cost will have no price")
    return found


def _plain(value: Number) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _owner(owner: Mapping[str, Value], tags: Mapping[str, Value]) -> dict[str, str]:
    for name in sorted(owner.keys() - _OWNERS):
        _log_once(f"record_cost({name}=...) names no owner: use a tag, or one of attribution()")
    known = {name: value for name, value in owner.items() if name in _OWNERS}
    said = attribution(**known, tags=tags)  # type: ignore[arg-type]
    return owner_attributes(merged(current_owner(), said.owner))


def _log_once(message: str) -> None:
    if message not in _logged and len(_logged) < 100:
        _logged.add(message)
        _logger.warning("%s", message)
