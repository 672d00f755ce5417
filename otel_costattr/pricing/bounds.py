"""What an unpriced call can have cost: least and most over what its provider is known to charge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from otel_costattr.model import Unit
from otel_costattr.pricing.book import PriceBook
from otel_costattr.pricing.entries import PER, Entry
from otel_costattr.pricing.exact import EXACT, amount_usd
from otel_costattr.pricing.plans import INHERITS

Range = tuple[Decimal, Decimal]
_DAY_NS: Final = 86_400 * 1_000_000_000


def bounds(
    book: PriceBook,
    provider: str,
    entries: tuple[Entry, ...],
    counts: Mapping[Unit, int] | None,
    at_ns: int,
) -> Range | None:
    """Return the least and the most USD that counts can have cost; None where nobody can say.

    What is free of charge bounds nothing and is left out.

    Args:
        book: The prices.
        provider: The book's name of the provider, or `''`.
        entries: Prices of the model at any time, where it is known.
        counts: Leaf unit to count.
        at_ns: The call's start, nanoseconds UTC.
    """
    if not counts or not any(counts.values()):
        return None
    own = _ranges(entries)
    known = _provider_ranges(book, provider, at_ns) if provider else {}
    least = most = Decimal(0)
    for unit, count in counts.items():
        if not count:
            continue
        spread = own.get(unit) or known.get(unit)
        if spread is None:
            return None
        least = EXACT.add(least, amount_usd(count, spread[0], PER[unit]))
        most = EXACT.add(most, amount_usd(count, spread[1], PER[unit]))
    return least, most


def _provider_ranges(book: PriceBook, provider: str, at_ns: int) -> Mapping[Unit, Range]:
    key = ("bounds", provider, at_ns // _DAY_NS)
    known: Mapping[Unit, Range] | None = book.memo.get(key)
    if known is None:
        known = _ranges(
            entry
            for seller, model in book.models()
            if seller == provider
            for entry in book.entries(seller, model)
            if entry.valid(at_ns)
        )
        book.memo[key] = known
    return known


def _ranges(entries: Iterable[Entry]) -> dict[Unit, Range]:
    ranges: dict[Unit, Range] = {}
    for entry in entries:
        tables = (
            entry.rates,
            *(v.rates for v in entry.variants),
            *(w.rates for w in entry.windows),
        )
        for table in tables:
            for unit, rate in table.items():
                for value in filter(None, rate.values()):
                    low, high = ranges.get(unit, (value, value))
                    ranges[unit] = (min(low, value), max(high, value))
    return _inherited(ranges)


def _inherited(ranges: dict[Unit, Range]) -> dict[Unit, Range]:
    for unit, sources in INHERITS.items():
        for source, _ in sources:
            if unit not in ranges and source in ranges:
                ranges[unit] = ranges[source]
    if "cache_write" not in ranges and "cache_write_5m" in ranges:
        low, high = ranges["cache_write_5m"]
        ranges["cache_write"] = (low, max(high, ranges.get("cache_write_1h", (low, high))[1]))
    return ranges
