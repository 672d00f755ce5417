"""Overlays: what a customer has agreed with providers, written in TOML and laid over a book.

An overlay changes only the fields that it names and never touches the shipped data, so a sync of
published prices leaves it as it is.
"""

from __future__ import annotations

import dataclasses
import hashlib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, cast

from otel_costattr.errors import BadPriceBook
from otel_costattr.model import UNITS, Unit
from otel_costattr.pricing.contract import (
    Capacity,
    Contract,
    Credit,
    Discount,
    FixedRates,
    MetricRate,
    Period,
)
from otel_costattr.pricing.entries import Entry, Rate, Rates
from otel_costattr.pricing.exact import EXACT
from otel_costattr.pricing.matching import Asked, match
from otel_costattr.pricing.providers import SPELLINGS
from otel_costattr.pricing.reading import day_ns, read_entries, read_rates, refuse_unknown, usd
from otel_costattr.pricing.spelling import canonical

if TYPE_CHECKING:
    from otel_costattr.pricing.book import PriceBook

Table = Mapping[str, Any]
MAX_PER: Final = 10**9
"""No rate buys more of a metric at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """One contract: well-formed, but not yet checked against a book.

    Attributes:
        name: What it calls itself, or where it was read.
        digest: SHA-256 of its text, hex.
        tables: Kind of agreement to the agreements, as written.
        currency: Currency of its amounts, ISO 4217.
        usd_per_unit: USD for one unit of that currency.
    """

    name: str
    digest: str
    tables: Mapping[str, tuple[Table, ...]]
    currency: str
    usd_per_unit: Decimal

    def onto(self, book: PriceBook) -> Contract:
        """Return what the contract of a book becomes.

        Raises:
            BadPriceBook: A table names a provider or a model that does not exist.
        """
        contract = book.contract
        for kind, add in _ADD.items():
            for at, table in enumerate(self.tables.get(kind, ()), start=1):
                where = f"{self.name}: {kind} {at}"
                contract = add(_Desk(where, self, book.with_contract(contract)), table)
        return dataclasses.replace(
            contract,
            sources=(*contract.sources, self.name),
            currency=self.currency,
            usd_per_unit=self.usd_per_unit,
        )


def read_overlay(text: str, *, source: str) -> Overlay:
    """Read an overlay.

    Args:
        text: TOML.
        source: Where it was read, for messages and explanations.

    Raises:
        BadPriceBook: It is no TOML, a key is unknown or a value cannot be true.
    """
    try:
        raw = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise BadPriceBook(f"{source}: {error}") from None
    refuse_unknown(source, raw, ("name", "currency", "usd_per_unit", *_KEYS))
    currency, usd_per_unit = _currency(source, raw)
    tables = {kind: tuple(_tables(source, kind, raw[kind])) for kind in _KEYS if kind in raw}
    return Overlay(
        name=str(raw.get("name", source)),
        digest=hashlib.sha256(text.encode()).hexdigest(),
        tables=tables,
        currency=currency,
        usd_per_unit=usd_per_unit,
    )


def _tables(source: str, kind: str, raw: object) -> Iterator[Table]:
    if not isinstance(raw, list):
        raise BadPriceBook(f"{source}: {kind} is no list of tables; write [[{kind}]]")
    known, needed = _KEYS[kind]
    for at, table in enumerate(raw, start=1):
        where = f"{source}: {kind} {at}"
        refuse_unknown(where, table, known)
        for key in needed:
            if key not in table:
                raise BadPriceBook(f"{where}: {key} is missing")
        yield table


def _currency(source: str, raw: Table) -> tuple[str, Decimal]:
    currency = str(raw.get("currency", "USD"))
    if currency != "USD" and "usd_per_unit" not in raw:
        raise BadPriceBook(f"{source}: currency is {currency}; say usd_per_unit, such as 1.08")
    usd_per_unit = usd(f"{source}: usd_per_unit", raw.get("usd_per_unit", 1))
    if not usd_per_unit or (currency == "USD" and usd_per_unit != 1):
        raise BadPriceBook(f"{source}: usd_per_unit is {usd_per_unit} for {currency}")
    return currency, usd_per_unit


# --- laying one table over a book -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Desk:
    """Where one table is laid: its place for messages, its overlay and the book so far."""

    where: str
    overlay: Overlay
    book: PriceBook

    @property
    def contract(self) -> Contract:
        return self.book.contract

    def provider(self, table: Table) -> str:
        spelled = str(table["provider"]).strip().lower()
        provider = self.contract.spellings.get(spelled) or SPELLINGS.get(spelled, spelled)
        if not self.book.knows(provider):
            raise BadPriceBook(f"{self.where}: provider {spelled!r} is unknown")
        return provider

    def period(self, table: Table) -> Period:
        return Period(
            from_ns=day_ns(self.where, "from", table.get("from")),
            to_ns=day_ns(self.where, "to", table.get("to")),
        )

    def pattern(self, provider: str, table: Table) -> str:
        pattern = str(table.get("model", "*")).lower()
        sold = (provider, *self.book.sellers(provider))
        models = {model for seller, model in self.book.models() if seller in sold}
        if any(fnmatchcase(model, pattern) for model in models):
            return pattern
        for seller in sold:
            known = self.book.model_of(seller, canonical(pattern))
            if known:
                return known
        raise BadPriceBook(f"{self.where}: model {pattern!r} matches no model of {provider}")

    def rates(self, raw: object) -> Rates:
        factor = self.overlay.usd_per_unit
        return {unit: _times(rate, factor) for unit, rate in read_rates(self.where, raw).items()}


def _times(rate: Rate, factor: Decimal) -> Rate:
    return rate if factor == 1 else rate.scaled(factor)


def _add_provider(desk: _Desk, table: Table) -> Contract:
    spelled = str(table["spelling"]).strip().lower()
    provider = desk.provider(table)
    known = SPELLINGS.get(spelled)
    if known is not None and known != provider:
        raise BadPriceBook(f"{desk.where}: {spelled!r} already means {known}")
    return dataclasses.replace(
        desk.contract, spellings={**desk.contract.spellings, spelled: provider}
    )


def _add_model(desk: _Desk, table: Table) -> Contract:
    spelled = str(table["provider"]).strip().lower()
    provider = SPELLINGS.get(spelled, spelled)
    model = canonical(str(table["model"]))
    names = [model, *(canonical(str(name)) for name in table.get("names", ()))]
    for name in names:
        if desk.book.model_of(provider, name):
            raise BadPriceBook(f"{desk.where}: {provider} already has {name!r}; use [[rates]]")
    own = _own_entries(desk, provider, model, table)
    contract = desk.contract
    models = {**contract.models.get(provider, {}), **dict.fromkeys(names, model)}
    return dataclasses.replace(
        contract,
        models={**contract.models, provider: models},
        entries={**contract.entries, (provider, model): own},
    )


def _own_entries(desk: _Desk, provider: str, model: str, table: Table) -> tuple[Entry, ...]:
    like = table.get("like")
    if like is not None:
        rates = desk.rates(table.get("rates", {}))
        return tuple(
            dataclasses.replace(
                entry,
                id=_renamed(entry, provider, model),
                provider=provider,
                model=model,
                rates={**entry.rates, **rates},
                source=desk.overlay.name,
                note=f"like {entry.id}",
            )
            for entry in _entries_like(desk, provider, str(like))
        )
    prices = table.get("prices")
    if prices is None:
        keys = ("from", "to", "rates", "minimums")
        prices = [{key: table[key] for key in keys if key in table}]
    entries = read_entries(provider, model, prices, source=desk.overlay.name, checked="")
    factor = desk.overlay.usd_per_unit
    return tuple(
        dataclasses.replace(
            entry, rates={unit: _times(rate, factor) for unit, rate in entry.rates.items()}
        )
        for entry in entries
    )


def _renamed(entry: Entry, provider: str, model: str) -> str:
    _, at, day = entry.id.removeprefix(f"{entry.provider}/{entry.model}").partition("@")
    return f"{provider}/{model}{at}{day}"


def _entries_like(desk: _Desk, provider: str, like: str) -> tuple[Entry, ...]:
    found = _sold_by(desk, provider, like) or _sold_by(desk, "", like)
    if found is None:
        raise BadPriceBook(f"{desk.where}: model {like!r} is unknown")
    return desk.book.entries(*found)


def _sold_by(desk: _Desk, provider: str, model: str) -> tuple[str, str] | None:
    asked = Asked(provider=provider, host="", response_model=model, request_model="")
    found = match(asked, desk.book)
    return (found.seller, found.model) if found.model else None


def _add_alias(desk: _Desk, table: Table) -> Contract:
    provider = desk.provider(table)
    found = _sold_by(desk, provider, str(table["model"]))
    if found is None:
        raise BadPriceBook(f"{desk.where}: {provider} sells no model {table['model']!r}")
    names = [table["name"]] if isinstance(table["name"], str) else table["name"]
    aliases = {(provider, canonical(str(name))): found for name in names}
    return dataclasses.replace(desk.contract, aliases={**desk.contract.aliases, **aliases})


def _add_rates(desk: _Desk, table: Table) -> Contract:
    provider = desk.provider(table)
    fixed = FixedRates(
        provider=provider,
        model=desk.pattern(provider, table),
        rates=desk.rates(table["rates"]),
        period=desk.period(table),
        source=desk.overlay.name,
    )
    return dataclasses.replace(desk.contract, fixed=(*desk.contract.fixed, fixed))


def _add_discount(desk: _Desk, table: Table) -> Contract:
    provider = desk.provider(table)
    percent = usd(f"{desk.where}: percent", table["percent"])
    if percent > 100:
        raise BadPriceBook(f"{desk.where}: percent is {percent}; a discount is 0 to 100")
    units = frozenset(table.get("units", ()))
    for unit in units - set(UNITS):
        raise BadPriceBook(f"{desk.where}: unknown unit {unit!r}; known are {', '.join(UNITS)}")
    discount = Discount(
        provider=provider,
        model=desk.pattern(provider, table),
        keep=EXACT.divide(EXACT.subtract(Decimal(100), percent), Decimal(100)),
        units=cast("frozenset[Unit]", units),
        period=desk.period(table),
        source=desk.overlay.name,
    )
    return dataclasses.replace(desk.contract, discounts=(*desk.contract.discounts, discount))


def _add_capacity(desk: _Desk, table: Table) -> Contract:
    capacity = Capacity(
        provider=desk.provider(table),
        names=frozenset(canonical(str(name)) for name in table.get("names", ())),
        host=str(table.get("host", "")).strip().lower(),
        period=desk.period(table),
        source=desk.overlay.name,
    )
    if not capacity.names and not capacity.host:
        raise BadPriceBook(
            f"{desk.where}: name deployments in names, or the host they stand behind"
        )
    return dataclasses.replace(desk.contract, capacities=(*desk.contract.capacities, capacity))


def _add_credit(desk: _Desk, table: Table) -> Contract:
    amount = usd(f"{desk.where}: amount", table["amount"])
    credit = Credit(
        provider=desk.provider(table),
        amount_usd=EXACT.multiply(amount, desk.overlay.usd_per_unit),
        period=desk.period(table),
        note=str(table.get("note", "")),
        source=desk.overlay.name,
    )
    return dataclasses.replace(desk.contract, credits=(*desk.contract.credits, credit))


def _add_metric(desk: _Desk, table: Table) -> Contract:
    source, metric = (str(table[key]).strip().lower() for key in ("source", "metric"))
    per = table.get("per", 1)
    if type(per) is not int or not 1 <= per <= MAX_PER or not source or not metric:
        raise BadPriceBook(f"{desk.where}: write source, metric and, as a whole number, per")
    rate = MetricRate(
        source=source,
        metric=metric,
        rate_usd=EXACT.multiply(
            usd(f"{desk.where}: rate", table["rate"]), desk.overlay.usd_per_unit
        ),
        per=per,
        period=desk.period(table),
        origin=desk.overlay.name,
    )
    for other in desk.contract.metrics:
        same = (other.source, other.metric, other.origin) == (source, metric, rate.origin)
        if same and other.period.overlaps(rate.period):
            raise BadPriceBook(f"{desk.where}: overlaps {other.entry}; end the earlier rate first")
    return dataclasses.replace(desk.contract, metrics=(*desk.contract.metrics, rate))


_ADD: Final[Mapping[str, Callable[[_Desk, Table], Contract]]] = {
    "model": _add_model,
    "provider": _add_provider,
    "alias": _add_alias,
    "rates": _add_rates,
    "discount": _add_discount,
    "capacity": _add_capacity,
    "credit": _add_credit,
    "metric": _add_metric,
}
"""Kind of table to what it adds, in the order in which the kinds are laid."""

_KEYS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "model": (
        ("provider", "model", "names", "like", "rates", "prices", "from", "to", "minimums"),
        ("provider", "model"),
    ),
    "provider": (("spelling", "provider"), ("spelling", "provider")),
    "alias": (("provider", "name", "model"), ("provider", "name", "model")),
    "rates": (("provider", "model", "rates", "from", "to"), ("provider", "rates")),
    "discount": (("provider", "model", "percent", "units", "from", "to"), ("provider", "percent")),
    "capacity": (("provider", "names", "host", "from", "to"), ("provider",)),
    "credit": (("provider", "amount", "from", "to", "note"), ("provider", "amount")),
    "metric": (("source", "metric", "rate", "per", "from", "to"), ("source", "metric", "rate")),
}
"""Kind of table to the keys that it may have and those that it must have."""
