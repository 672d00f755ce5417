"""Describing a book to a person: one row a model, or everything about one model."""

from __future__ import annotations

from collections.abc import Iterator

from otel_costattr.model import Unit
from otel_costattr.pricing.book import PriceBook
from otel_costattr.pricing.changes import text_of_rate
from otel_costattr.pricing.entries import PER, Entry, Rates, Window
from otel_costattr.pricing.exact import plain
from otel_costattr.pricing.reading import day_of, period_of

_COLUMNS: tuple[Unit, ...] = ("input", "cache_read", "cache_write_5m", "output")


def list_rows(book: PriceBook, *, at_ns: int, provider: str) -> Iterator[tuple[str, ...]]:
    """Yield a heading and one row a model: its price at an instant, USD for `PER` of the unit.

    Args:
        book: The book.
        at_ns: The instant, nanoseconds UTC.
        provider: Only this one; `''` for all.
    """
    yield ("provider", "model", *_COLUMNS, "other", "since", "state")
    for owner, model in book.models():
        if provider and owner != provider:
            continue
        entries = book.entries(owner, model)
        entry = next((entry for entry in entries if entry.valid(at_ns)), entries[-1])
        others = [unit for unit in entry.rates if unit not in _COLUMNS]
        yield (
            owner,
            model,
            *(_rate(entry.rates, unit) for unit in _COLUMNS),
            " ".join(f"{unit}={_rate(entry.rates, unit)}" for unit in others),
            "" if entry.from_ns is None else day_of(entry.from_ns),
            _state(book, entry, at_ns),
        )


def show_lines(book: PriceBook, provider: str, model: str) -> Iterator[str]:
    """Yield everything that a book knows about one model, as lines of text."""
    yield f"{provider}/{model}{' (retired)' if book.retired(provider, model) else ''}"
    yield f"spelled: {', '.join(book.names(provider, model))}"
    for entry in book.entries(provider, model):
        yield f"{entry.id}: {period_of(entry)}"
        yield from _rate_lines("  ", entry.rates)
        for variant in entry.variants:
            days = [
                f" {word} {day_of(edge)}"
                for word, edge in (("from", variant.from_ns), ("to", variant.to_ns))
                if edge is not None
            ]
            factor = (
                "" if variant.factor is None else f": every token rate x {plain(variant.factor)}"
            )
            yield f"  when {variant.when}{''.join(days)}{factor}"
            yield from _rate_lines("    ", variant.rates)
        for window in entry.windows:
            yield f"  {_hours(window)}"
            yield from _rate_lines("    ", window.rates)
        for unit, least in entry.minimums.items():
            yield f"  at least {least} {unit} are billed"
        yield f"  source: {entry.source}{', checked ' + entry.checked if entry.checked else ''}"
        for of, source in sorted(entry.sources.items()):
            yield f"  source of {of}: {source}"
        if entry.note:
            yield f"  note: {entry.note}"


def _rate(rates: Rates, unit: Unit) -> str:
    rate = rates.get(unit)
    return "" if rate is None else plain(rate.base_usd) + ("+" if rate.tiers else "")


def _rate_lines(indent: str, rates: Rates) -> Iterator[str]:
    for unit, rate in sorted(rates.items()):
        yield f"{indent}{unit}: {text_of_rate(rate)} USD for {PER[unit]:,}"


def _state(book: PriceBook, entry: Entry, at_ns: int) -> str:
    if book.retired(entry.provider, entry.model):
        return "retired"
    return "" if entry.valid(at_ns) else "not sold"


def _hours(window: Window) -> str:
    ends = [
        f"{second // 3600:02}:{second % 3600 // 60:02}" for second in (window.from_s, window.to_s)
    ]
    days = f" on weekdays {', '.join(map(str, sorted(window.days)))}" if window.days else ""
    return f"from {ends[0]} to {ends[1]} UTC{days}"
