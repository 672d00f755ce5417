"""Saying where a price comes from, in words and numbers that a person can check by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from otel_costattr.model import LineItem, ModelCall, Price
from otel_costattr.pricing.book import PriceBook
from otel_costattr.pricing.engine import find
from otel_costattr.pricing.entries import Entry, Rates
from otel_costattr.pricing.exact import plain
from otel_costattr.pricing.plans import TIERS
from otel_costattr.pricing.reading import day_of, period_of
from otel_costattr.reasons import REASONS


def explain_price(
    call: ModelCall,
    price: Price,
    *,
    at_ns: int,
    book: PriceBook,
    sources: Mapping[str, str] | None = None,
) -> str:
    """Return why a call costs what it costs, as lines of text.

    Args:
        call: What the span said.
        price: What `price()` made of it.
        at_ns: The call's start, nanoseconds UTC.
        book: The book that priced it.
        sources: Leaf unit to where its count came from; None to take the usage's own.
    """
    known = sources if sources is not None else _sources(call)
    parts = (
        _head(call, price, at_ns),
        _formula(price, known),
        _reasons(price),
        _entry(price, book),
        _alternatives(call, price, book),
    )
    return "\n".join(line for part in parts for line in part)


def formula(lines: Sequence[LineItem], sources: Mapping[str, str]) -> list[str]:
    """Return each line item as an aligned line: unit, quantity x rate / per = amount, source.

    Args:
        lines: The items of one price.
        sources: Leaf unit to where its count came from.
    """
    rows = [
        (
            line.unit,
            f"{line.quantity:,}",
            f"{plain(line.rate_usd)} / {line.per:,}",
            plain(line.amount_usd),
            _from(line, sources),
        )
        for line in lines
    ]
    widths = [max((len(row[at]) for row in rows), default=0) for at in range(4)]
    return [
        f"  {row[0]:<{widths[0]}}  {row[1]:>{widths[1]}} x {row[2]:<{widths[2]}}"
        f" = {row[3]:<{widths[3]}}{row[4]}".rstrip()
        for row in rows
    ]


def _sources(call: ModelCall) -> Mapping[str, str]:
    return {} if call.usage is None else {str(unit): s for unit, s in call.usage.sources.items()}


def _from(line: LineItem, sources: Mapping[str, str]) -> str:
    listed = "" if line.rate_usd == line.list_rate_usd else f"  list {plain(line.list_rate_usd)}"
    source = sources.get(line.unit, "")
    return f"{listed}  from {source}" if source else listed


def _head(call: ModelCall, price: Price, at_ns: int) -> Iterator[str]:
    named = call.response_model or call.request_model or "no model"
    status = "committed" if price.committed else price.status
    total = "no price" if price.total_usd is None else f"{plain(price.total_usd)} USD"
    yield f"{named} of {call.provider or 'no provider'}, {day_of(at_ns)} UTC: {total} ({status})"
    if price.list_usd is not None and price.list_usd != price.total_usd:
        yield f"  at published rates: {plain(price.list_usd)} USD"


def _formula(price: Price, sources: Mapping[str, str]) -> Iterator[str]:
    yield from formula(price.lines, sources)
    if price.total_usd is not None and len(price.lines) > 1:
        yield f"  total = {plain(price.total_usd)} USD, rounded once when it is booked"


def _reasons(price: Price) -> Iterator[str]:
    for reason in price.reasons:
        yield f"{reason}: {REASONS.get(reason, '')}"
    if price.bounds_usd is not None:
        least, most = (plain(bound) for bound in price.bounds_usd)
        yield f"between {least} and {most} USD by what this provider charges for known models"


def _entry(price: Price, book: PriceBook) -> Iterator[str]:
    if price.rule:
        yield f"matched by: {price.rule}"
    entry = _found(price, book)
    if entry is None:
        return
    yield f"entry: {entry.id}, valid {period_of(entry)}, book {price.book}"
    yield f"source: {entry.source}{', checked ' + entry.checked if entry.checked else ''}"
    for unit, source in sorted(entry.sources.items()):
        if any(line.unit == unit for line in price.lines):
            yield f"source of {unit}: {source}"
    if entry.note:
        yield f"note: {entry.note}"
    if book.contract.sources:
        yield f"contract: {', '.join(book.contract.sources)}"


def _found(price: Price, book: PriceBook) -> Entry | None:
    seller, _, _ = price.entry.partition("/")
    entries = book.entries(seller, price.model) if price.model else ()
    return next((entry for entry in entries if entry.id == price.entry), None)


def _alternatives(call: ModelCall, price: Price, book: PriceBook) -> Iterator[str]:
    found = find(call, call.response_model, call.request_model, book)
    others = [entry for entry in found.entries if entry.id != price.entry]
    for entry in others:
        yield f"not taken: {entry.id}, valid {period_of(entry)}"
    tier = call.service_tier or call.requested_service_tier
    chosen = _found(price, book)
    if chosen is not None:
        for variant in chosen.variants:
            if variant.when not in {TIERS.get(tier, tier), call.speed, call.region}:
                yield f"not taken: rates of {variant.when}{_variant_rates(variant.rates)}"
    for refused in found.match.refused:
        yield f"refused: {refused} has this name too"
    for spelled in found.match.tried:
        yield f"unknown spelling: {spelled}"


def _variant_rates(rates: Rates) -> str:
    shown = [
        f"{unit} {plain(rate.base_usd)}"
        for unit, rate in rates.items()
        if unit in {"input", "output"}
    ]
    return f" ({', '.join(shown)})" if shown else ""
