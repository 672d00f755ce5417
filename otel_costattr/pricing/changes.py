"""What differs between two books, rate by rate, with the effect in percent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from otel_costattr.pricing.book import PriceBook
from otel_costattr.pricing.entries import Entry, Rate, Rates
from otel_costattr.pricing.exact import EXACT, plain
from otel_costattr.pricing.reading import day_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference.

    Attributes:
        where: `provider/model`, with the period or the variant that it is about.
        what: A leaf unit, `names` or `price`.
        before: As it was, or `''`.
        after: As it is, or `''`.
        percent: By how much a rate rose; None where that says nothing.
    """

    where: str
    what: str
    before: str
    after: str
    percent: Decimal | None = None

    def text(self) -> str:
        """Return it as one line."""
        effect = (
            "" if self.percent is None else f"  ({'+' if self.percent > 0 else ''}{self.percent} %)"
        )
        return (
            f"{self.where}: {self.what}: {self.before or 'none'} -> {self.after or 'none'}{effect}"
        )


def changes(before: PriceBook, after: PriceBook) -> Iterator[Change]:
    """Yield what is new, gone or different in `after`, sorted by provider and model."""
    for provider, model in sorted({*before.models(), *after.models()}):
        where = f"{provider}/{model}"
        olds, news = before.entries(provider, model), after.entries(provider, model)
        if not olds or not news:
            yield Change(
                where=where,
                what="price",
                before="known" if olds else "",
                after="known" if news else "",
            )
            continue
        names = [", ".join(book.names(provider, model)) for book in (before, after)]
        if names[0] != names[1]:
            yield Change(where=where, what="names", before=names[0], after=names[1])
        if after.retired(provider, model) != before.retired(provider, model):
            word = {True: "retired", False: "listed"}
            yield Change(
                where=where,
                what="price",
                before=word[before.retired(provider, model)],
                after=word[after.retired(provider, model)],
            )
        yield from _periods(where, olds, news)


def _periods(where: str, olds: tuple[Entry, ...], news: tuple[Entry, ...]) -> Iterator[Change]:
    for new in news:
        old = next((entry for entry in olds if entry.valid(new.from_ns or 0)), olds[0])
        period = f"{where} from {day_of(new.from_ns)}" if new.from_ns else where
        if old.from_ns != new.from_ns or old.to_ns != new.to_ns:
            yield Change(where=period, what="validity", before=_valid(old), after=_valid(new))
        yield from _rates(period, old.rates, new.rates)
        yield from _variants(period, old, new)


def _valid(entry: Entry) -> str:
    ends = ["" if edge is None else day_of(edge) for edge in (entry.from_ns, entry.to_ns)]
    return " to ".join(ends)


def _variants(where: str, old: Entry, new: Entry) -> Iterator[Change]:
    olds: Mapping[str, Rates] = {variant.when: variant.rates for variant in old.variants}
    news: Mapping[str, Rates] = {variant.when: variant.rates for variant in new.variants}
    for when in sorted({*olds, *news}):
        if when not in olds or when not in news:
            yield Change(
                where=where,
                what=f"rates of {when}",
                before="known" if when in olds else "",
                after="known" if when in news else "",
            )
        else:
            yield from _rates(f"{where} {when}", olds[when], news[when])


def _rates(where: str, olds: Rates, news: Rates) -> Iterator[Change]:
    for unit in sorted({*olds, *news}):
        old, new = olds.get(unit), news.get(unit)
        if old != new:
            yield Change(
                where=where,
                what=unit,
                before=text_of_rate(old),
                after=text_of_rate(new),
                percent=_percent(old, new),
            )


def text_of_rate(rate: Rate | None) -> str:
    """Return a rate with its tiers as text, USD; `''` for none."""
    if rate is None:
        return ""
    tiers = "".join(f", {plain(tier.rate_usd)} from {tier.first:,}" for tier in rate.tiers)
    return plain(rate.base_usd) + tiers


def _percent(old: Rate | None, new: Rate | None) -> Decimal | None:
    if old is None or new is None or not old.base_usd:
        return None
    ratio = EXACT.divide(new.base_usd, old.base_usd)
    return ((ratio - 1) * 100).quantize(Decimal("0.1"), rounding=ROUND_HALF_EVEN)
