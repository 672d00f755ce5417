"""The rows of the answers: amounts are decimal strings in USD, null where nobody knows."""

# ruff: noqa: N815 - FOCUS names its columns so

from __future__ import annotations

from typing import Annotated, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, Field

Usd: TypeAlias = Annotated[str | None, Field(description="USD; null where nothing has a price.")]
Ratio: TypeAlias = Annotated[
    str | None, Field(description="A decimal; null where there is nothing to divide by.")
]
Count: TypeAlias = int
Counted: TypeAlias = Annotated[int | None, Field(description="Null where it was not asked for.")]
Tokens: TypeAlias = Annotated[int | None, Field(description="Tokens; null where none is known.")]


class Row(BaseModel):
    """One row of an answer."""


class ByDimensions(Row):
    """A row of one combination of dimensions."""

    dimensions: dict[str, str] = Field(description="Dimension to value; '' where nobody knows it.")


class Change(ByDimensions):
    """Two periods compared; the five parts sum to `delta`."""

    calls_before: Count
    calls_after: Count
    unpriced_calls_before: Count
    unpriced_calls_after: Count
    tokens_before: Count
    tokens_after: Count
    cost_before: Usd
    cost_after: Usd
    delta: Usd
    delta_percent: Ratio
    cost_per_call_before: Usd
    cost_per_call_after: Usd
    volume: Usd = Field(description="More or fewer calls at the old average cost of a call.")
    mix: Usd = Field(description="Another share of models, providers, operations and tiers.")
    tokens_per_call: Usd = Field(description="More or fewer tokens in a call, at the old rates.")
    price: Usd = Field(description="New rates on the new tokens.")
    other: Usd = Field(description="Tools, costs that are no model call, bookings.")


class Mover(Row):
    """What one value of one dimension cost in two periods."""

    dimension: str
    value: str
    calls_before: Count
    calls_after: Count
    failed_before: Count
    failed_after: Count
    unpriced_after: Count
    cost_before: Usd
    cost_after: Usd
    delta: Usd


class Top(ByDimensions):
    """Who spends most."""

    calls: Count
    unpriced_calls: Count
    total_cost: Usd
    cost_per_call: Usd
    share: Ratio


class UnitCosts(ByDimensions):
    """What one call, session, user, request and trace costs."""

    total_cost: Usd
    calls: Count
    unpriced_calls: Count
    cost_per_call: Usd
    sessions: Counted
    cost_per_session: Usd
    users: Counted
    cost_per_user: Usd
    requests: Counted
    cost_per_request: Usd
    traces: Counted
    cost_per_trace: Usd


class PromptVersion(ByDimensions):
    """One version of a prompt."""

    first_time: str
    last_time: str
    calls: Count
    unpriced_calls: Count
    failed_share: Ratio
    total_cost: Usd
    cost_per_call: Usd
    input_per_call: Ratio
    cached_share: Ratio
    output_per_call: Ratio
    reasoning_per_call: Ratio
    p50_ms: int | None
    p95_ms: int | None


class Retries(ByDimensions):
    """How often the same thing is asked again."""

    requests: Count
    retried_requests: Count
    tries: Count
    failed_tries: Count
    retry_multiplier: Ratio
    most_tries: Count
    total_cost: Usd
    retry_cost: Usd
    unnamed_calls: Count


class Lack(Row):
    """What one emitter's telemetry lacks; `what` is empty for the emitter as a whole."""

    emitter: str
    scope_name: str
    scope_version: str
    what: str = Field(description="A reason, or the names of counts that the emitter drops.")
    mend: str = Field(description="What is known to mend it; '' where the reason says it.")
    calls: Count
    priced_calls: Count
    total_cost: Usd
    least_cost: Usd
    most_cost: Usd
    providers: list[str]
    example: str


class MetricsCoverage(Row):
    """Tokens that metrics report on one day, and how many of them calls explain."""

    day: str = Field(description="Day of the reporting time zone; 1970-01-01 in the total.")
    service_name: str
    model: str
    metric_input_tokens: Count
    metric_output_tokens: Count
    call_input_tokens: Count
    call_output_tokens: Count
    metric_tokens: Count
    explained_tokens: Count
    explained_share: Ratio


class Coverage(Row):
    """How much one dimension explains."""

    dimension: str
    calls: Count
    known_calls: Count
    calls_share: Ratio
    total_cost: Usd
    known_cost: Usd
    cost_share: Ratio


class Backlog(Row):
    """What nobody owns or nobody can price."""

    service_name: str
    scope_name: str
    scope_version: str
    missing: list[str]
    outside: list[str]
    calls: Count
    unpriced_calls: Count
    total_cost: Usd
    most_cost: Usd
    share: Ratio
    models: list[str]
    reasons: list[str]
    example: str


class Session(Row):
    """One session."""

    tenant: str
    session: str
    user: str
    first_time: str
    last_time: str
    calls: Count
    unpriced_calls: Count
    failed_calls: Count
    traces: Count
    models: list[str]
    input_tokens: Tokens
    output_tokens: Tokens
    calls_cost: Usd
    other_cost: Usd
    total_cost: Usd


class Trace(Row):
    """One trace."""

    trace_id: str
    tenant: str
    user: str
    feature: str
    session: str
    first_time: str
    calls: Count
    unpriced_calls: Count
    failed_calls: Count
    models: list[str]
    total_cost: Usd


class Line(Row):
    """One ledger line: a model call, another cost or an amendment."""

    event_time: str
    event_unix_ns: int
    line_id: str
    entry: str
    amends: str
    call_key: str
    status: str
    reason: str
    duplicate_of: str
    trace_id: str
    span_id: str
    session: str
    external_request_id: str
    service_name: str
    scope_name: str
    operation: str
    provider: str
    model: str
    service_tier: str
    error_type: str
    tenant: str
    user: str
    feature: str
    step: str
    prompt: str
    prompt_version: str
    agent: str
    workflow: str
    team: str
    project: str
    plan: str
    environment: str
    data_mode: str
    tags: dict[str, str]
    calls: Count
    input_tokens: Tokens
    cache_read_tokens: Tokens
    output_tokens: Tokens
    reasoning_tokens: Tokens
    duration_ms: int | None
    cost: Usd
    least_cost: Usd
    most_cost: Usd
    price_entry: str
    price_book: str
    price_rule: str


class OutcomeCosts(Row):
    """What one kind of outcome costs."""

    kind: str
    outcomes: Count
    successes: Count
    joined: Count
    total_cost: Usd
    unpriced_calls: Count
    cost_per_outcome: Usd
    cost_per_success: Usd
    total_value: Ratio


class Focus(Row):
    """One row of a cost export in the columns of FOCUS; `x_` marks our own."""

    BillingPeriodStart: str
    BillingPeriodEnd: str
    ChargePeriodStart: str
    ChargePeriodEnd: str
    ChargeCategory: str
    ChargeClass: str | None
    ChargeFrequency: str
    ChargeDescription: str
    BilledCost: Usd
    EffectiveCost: Usd
    ContractedCost: Usd
    ListCost: Usd
    BillingCurrency: str
    ConsumedQuantity: int
    ConsumedUnit: str
    ProviderName: str
    PublisherName: str
    InvoiceIssuerName: str
    ServiceCategory: str
    ServiceSubcategory: str
    ServiceName: str
    SkuId: str
    SkuPriceId: str
    RegionId: str | None
    ResourceId: str
    ResourceName: str
    ResourceType: str
    BillingAccountId: str
    SubAccountId: str | None
    SubAccountName: str | None
    Tags: str
    x_Calls: int
    x_InputTokens: int
    x_CachedTokens: int
    x_OutputTokens: int
    x_Status: str
    x_Entry: str


R = TypeVar("R", bound=Row)


class Page(BaseModel, Generic[R]):
    """One page of an answer."""

    start_date: str | None
    end_date: str | None
    time_zone: str = Field(description="Time zone of days.")
    currency: str = "USD"
    group_by: list[str]
    total: R | None = Field(description="The sum over all rows, those of other pages too.")
    data: list[R]
    truncated: bool = Field(description="Whether there are more rows.")
    next_cursor: str | None = Field(description="Asks for the next page; null on the last one.")
