"""The columns of the ledger: name, ClickHouse type and where a line takes it from, once.

The comments that explain them to a reader of the data stand in `clickhouse/migrations/`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, TypeAlias

from otel_costattr.model import DIMENSIONS, INPUT_TOKEN_UNITS, OUTPUT_TOKEN_UNITS, USE_UNITS, Unit
from otel_costattr_collector.ledger.draft import Draft

Line: TypeAlias = tuple[object, ...]
Take: TypeAlias = Callable[[Draft], object]

_ID = "String"
_NAME = "LowCardinality(String)"
_COUNT = "Int64"
_USD = "Nullable(Decimal(38, 12))"
_TIME = "DateTime64(9, 'UTC')"
_NAMES = "Map(LowCardinality(String), LowCardinality(String))"

MAX_TIME_NS: Final = 2**63 - 1
_TOOLS: Final = frozenset({"web_search", "web_fetch", "file_search", "code_execution"})
_UNIQUE: Final = frozenset({"user", "session", "external_request_id"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column.

    Attributes:
        name: Its name in the table.
        type: Its ClickHouse type, as the engine spells it.
        take: Takes its value from a draft; None for what the batch knows.
        quantity: Whether a reversal negates it.
    """

    name: str
    type: str
    take: Take | None
    quantity: bool = False


def _at(name: str, kind: str, path: str = "") -> Column:
    return Column(name=name, type=kind, take=attrgetter(path or name))


def _batch(name: str, kind: str) -> Column:
    return Column(name=name, type=kind, take=None)


def _constant(name: str, kind: str, value: object) -> Column:
    return Column(name=name, type=kind, take=lambda _: value)


def _owner(dimension: str) -> Column:
    kind = _ID if dimension in _UNIQUE else _NAME

    def take(draft: Draft) -> object:
        return draft.assessment.owner.values.get(dimension, "")  # type: ignore[call-overload]

    return Column(name=dimension, type=kind, take=take)


def unit_column(unit: Unit) -> str:
    """Name the column that counts a leaf unit."""
    if unit in _TOOLS:
        return f"{unit}_uses"
    return unit if unit in USE_UNITS else f"{unit}_tokens"


def _unit(unit: Unit) -> Column:
    def take(draft: Draft) -> object:
        return draft.counts.get(unit, 0)

    return Column(name=unit_column(unit), type=_COUNT, take=take, quantity=True)


def _quantity(name: str, kind: str, take: Take) -> Column:
    return Column(name=name, type=kind, take=take, quantity=True)


def _usd(name: str, path: str) -> Column:
    return _quantity(name, _USD, attrgetter(path))


def _event_ns(draft: Draft) -> object:
    return min(max(draft.span.start_ns, 0), MAX_TIME_NS)


def _duration_ns(draft: Draft) -> object:
    span = draft.span
    if span.signal != "span" and span.start_ns == span.end_ns:
        return None
    duration = span.end_ns - span.start_ns
    return duration if 0 <= duration <= MAX_TIME_NS else None


def _service_name(draft: Draft) -> object:
    name = draft.span.resource.get("service.name")
    return name if isinstance(name, str) else ""


def _model(draft: Draft) -> object:
    return draft.price.model or draft.response_model or draft.call.request_model


def _rates(draft: Draft) -> object:
    return {line.unit: f"{line.rate_usd:f}/{line.per}" for line in draft.price.lines}


def _bound(place: int) -> Take:
    return lambda draft: None if draft.price.bounds_usd is None else draft.price.bounds_usd[place]


COLUMNS: Final[tuple[Column, ...]] = (
    # what the line is
    _at("line_id", _ID),
    _constant("entry", _NAME, "call"),
    _constant("amends", _ID, ""),
    _constant("cause", _NAME, ""),
    _at("call_key", _ID),
    _at("source_key", _ID),
    _batch("batch_id", "UInt64"),
    _batch("recorded_ns", _TIME),
    Column(name="event_ns", type=_TIME, take=_event_ns),
    # where it came from
    _at("trace_id", _ID, "span.trace_id"),
    _at("span_id", _ID, "span.span_id"),
    _at("parent_span_id", _ID, "span.parent_span_id"),
    _at("signal", _NAME, "span.signal"),
    Column(name="service_name", type=_NAME, take=_service_name),
    _at("scope_name", _NAME, "span.scope_name"),
    _at("scope_version", _NAME, "span.scope_version"),
    _at("emitter", _NAME, "call.emitter"),
    # the call
    _at("operation", _NAME, "call.operation"),
    Column(name="provider", type=_NAME, take=lambda d: d.price.provider or d.call.provider),
    Column(name="model", type=_NAME, take=_model),
    _at("request_model", _NAME, "call.request_model"),
    _at("response_model", _NAME),
    _at("response_id", _ID, "call.response_id"),
    _at("service_tier", _NAME, "call.service_tier"),
    _at("requested_service_tier", _NAME, "call.requested_service_tier"),
    _at("region", _NAME, "call.region"),
    _at("speed", _NAME, "call.speed"),
    _at("error_type", _NAME, "call.error_type"),
    # the verdict
    _at("status", _NAME),
    Column(name="reason", type=_NAME, take=lambda d: d.reasons[0] if d.reasons else ""),
    _at("reasons", "Array(LowCardinality(String))"),
    _at("duplicate_of", _ID, "assessment.duplicate_of"),
    _at("dedupe_rule", _NAME, "assessment.dedupe_rule"),
    # who owns it
    *(_owner(dimension) for dimension in DIMENSIONS),
    _at("tags", "Map(LowCardinality(String), String)", "assessment.owner.tags"),
    _at("owner_source", _NAMES, "assessment.owner.sources"),
    # quantities
    _quantity("lines", _COUNT, lambda _: 1),
    _quantity("calls", _COUNT, attrgetter("calls")),
    _quantity("usage_calls", _COUNT, attrgetter("usage_calls")),
    _quantity("duration_ns", "Nullable(Int64)", _duration_ns),
    *(_unit(unit) for unit in (*INPUT_TOKEN_UNITS, *OUTPUT_TOKEN_UNITS, *USE_UNITS)),
    # money
    _usd("input_usd", "amounts.input"),
    _usd("cache_read_usd", "amounts.cache_read"),
    _usd("cache_write_usd", "amounts.cache_write"),
    _usd("output_usd", "amounts.output"),
    _usd("reasoning_usd", "amounts.reasoning"),
    _usd("uses_usd", "amounts.uses"),
    _usd("other_usd", "amounts.other"),
    _usd("amount_usd", "amounts.total"),
    _usd("list_usd", "amounts.list"),
    _usd("reported_cost_usd", "reported_usd"),
    _at("reported_by", _NAME, "call.reported_by"),
    _quantity("least_usd", _USD, _bound(0)),
    _quantity("most_usd", _USD, _bound(1)),
    # why the amount is what it is
    _at("price_entry", _NAME, "price.entry"),
    _at("price_book", _NAME, "price.book"),
    _at("price_rule", _NAME, "price.rule"),
    _at("price_valid_from", f"Nullable({_TIME})", "price.valid_from_ns"),
    _at("price_valid_to", f"Nullable({_TIME})", "price.valid_to_ns"),
    Column(name="rates", type=_NAMES, take=_rates),
    _at("provenance", _NAMES, "assessment.provenance"),
)
"""Every stored column of the ledger, in the order of the table."""

LINE_COLUMNS: Final[tuple[Column, ...]] = tuple(c for c in COLUMNS if c.take is not None)
"""The columns of a `Line`, in its order: all but those that the batch knows."""

_TAKES: Final[tuple[Take, ...]] = tuple(c.take for c in COLUMNS if c.take is not None)


def line_of(draft: Draft) -> Line:
    """Lay out a draft in the order of `LINE_COLUMNS`."""
    return tuple([take(draft) for take in _TAKES])


def as_mapping(line: Line) -> Mapping[str, object]:
    """Read a line by the names of its columns."""
    return {column.name: value for column, value in zip(LINE_COLUMNS, line, strict=True)}
