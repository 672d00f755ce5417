"""What a line costs at other prices: its call, read back from the ledger, priced again."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from otel_costattr.model import UNITS, ModelCall, Price, Role, Unit, Usage
from otel_costattr.pricing import PriceBook, price

from ..ledger import Line, as_mapping
from ..ledger.columns import LINE_COLUMNS, unit_column
from ..ledger.dates import happened_ns
from ..ledger.draft import rates_of
from ..ledger.money import UNKNOWN, amounts_of

SAID: Final = frozenset(
    {
        "bad_usage",
        "convention_assumed",
        "residual_assumed",
        "aborted",
        "usage_estimated",
        "wrapper_sum",
        "wrapper_residual",
    }
)
"""Reasons that come from the telemetry; all others come from the price book."""

_SUMS: Final = frozenset({"wrapper_sum", "wrapper_residual"})
_PLACES: Final = {column.name: place for place, column in enumerate(LINE_COLUMNS)}
_MONEY: Final = (
    "input_usd",
    "cache_read_usd",
    "cache_write_usd",
    "output_usd",
    "reasoning_usd",
    "uses_usd",
    "other_usd",
    "amount_usd",
    "list_usd",
)
_TELLING: Final = (*_MONEY, "status", "reasons", "provider", "model", "least_usd", "most_usd")
"""A line whose price differs in one of these was priced otherwise."""

_TOLD: Final = tuple(_PLACES[name] for name in _TELLING)


def call_of(values: Mapping[str, Any]) -> ModelCall:
    """Read the call of a line back, as far as its price depends on it.

    Args:
        values: The line by the names of its columns.
    """
    return ModelCall(
        role=_role(values),
        emitter=values["emitter"],
        operation=values["operation"],
        provider=values["called_provider"],
        server_address=values["server_address"],
        request_model=values["request_model"] if is_main(values) else "",
        response_model=values["response_model"],
        response_id=values["response_id"],
        requested_service_tier=values["requested_service_tier"],
        service_tier=values["service_tier"],
        region=values["region"],
        speed=values["speed"],
        usage=usage_of(values),
        reported_cost_usd=values["reported_cost_usd"],
        reported_by=values["reported_by"],
        error_type=values["error_type"],
        reasons=tuple(reason for reason in values["reasons"] if reason in SAID),
    )


def usage_of(values: Mapping[str, Any]) -> Usage | None:
    """Read the counts of a line back; a zero that was measured is told by its source."""
    sources: Mapping[str, str] = values["provenance"]
    counts: dict[Unit, int] = {}
    for unit in UNITS:
        count = values[unit_column(unit)]
        if count or (unit in sources and not sources[unit].startswith("lost: ")):
            counts[unit] = count
    if not counts and not values["usage_calls"]:
        return None
    return Usage(counts=counts, sources={u: sources[u] for u in counts if u in sources})


def is_main(values: Mapping[str, Any]) -> bool:
    """Tell whether a line is its call's first one, not that of a further model."""
    return bool(values["calls"]) or _role(values) == "aggregate"


def _role(values: Mapping[str, Any]) -> Role:
    summed = values["dedupe_rule"] in _SUMS or not _SUMS.isdisjoint(values["reasons"])
    return "aggregate" if summed or values["status"] == "aggregate" else "call"


def repriced(line: Line, book: PriceBook, *, call: ModelCall | None = None) -> Line:
    """Return a line as it would be at the prices of a book; the same line if nothing differs.

    Args:
        line: A head: a call or a rebook.
        book: The prices.
        call: The call to price; that of the line if None.
    """
    made = priced_at(line, book, call=call)
    if all(_same(line[place], made[place]) for place in _TOLD):
        return line
    return made


def priced_at(line: Line, book: PriceBook, *, call: ModelCall | None = None) -> Line:
    """Return a line at the prices of a book, which it names, whether anything differs or not.

    Args:
        line: What counts a call.
        book: The prices.
        call: The call to price; that of the line if None.
    """
    values = as_mapping(line)
    asked = call_of(values) if call is None else call
    found = price(asked, at_ns=happened_ns(values), book=book)[0]
    columns = _columns(values, asked, found)
    made = list(line)
    for name, value in columns.items():
        made[_PLACES[name]] = value
    return tuple(made)


def _same(one: object, other: object) -> bool:
    return one == other if type(one) is not list else tuple(one) == other


def _columns(values: Mapping[str, Any], call: ModelCall, found: Price) -> dict[str, object]:
    amounts = amounts_of(found)
    status, reasons = _status(call, found), _reasons(call, found)
    if amounts is None:
        amounts, status = UNKNOWN, "unpriced"
        reasons = tuple(dict.fromkeys(("bad_usage", *reasons)))
    bounds: tuple[Decimal | None, Decimal | None] = found.bounds_usd or (None, None)
    return {
        **dict(zip(_MONEY, amounts, strict=True)),
        "status": status,
        "reason": reasons[0] if reasons else "",
        "reasons": reasons,
        "provider": found.provider or call.provider,
        "model": found.model or call.response_model or values["request_model"],
        "least_usd": bounds[0],
        "most_usd": bounds[1],
        "price_entry": found.entry,
        "price_book": found.book,
        "price_rule": found.rule,
        "price_valid_from": found.valid_from_ns,
        "price_valid_to": found.valid_to_ns,
        "rates": rates_of(found),
    }


def _status(call: ModelCall, found: Price) -> str:
    if found.committed:
        return "committed"
    if call.role == "aggregate" and found.total_usd is not None:
        return "aggregate"
    return found.status


def _reasons(call: ModelCall, found: Price) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*found.reasons, *call.reasons)))
