"""The columns of the ledger: name, ClickHouse type and where a line takes it from, once.

The comments that explain them to a reader of the data stand in `clickhouse/migrations/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from otel_costattr.model import (
    DIMENSIONS,
    INPUT_TOKEN_UNITS,
    OUTPUT_TOKEN_UNITS,
    USE_UNITS,
    Unit,
)
from otel_costattr_collector.ledger.draft import Draft

Line: TypeAlias = tuple[object, ...]

_ID: Final = "String"
_NAME: Final = "LowCardinality(String)"
_COUNT: Final = "Int64"
_USD: Final = "Nullable(Decimal(38, 12))"
_TIME: Final = "DateTime64(9, 'UTC')"
_NAMES: Final = "Map(LowCardinality(String), LowCardinality(String))"

_TOOLS: Final = frozenset({"web_search", "web_fetch", "file_search", "code_execution"})
_UNIQUE: Final = frozenset({"user", "session", "external_request_id"})
_UNITS: Final[tuple[Unit, ...]] = (*INPUT_TOKEN_UNITS, *OUTPUT_TOKEN_UNITS, *USE_UNITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column.

    Attributes:
        name: Its name in the table.
        type: Its ClickHouse type, as the engine spells it.
        quantity: Whether a reversal negates it.
    """

    name: str
    type: str
    quantity: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Columns that stand side by side, and where their values come from.

    Attributes:
        columns: The columns.
        cells: What gives the value of each, an expression over `draft` and its attributes; empty
            for what only the batch knows.
    """

    columns: tuple[Column, ...]
    cells: tuple[str, ...]


def _read(*columns: tuple[str, str] | tuple[str, str, str], quantity: bool = False) -> Part:
    """Read each column from an attribute: the one of its own name, or the path that is given."""
    return Part(
        columns=tuple(Column(name=one[0], type=one[1], quantity=quantity) for one in columns),
        cells=tuple(f"draft.{one[2] if len(one) == 3 else one[0]}" for one in columns),
    )


def unit_column(unit: Unit) -> str:
    """Name the column that counts a leaf unit."""
    if unit in _TOOLS:
        return f"{unit}_uses"
    return unit if unit in USE_UNITS else f"{unit}_tokens"


PARTS: Final[tuple[Part, ...]] = (
    _read(
        ("line_id", _ID),
        ("entry", _NAME),
        ("amends", _ID),
        ("cause", _NAME),
        ("call_key", _ID),
        ("source_key", _ID),
    ),
    Part(
        columns=(Column(name="batch_id", type="UInt64"), Column(name="recorded_ns", type=_TIME)),
        cells=(),
    ),
    _read(
        ("event_ns", _TIME),
        # where it came from
        ("trace_id", _ID, "span.trace_id"),
        ("span_id", _ID, "span.span_id"),
        ("parent_span_id", _ID, "span.parent_span_id"),
        ("signal", _NAME, "span.signal"),
        ("service_name", _NAME),
        ("scope_name", _NAME, "span.scope_name"),
        ("scope_version", _NAME, "span.scope_version"),
        ("emitter", _NAME, "call.emitter"),
        # the call
        ("operation", _NAME, "call.operation"),
        ("provider", _NAME),
        ("called_provider", _NAME, "call.provider"),
        ("server_address", _NAME, "call.server_address"),
        ("model", _NAME),
        ("request_model", _NAME, "call.request_model"),
        ("response_model", _NAME),
        ("response_id", _ID, "call.response_id"),
        ("service_tier", _NAME, "call.service_tier"),
        ("requested_service_tier", _NAME, "call.requested_service_tier"),
        ("region", _NAME, "call.region"),
        ("speed", _NAME, "call.speed"),
        ("error_type", _NAME, "call.error_type"),
        # the verdict
        ("status", _NAME),
        ("reason", _NAME),
        ("reasons", "Array(LowCardinality(String))"),
        ("duplicate_of", _ID, "assessment.duplicate_of"),
        ("dedupe_rule", _NAME, "assessment.dedupe_rule"),
    ),
    Part(
        columns=tuple(Column(name=d, type=_ID if d in _UNIQUE else _NAME) for d in DIMENSIONS),
        cells=tuple(f"owned({d!r}, '')" for d in DIMENSIONS),
    ),
    _read(
        ("tags", "Map(LowCardinality(String), String)", "assessment.owner.tags"),
        ("owner_source", _NAMES, "assessment.owner.sources"),
        # what is no model call
        ("cost_type", _NAME, "cost.type"),
        ("cost_source", _NAME, "cost.source"),
        ("cost_metric", _NAME, "cost.metric"),
        ("cost_pool", _NAME, "cost.pool"),
        ("description", _ID, "cost.description"),
        ("run_id", _NAME),
    ),
    _read(("cost_quantity", _USD, "cost.quantity"), quantity=True),
    _read(
        ("lines", _COUNT),
        ("calls", _COUNT),
        ("usage_calls", _COUNT),
        ("duration_ns", "Nullable(Int64)"),
        quantity=True,
    ),
    Part(
        columns=tuple(Column(name=unit_column(u), type=_COUNT, quantity=True) for u in _UNITS),
        cells=tuple(f"counted({u!r}, 0)" for u in _UNITS),
    ),
    _read(
        ("input_usd", _USD, "amounts.input"),
        ("cache_read_usd", _USD, "amounts.cache_read"),
        ("cache_write_usd", _USD, "amounts.cache_write"),
        ("output_usd", _USD, "amounts.output"),
        ("reasoning_usd", _USD, "amounts.reasoning"),
        ("uses_usd", _USD, "amounts.uses"),
        ("other_usd", _USD, "amounts.other"),
        ("amount_usd", _USD, "amounts.total"),
        ("list_usd", _USD, "amounts.list"),
        ("reported_cost_usd", _USD, "reported_usd"),
        quantity=True,
    ),
    _read(("reported_by", _NAME, "call.reported_by")),
    _read(("least_usd", _USD), ("most_usd", _USD), quantity=True),
    _read(
        ("price_entry", _NAME, "price.entry"),
        ("price_book", _NAME, "price.book"),
        ("price_rule", _NAME, "price.rule"),
        ("price_valid_from", f"Nullable({_TIME})", "price.valid_from_ns"),
        ("price_valid_to", f"Nullable({_TIME})", "price.valid_to_ns"),
        ("rates", _NAMES),
        ("provenance", _NAMES, "assessment.provenance"),
    ),
)
"""Every stored column of the ledger, in the order of the table, and where it comes from."""


def _columns(parts: Iterable[Part]) -> tuple[Column, ...]:
    return tuple(column for part in parts for column in part.columns)


COLUMNS: Final[tuple[Column, ...]] = _columns(PARTS)
"""Every stored column of the ledger, in the order of the table."""

LINE_COLUMNS: Final[tuple[Column, ...]] = _columns(part for part in PARTS if part.cells)
"""The columns of a `Line`, in its order: all but those that the batch knows."""

_OFTEN_READ: Final = ("assessment", "span", "call", "price", "amounts", "cost")


def _laid_out(parts: Iterable[Part]) -> Callable[[Draft], Line]:
    """Write the function that the table describes; looking each path up takes four times as long."""
    cells = ", ".join(cell for part in parts for cell in part.cells)
    for name in _OFTEN_READ:
        cells = cells.replace(f"draft.{name}.", f"{name}.")
    source = "\n    ".join(
        (
            "def line_of(draft):",
            *(f"{name} = draft.{name}" for name in _OFTEN_READ),
            "owned = assessment.owner.values.get",
            "counted = draft.counts.get",
            f"return ({cells})",
        )
    )
    written: dict[str, Callable[[Draft], Line]] = {}
    exec(source, {}, written)  # noqa: S102 - names of the table above, nothing from outside
    return written["line_of"]


line_of: Final = _laid_out(PARTS)
"""Lays out a draft in the order of `LINE_COLUMNS`."""


def as_mapping(line: Line) -> Mapping[str, object]:
    """Read a line by the names of its columns."""
    return {column.name: value for column, value in zip(LINE_COLUMNS, line, strict=True)}
