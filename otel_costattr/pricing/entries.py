"""Price entries: what one model costs in one period, in USD for `PER[unit]` of each leaf unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from otel_costattr.model import INPUT_TOKEN_UNITS, OUTPUT_TOKEN_UNITS, UNITS, Unit
from otel_costattr.pricing.exact import EXACT

TOKEN_UNITS: Final[frozenset[str]] = frozenset((*INPUT_TOKEN_UNITS, *OUTPUT_TOKEN_UNITS))

_PER_USE: Final = {
    "characters": 1_000_000,
    "seconds_input_audio": 3_600,
    "seconds_output_audio": 3_600,
}
PER: Final[Mapping[Unit, int]] = MappingProxyType(
    {unit: 1_000_000 if unit in TOKEN_UNITS else _PER_USE.get(unit, 1_000) for unit in UNITS}
)
"""How many of a unit a rate buys: a million tokens or characters, an hour, a thousand uses."""

_NS: Final = 1_000_000_000
_DAY_S: Final = 86_400
_THURSDAY: Final = 3  # 1970-01-01 was one


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A higher rate for all tokens of a call whose input is long.

    Attributes:
        threshold: Total input tokens, cached ones included.
        inclusive: Whether the threshold itself already costs `rate_usd`.
        rate_usd: USD for `PER[unit]` of the unit.
    """

    threshold: int
    inclusive: bool
    rate_usd: Decimal

    @property
    def first(self) -> int:
        """The least number of input tokens that costs this tier's rate."""
        return self.threshold if self.inclusive else self.threshold + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What `PER[unit]` of a unit costs.

    Attributes:
        base_usd: USD below every tier.
        tiers: Long-context tiers, ascending.
    """

    base_usd: Decimal
    tiers: tuple[Tier, ...] = ()

    def at(self, input_total: int) -> Decimal:
        """Return the USD rate of a call with `input_total` input tokens, cached ones included."""
        chosen = self.base_usd
        for tier in self.tiers:
            if input_total >= tier.first:
                chosen = tier.rate_usd
        return chosen

    def values(self) -> Iterator[Decimal]:
        """Yield every USD rate that it can be."""
        yield self.base_usd
        for tier in self.tiers:
            yield tier.rate_usd

    def scaled(self, factor: Decimal) -> Rate:
        """Return it with every USD rate multiplied by `factor`."""
        return Rate(
            base_usd=EXACT.multiply(self.base_usd, factor),
            tiers=tuple(
                Tier(
                    threshold=tier.threshold,
                    inclusive=tier.inclusive,
                    rate_usd=EXACT.multiply(tier.rate_usd, factor),
                )
                for tier in self.tiers
            ),
        )


Rates = Mapping[Unit, Rate]

NO_RATES: Final[Rates] = MappingProxyType({})
NO_MINIMUMS: Final[Mapping[Unit, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Rates that replace some of an entry's when a call was served in a certain way.

    Attributes:
        when: `batch`, `flex`, `priority`, `fast`, or a region such as `eu`.
        from_ns: First instant, nanoseconds UTC; None for since ever.
        to_ns: End, exclusive; None for open.
        rates: The rates that it replaces.
        factor: Multiplies every token rate that `rates` does not replace; None for none.
        source: Who published it.
    """

    when: str
    from_ns: int | None = None
    to_ns: int | None = None
    rates: Rates = field(default_factory=lambda: NO_RATES)
    factor: Decimal | None = None
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Rates for some hours of each day.

    Attributes:
        from_s: Start, seconds after midnight UTC.
        to_s: End, exclusive; less than `from_s` where the window spans midnight.
        rates: The rates that it replaces.
        days: Weekdays of the instant in UTC, 1 for Monday to 7; empty for every day.
    """

    from_s: int
    to_s: int
    rates: Rates
    days: frozenset[int] = frozenset()

    def holds(self, at_ns: int) -> bool:
        """Tell whether an instant, nanoseconds UTC, lies inside."""
        day, second = divmod(at_ns // _NS, _DAY_S)
        if self.days and (day + _THURSDAY) % 7 + 1 not in self.days:
            return False
        if self.to_s < self.from_s:
            return second >= self.from_s or second < self.to_s
        return self.from_s <= second < self.to_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The price of one model in one period.

    Attributes:
        id: `provider/model`, with `@<first day>` where it has one.
        provider: The book's name of the provider.
        model: The book's name of the model.
        from_ns: First instant, nanoseconds UTC; None for since ever.
        to_ns: End, exclusive; None for open.
        rates: Leaf unit to rate.
        variants: What replaces rates for a tier, speed or region.
        windows: What replaces rates at some hours.
        minimums: Leaf unit to the least quantity that is billed, if any is used.
        source: Where the price was published or taken from.
        checked: The UTC day on which somebody compared it, ISO 8601.
        note: What a reader should know, or `''`.
        sources: Leaf unit to the source of its rate, where it is another one.
    """

    id: str
    provider: str
    model: str
    from_ns: int | None
    to_ns: int | None
    rates: Rates
    variants: tuple[Variant, ...] = ()
    windows: tuple[Window, ...] = ()
    minimums: Mapping[Unit, int] = field(default_factory=lambda: NO_MINIMUMS)
    source: str = ""
    checked: str = ""
    note: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)

    def valid(self, at_ns: int) -> bool:
        """Tell whether it is the price at an instant, nanoseconds UTC."""
        return (self.from_ns is None or self.from_ns <= at_ns) and (
            self.to_ns is None or at_ns < self.to_ns
        )
