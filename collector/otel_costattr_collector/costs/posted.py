"""A cost as it is posted, and as the span that it becomes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from otel_costattr.attribution.names import PREFIX, TAG_PREFIX, entity_target
from otel_costattr.attribution.values import MAX_TAGS
from otel_costattr.costs import NAME, SCOPE, names
from otel_costattr.errors import BadInput
from otel_costattr.model import DIMENSIONS, AttributeValue, Span

from ..codec.projection import Projection
from ..plain import decimal_text
from ..spend import edge

MAX_COSTS: Final = 1_000
MAX_BODY_BYTES: Final = 8 * 1024 * 1024

Name = Annotated[str, Field(max_length=256)]
Amount = Annotated[Decimal, Field(max_digits=36, decimal_places=24, allow_inf_nan=False)]
Quantity = Annotated[
    Decimal, Field(ge=0, lt=10**12, max_digits=24, decimal_places=12, allow_inf_nan=False)
]


class PostedCost(BaseModel):
    """One cost that is no model call: an amount, or a quantity that the price book prices."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=256)] = Field(
        description="Posting the same id with the same content again changes nothing."
    )
    time: Annotated[str, Field(max_length=64)] = Field(
        description="When it happened, such as 2026-11-20T15:00:00Z."
    )
    amount_usd: Amount | None = Field(
        default=None, description="USD, exact as text; negative for a credit."
    )
    source: Name = Field(default="", description="Who charges it, such as elevenlabs.")
    metric: Name = Field(default="", description="What is counted, such as characters.")
    quantity: Quantity | None = Field(default=None, description="How much of the metric.")
    cost_type: Name = Field(default="", description="Such as api_usage or compute.")
    description: Annotated[str, Field(max_length=1024)] = ""
    pool: Name = Field(default="", description="Shared cost that it belongs to; else it is direct.")
    trace_id: Annotated[str, Field(pattern=r"^([0-9a-f]{32})?$")] = ""
    service: Name = Field(default="", description="The service that caused it.")
    entity_type: Name = Field(default="", description="`customer`, `team`, ... for entity_id.")
    entity_id: Name = ""
    tenant: Name = ""
    user: Name = ""
    feature: Name = ""
    step: Name = ""
    prompt: Name = ""
    prompt_version: Name = ""
    session: Name = ""
    agent: Name = ""
    workflow: Name = ""
    team: Name = ""
    project: Name = ""
    employee: Name = ""
    experiment: Name = ""
    variant: Name = ""
    plan: Name = ""
    environment: Name = ""
    data_mode: Name = ""
    external_request_id: Name = ""
    tags: Annotated[dict[str, Name], Field(max_length=MAX_TAGS)] = Field(default_factory=dict)

    def owners(self) -> Mapping[str, str]:
        """Return the owner that it names, as attributes of a span."""
        found = {f"{PREFIX}{name}": getattr(self, name) for name in DIMENSIONS}
        if self.entity_type and self.entity_id:
            target = entity_target(self.entity_type)
            name = PREFIX + target if target in DIMENSIONS else TAG_PREFIX + target[len("tags.") :]
            found[name] = found.get(name) or self.entity_id
        found |= {f"{TAG_PREFIX}{name}": value for name, value in self.tags.items()}
        return {name: value for name, value in found.items() if value}


def read_posted(body: bytes) -> tuple[PostedCost, ...]:
    """Read the body of a request: one cost or an array; numbers exactly as they are written.

    Raises:
        BadInput: It is no JSON, or one of the costs is none; says which and why.
    """
    try:
        posted = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"the body is no JSON: {error}") from error
    several = posted if isinstance(posted, list) else [posted]
    if not 1 <= len(several) <= MAX_COSTS:
        raise BadInput(f"{len(several)} costs in a request: send 1 to {MAX_COSTS}")
    return tuple(_one(one, place) for place, one in enumerate(several))


def _one(posted: object, place: int) -> PostedCost:
    try:
        cost = PostedCost.model_validate(posted)
    except ValidationError as error:
        problems = "; ".join(_problem(problem) for problem in error.errors())
        raise BadInput(f"cost {place}: {problems}") from None
    counted = bool(cost.source and cost.metric and cost.quantity is not None)
    if cost.amount_usd is None and not counted:
        raise BadInput(f"cost {place}: say amount_usd, or source, metric and quantity")
    return cost


def _problem(problem: Any) -> str:
    where = ".".join(map(str, problem["loc"])) or "it"
    return f"{where}: {problem['msg']}"


def span_of(cost: PostedCost, *, key: str, projection: Projection) -> Span:
    """Return a posted cost as a span, with people hashed or refused as on any span.

    Args:
        cost: What was posted.
        key: How the ledger names it.
        projection: Protects people.

    Raises:
        BadInput: The time is none.
    """
    at_ns = edge(cost.time, "UTC").ns
    told: dict[str, AttributeValue] = {
        names.TYPE: cost.cost_type,
        names.SOURCE: cost.source,
        names.METRIC: cost.metric,
        names.DESCRIPTION: cost.description,
        names.POOL: cost.pool,
        **cost.owners(),
    }
    for name, amount in ((names.AMOUNT, cost.amount_usd), (names.QUANTITY, cost.quantity)):
        if amount is not None:
            told[name] = decimal_text(amount)
    return Span(
        trace_id=cost.trace_id,
        span_id="",
        name=NAME,
        start_ns=at_ns,
        end_ns=at_ns,
        attributes={names.KEY: key, **reduced(told, projection)},
        scope_name=SCOPE,
        resource={"service.name": cost.service} if cost.service else {},
        signal="event",
    )


def reduced(
    told: Mapping[str, AttributeValue], projection: Projection
) -> dict[str, AttributeValue]:
    """Return attributes as the door keeps them: people hashed or refused."""
    kept: dict[str, AttributeValue] = {}
    for name, value in told.items():
        reduce = projection.reducer(name)
        if reduce is not None and value not in {"", None}:
            kept[name] = reduce(value)
    return kept
