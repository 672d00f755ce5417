"""What a customer has agreed with providers: discounts, rates, own models, capacity, credits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Final

from otel_costattr.model import Unit
from otel_costattr.pricing.entries import Entry, Rate, Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A stretch of time.

    Attributes:
        from_ns: First instant, nanoseconds UTC; None for since ever.
        to_ns: End, exclusive; None for open.
    """

    from_ns: int | None = None
    to_ns: int | None = None

    def holds(self, at_ns: int) -> bool:
        """Tell whether an instant, nanoseconds UTC, lies inside."""
        return (self.from_ns is None or self.from_ns <= at_ns) and (
            self.to_ns is None or at_ns < self.to_ns
        )

    def overlaps(self, other: Period) -> bool:
        """Tell whether some instant lies inside both."""
        starts_before = other.to_ns is None or self.from_ns is None or self.from_ns < other.to_ns
        ends_after = self.to_ns is None or other.from_ns is None or other.from_ns < self.to_ns
        return starts_before and ends_after


ALWAYS: Final = Period()


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """A share off the published rates.

    Attributes:
        provider: The book's name of the provider.
        model: A pattern over the book's names of models; `*` stands for anything.
        keep: What remains of a rate: 0.9 after 10 percent.
        units: The leaf units that it is for; empty for all.
        period: When it holds.
        source: The overlay that grants it.
    """

    provider: str
    model: str
    keep: Decimal
    units: frozenset[Unit] = frozenset()
    period: Period = ALWAYS
    source: str = ""

    def grants(self, provider: str, model: str, at_ns: int) -> bool:
        """Tell whether it holds for a model of a provider at an instant, nanoseconds UTC."""
        return (
            self.provider == provider
            and self.period.holds(at_ns)
            and fnmatchcase(model, self.model)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedRates:
    """Rates that replace published ones, unit by unit.

    Attributes:
        provider: The book's name of the provider.
        model: A pattern over the book's names of models.
        rates: Leaf unit to agreed rate in USD.
        period: When they hold.
        source: The overlay that agrees them.
    """

    provider: str
    model: str
    rates: Rates
    period: Period = ALWAYS
    source: str = ""

    def grants(self, provider: str, model: str, at_ns: int) -> bool:
        """Tell whether it holds for a model of a provider at an instant, nanoseconds UTC."""
        return (
            self.provider == provider
            and self.period.holds(at_ns)
            and fnmatchcase(model, self.model)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Provisioned capacity: paid as a whole, so the calls that it serves are only counted.

    Attributes:
        provider: The book's name of the provider.
        names: Deployment or model names as spans spell them, lower case; empty for all.
        host: Host of the API that it stands behind, or `''` for any.
        period: When it is paid for.
        source: The overlay that says so.
    """

    provider: str
    names: frozenset[str] = frozenset()
    host: str = ""
    period: Period = ALWAYS
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """An amount that a provider grants; it lowers an invoice, never the price of a call.

    Attributes:
        provider: The book's name of the provider.
        amount_usd: How much, USD.
        period: When it can be used.
        note: What it is for.
        source: The overlay that grants it.
    """

    provider: str
    amount_usd: Decimal
    period: Period = ALWAYS
    note: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRate:
    """What something that is no model costs.

    Attributes:
        source: Who charges it, such as `elevenlabs`, lower case.
        metric: What is counted, such as `characters`, lower case.
        rate_usd: USD for `per` of it.
        per: How much of it the rate buys.
        period: When it holds.
        origin: The overlay that says so.
    """

    source: str
    metric: str
    rate_usd: Decimal
    per: int = 1
    period: Period = ALWAYS
    origin: str = ""

    @property
    def entry(self) -> str:
        """How the ledger names it: `source/metric`, with `@` and the start where it has one."""
        if self.period.from_ns is None:
            return f"{self.source}/{self.metric}"
        day = datetime.fromtimestamp(self.period.from_ns // 10**9, tz=UTC).date()
        return f"{self.source}/{self.metric}@{day.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """Everything that overlays add to a book.

    Attributes:
        discounts: Later ones win.
        fixed: Later ones win, unit by unit.
        capacities: Provisioned capacity.
        credits: Granted amounts.
        metrics: Rates of what is no model.
        models: Provider to spelling to model, of own models.
        entries: Provider and model to the prices of own models.
        aliases: Provider and spelling to whose model, and which.
        spellings: Lower-case provider names in spans to the book's name.
        sources: Names of the overlays, in the order in which they were laid.
        currency: Currency of the contract, ISO 4217.
        usd_per_unit: USD for one unit of that currency.
    """

    discounts: tuple[Discount, ...] = ()
    fixed: tuple[FixedRates, ...] = ()
    capacities: tuple[Capacity, ...] = ()
    credits: tuple[Credit, ...] = ()
    metrics: tuple[MetricRate, ...] = ()
    models: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    entries: Mapping[tuple[str, str], tuple[Entry, ...]] = field(default_factory=dict)
    aliases: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    spellings: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    currency: str = "USD"
    usd_per_unit: Decimal = Decimal(1)

    def edges_ns(self) -> tuple[int, ...]:
        """Return every instant, nanoseconds UTC, at which an agreed rate starts or ends."""
        periods = (
            *(discount.period for discount in self.discounts),
            *(fixed.period for fixed in self.fixed),
        )
        return tuple(
            edge
            for period in periods
            for edge in (period.from_ns, period.to_ns)
            if edge is not None
        )

    def fixed_rates(self, provider: str, model: str, at_ns: int) -> Rates:
        """Return the agreed rates of a model at an instant, nanoseconds UTC."""
        rates: dict[Unit, Rate] = {}
        for fixed in self.fixed:
            if fixed.grants(provider, model, at_ns):
                rates.update(fixed.rates)
        return rates

    def discounted(self, provider: str, model: str, unit: Unit, listed: Rate, at_ns: int) -> Rate:
        """Return a published rate after the discount that holds, if any does.

        Args:
            provider: The book's name of the provider.
            model: The book's name of the model.
            unit: The leaf unit.
            listed: The published rate.
            at_ns: The call's start, nanoseconds UTC.
        """
        for discount in reversed(self.discounts):
            if (not discount.units or unit in discount.units) and discount.grants(
                provider, model, at_ns
            ):
                return listed.scaled(discount.keep)
        return listed

    def capacity(self, provider: str, names: frozenset[str], host: str, at_ns: int) -> str:
        """Return the source of the provisioned capacity that serves a call, or `''`.

        Args:
            provider: The book's name of the provider.
            names: Request and response model, lower case.
            host: Host of the API, lower case.
            at_ns: The call's start, nanoseconds UTC.
        """
        for capacity in self.capacities:
            if (
                capacity.provider == provider
                and capacity.period.holds(at_ns)
                and (not capacity.names or capacity.names & names)
                and (not capacity.host or capacity.host == host)
            ):
                return capacity.source
        return ""


NO_CONTRACT: Final = Contract()
