"""The nouns: what a span says, what a call used, what it cost and who owns it.

Records are frozen, slotted and keyword-only; the functions of the four stages do the work.
Money is `Decimal` USD, counts are `int`, time is integer nanoseconds UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, get_args

from otel_costattr.errors import BadUsage
from otel_costattr.reasons import REASONS as REASONS  # noqa: PLC0414 - one of the nouns

# --- telemetry ------------------------------------------------------------------------------

AttributeValue: TypeAlias = (
    "str | bool | int | float | bytes"
    " | tuple[AttributeValue, ...] | Mapping[str, AttributeValue] | None"
)
Attributes: TypeAlias = Mapping[str, AttributeValue]

EMPTY: Final[Mapping[str, str]] = MappingProxyType({})
NO_ATTRIBUTES: Final[Attributes] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened inside a span.

    Attributes:
        name: The event's name.
        time_ns: When it happened, nanoseconds UTC.
        attributes: Its attributes.
    """

    name: str
    time_ns: int
    attributes: Attributes = field(default_factory=lambda: NO_ATTRIBUTES)


Signal = Literal["span", "log", "event"]

EVENT_KEY: Final = "costattr.event.key"
"""The attribute that names a posted event: `event:ID`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One unit of telemetry, free of any SDK and of any wire format.

    A log record or a posted event that describes a call is a span too, with `signal` set and
    `start_ns == end_ns` where nothing better is known.

    Attributes:
        trace_id: 32 lower-case hex digits, or `''` where a log has none.
        span_id: 16 lower-case hex digits, or `''` where a log has none.
        parent_span_id: 16 lower-case hex digits, or `''` for a root.
        name: The span's name, or the log's event name.
        start_ns: Start, nanoseconds UTC.
        end_ns: End, nanoseconds UTC.
        attributes: The span's attributes.
        events: The span's events, in order.
        scope_name: Instrumentation scope.
        scope_version: Its version.
        resource: Attributes of the resource.
        failed: Whether the status is ERROR.
        signal: What it was on the wire.
    """

    trace_id: str
    span_id: str
    parent_span_id: str = ""
    name: str = ""
    start_ns: int = 0
    end_ns: int = 0
    attributes: Attributes = field(default_factory=lambda: NO_ATTRIBUTES)
    events: tuple[Event, ...] = ()
    scope_name: str = ""
    scope_version: str = ""
    resource: Attributes = field(default_factory=lambda: NO_ATTRIBUTES)
    failed: bool = False
    signal: Signal = "span"

    @property
    def ref(self) -> str:
        """How others refer to it: `trace_id:span_id`, or `event:ID` for an event outside traces."""
        if self.signal == "event" and not self.span_id:
            return str(self.attributes.get(EVENT_KEY, "event:"))
        return f"{self.trace_id}:{self.span_id}"


# --- usage ----------------------------------------------------------------------------------

InputTokenUnit = Literal[
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "cache_write",
    "input_audio",
    "input_image",
    "input_video",
    "cache_read_audio",
    "cache_read_image",
]
OutputTokenUnit = Literal["output", "reasoning", "output_audio", "output_image"]
UseUnit = Literal[
    "requests",
    "web_search",
    "web_fetch",
    "file_search",
    "code_execution",
    "images",
    "pages",
    "characters",
    "seconds_input_audio",
    "seconds_output_audio",
    "rerank_units",
]
Unit = InputTokenUnit | OutputTokenUnit | UseUnit

INPUT_TOKEN_UNITS: Final[tuple[InputTokenUnit, ...]] = get_args(InputTokenUnit)
OUTPUT_TOKEN_UNITS: Final[tuple[OutputTokenUnit, ...]] = get_args(OutputTokenUnit)
USE_UNITS: Final[tuple[UseUnit, ...]] = get_args(UseUnit)
UNITS: Final[tuple[Unit, ...]] = (*INPUT_TOKEN_UNITS, *OUTPUT_TOKEN_UNITS, *USE_UNITS)
NO_SOURCES: Final[Mapping[Unit, str]] = MappingProxyType({})
_UNIT_SET: Final[frozenset[str]] = frozenset(UNITS)
_INPUT_SET: Final[frozenset[str]] = frozenset(INPUT_TOKEN_UNITS)
_OUTPUT_SET: Final[frozenset[str]] = frozenset(OUTPUT_TOKEN_UNITS)

MAX_COUNT: Final = 10**12
"""The largest count that is believed; a model call has never come near it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Disjoint counts of one call, so that the sum of count times rate is its whole price.

    `input` excludes cached tokens and other modalities, `output` excludes reasoning. A unit that
    is absent was not reported; a 0 was measured.

    Attributes:
        counts: Leaf unit to count: tokens, or uses for the per-use units.
        sources: Leaf unit to where its count came from: an attribute name, a path in a raw
            object, `derived: ...` or `assumed: ...`.

    Raises:
        BadUsage: A count is negative, no `int`, above `MAX_COUNT`, or its unit is unknown.
    """

    counts: Mapping[Unit, int]
    sources: Mapping[Unit, str] = field(default_factory=lambda: NO_SOURCES)

    def __post_init__(self) -> None:
        for unit, count in self.counts.items():
            if unit not in _UNIT_SET:
                raise BadUsage(f"unknown unit {unit!r}: use one of {', '.join(UNITS)}")
            if type(count) is not int or not 0 <= count <= MAX_COUNT:
                raise BadUsage(
                    f"{unit} is {count!r}: a count is a whole number from 0 to {MAX_COUNT}"
                )

    @property
    def input_total(self) -> int:
        """Tokens sent to the model, cached ones and every modality included."""
        return sum([n for unit, n in self.counts.items() if unit in _INPUT_SET])

    @property
    def output_total(self) -> int:
        """Tokens that the model produced, reasoning and every modality included."""
        return sum([n for unit, n in self.counts.items() if unit in _OUTPUT_SET])


Role = Literal["call", "aggregate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUsage:
    """What one model used inside a response that several models served.

    Attributes:
        model: The model's name as the response spells it.
        usage: Its disjoint counts.
    """

    model: str
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """What one span says about one call to a model, before any price or owner.

    Attributes:
        role: `call` for a model call, `aggregate` for a wrapper's sum over calls below it.
        emitter: The dialect that was read, such as `traceloop`.
        operation: `chat`, `embeddings`, ... as in `gen_ai.operation.name`, or `''`.
        provider: The provider as the span names it, or `''`.
        server_address: Host of the provider's API, or `''`.
        request_model: The model that was asked for, or `''`.
        response_model: The model that answered, or `''`.
        response_id: The provider's id of the response, or `''`.
        requested_service_tier: The tier that was asked for, or `''`.
        service_tier: The tier that served it, or `''`.
        region: The cloud region or data residency, or `''`.
        speed: `fast` where the provider sells one, or `''`.
        usage: Disjoint counts; None where the span carries none.
        other_models: Usage of further models inside the same response.
        reported_cost_usd: A cost that the emitter claims, USD.
        reported_by: The attribute that claims it.
        error_type: `error.type` or the status of a failed call, or `''`.
        reasons: Keys of `REASONS` that are already known from the span.
    """

    role: Role = "call"
    emitter: str = ""
    operation: str = ""
    provider: str = ""
    server_address: str = ""
    request_model: str = ""
    response_model: str = ""
    response_id: str = ""
    requested_service_tier: str = ""
    service_tier: str = ""
    region: str = ""
    speed: str = ""
    usage: Usage | None = None
    other_models: tuple[ModelUsage, ...] = ()
    reported_cost_usd: Decimal | None = None
    reported_by: str = ""
    error_type: str = ""
    reasons: tuple[str, ...] = ()


# --- price ----------------------------------------------------------------------------------

PriceStatus = Literal["priced", "estimated", "unpriced"]
Status = Literal["priced", "estimated", "unpriced", "committed", "duplicate_of", "aggregate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineItem:
    """One unit of one call: quantity times rate.

    Attributes:
        unit: The leaf unit.
        quantity: Tokens or uses.
        rate_usd: USD for `per` of the unit, after any contract.
        per: How many units the rate buys: 1,000,000 tokens, 1,000 uses or 1.
        amount_usd: `quantity * rate_usd / per`, exact.
        list_rate_usd: The published rate before any contract.
    """

    unit: Unit
    quantity: int
    rate_usd: Decimal
    per: int
    amount_usd: Decimal
    list_rate_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one call costs and why, or the named reason that it has no price.

    Attributes:
        status: `priced`, `estimated` or `unpriced`.
        reasons: Keys of `REASONS`, most important first; empty for `priced`.
        lines: One item a unit that was used; empty for `unpriced`.
        total_usd: Exact sum of the lines; None for `unpriced`.
        list_usd: The same at published rates; None for `unpriced`.
        provider: The book's name of the provider, or `''`.
        model: The book's name of the model, or `''`.
        entry: Id of the price entry, or `''`.
        valid_from_ns: Start of the entry's validity; None for since ever.
        valid_to_ns: End of it, exclusive; None for open.
        book: Content hash of the price book.
        rule: The matching rule that led from the span's name to the entry, or `''`.
        committed: Whether provisioned capacity serves the call, so its tokens are only counted.
        bounds_usd: Least and most an unpriced call can have cost; None where nobody can say.
    """

    status: PriceStatus
    reasons: tuple[str, ...] = ()
    lines: tuple[LineItem, ...] = ()
    total_usd: Decimal | None = None
    list_usd: Decimal | None = None
    provider: str = ""
    model: str = ""
    entry: str = ""
    valid_from_ns: int | None = None
    valid_to_ns: int | None = None
    book: str = ""
    rule: str = ""
    committed: bool = False
    bounds_usd: tuple[Decimal, Decimal] | None = None


# --- owner ----------------------------------------------------------------------------------

Dimension = Literal[
    "tenant",
    "user",
    "feature",
    "step",
    "prompt",
    "prompt_version",
    "session",
    "agent",
    "workflow",
    "team",
    "project",
    "employee",
    "experiment",
    "variant",
    "plan",
    "environment",
    "data_mode",
    "external_request_id",
]
DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)

OwnerSource = Literal["key", "local", "span", "baggage", "rule", "default"]

NO_VALUES: Final[Mapping[Dimension, str]] = MappingProxyType({})
NO_OWNER_SOURCES: Final[Mapping[str, OwnerSource]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who owns a cost.

    Attributes:
        values: Dimension to value; an absent dimension is unknown.
        tags: Everything else, name to value.
        sources: Dimension or `tags.<name>` to where its value came from.
        refused: Name of each claim that was dropped to the reason, such as `too_long`; never
            the value.
    """

    values: Mapping[Dimension, str] = field(default_factory=lambda: NO_VALUES)
    tags: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    sources: Mapping[str, OwnerSource] = field(default_factory=lambda: NO_OWNER_SOURCES)
    refused: Mapping[str, str] = field(default_factory=lambda: EMPTY)


NOBODY: Final = Owner()


# --- assessment -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The verdict on one span: whether it is a call, what it costs and who owns it.

    Attributes:
        span: The span that was read.
        call: What it says about the call.
        prices: One price a model that served the response, the main one first; empty for a
            duplicate or an aggregate that is not counted.
        owner: Who owns it.
        status: The verdict; `priced` only if every price is.
        reasons: Keys of `REASONS`.
        duplicate_of: `trace_id:span_id` of the span that counts instead, or `''`.
        dedupe_rule: The rule that recognised the same call, or `''`.
        provenance: Leaf unit or field to where it came from; units the emitter lost are named.
    """

    span: Span
    call: ModelCall
    prices: tuple[Price, ...]
    owner: Owner
    status: Status
    reasons: tuple[str, ...] = ()
    duplicate_of: str = ""
    dedupe_rule: str = ""
    provenance: Mapping[str, str] = field(default_factory=lambda: EMPTY)

    @property
    def total_usd(self) -> Decimal | None:
        """Exact USD over all models of the response; None unless each of them has a price."""
        if not self.prices:
            return None
        total = Decimal(0)
        for price in self.prices:
            if price.total_usd is None:
                return None
            total += price.total_usd
        return total
