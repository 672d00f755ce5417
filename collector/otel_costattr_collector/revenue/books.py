"""The books of revenue and of currency rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from typing import Any, Final

from otel_costattr.errors import BadInput
from otel_costattr_collector.access.errors import Forbidden
from otel_costattr_collector.inputs import InputTable
from otel_costattr_collector.outcomes import Taken
from otel_costattr_collector.revenue.records import CurrencyRate, Revenue, period_of
from otel_costattr_collector.store import Store

_NAME: Final = "LowCardinality(String)"
_MONEY: Final = "Decimal(38, 12)"
_RATES: Final = {
    "currency": _NAME,
    "first_day": "Date",
    "last_day": "Date",
    "usd": _MONEY,
    "source": "String",
}
_REVENUE: Final = {
    "tenant": _NAME,
    "plan": _NAME,
    "feature": _NAME,
    "first_day": "Date",
    "last_day": "Date",
    "amount": _MONEY,
    "currency": _NAME,
    "rate_day": "Date",
    "rate_usd": _MONEY,
    "rate_source": "String",
    "amount_usd": _MONEY,
    "description": "String",
}
_KNOWN: Final = (
    "SELECT any(currency), any(first_day), any(last_day), any(usd), any(source)"
    " FROM currency_rates WHERE currency IN {currencies:Array(String)} GROUP BY id"
)
_EXACT: Final = Context(prec=76)
_UNIT: Final = Decimal("1E-12")
_MOST_USD: Final = Decimal("1E12")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What one unit of a currency is worth.

    Attributes:
        first: First day.
        last: Last day, included.
        usd: USD for one unit.
        source: Who says so.
    """

    first: date
    last: date
    usd: Decimal
    source: str


class RateBook:
    """Keeps rates of currencies; no two of one currency hold for the same day.

    Args:
        store: Where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store: Final = store
        self._table: Final = InputTable(store, "currency_rates", _RATES, what="currency rate")

    def take(self, rates: Sequence[CurrencyRate]) -> Taken:
        """Write those that are new; all of them or, after a refusal, none.

        Raises:
            BadInput: One is for USD, ends before it starts or overlaps another one.
            Conflict: Another rate is known from the same day on.
            StoreError: The store refused or did not answer.
        """

        def make(places: Sequence[int]) -> list[dict[str, Any]]:
            new = [rates[place] for place in places]
            known = self.of({rate.currency for rate in new})
            for rate in new:
                _place(rate, known.setdefault(rate.currency, []))
            return [rate.model_dump() | {"last_day": rate.last} for rate in new]

        return self._table.take([(rate.id, rate) for rate in rates], make)

    def of(self, currencies: set[str]) -> dict[str, list[Rate]]:
        """Return all rates of some currencies.

        Raises:
            StoreError: The store refused or did not answer.
        """
        found: dict[str, list[Rate]] = {}
        for currency, *rest in self._store.query(_KNOWN, {"currencies": list(currencies)}).rows:
            first, last, usd, source = rest
            rate = Rate(first=first, last=last, usd=usd, source=source)
            found.setdefault(currency, []).append(rate)
        return found


def _place(rate: CurrencyRate, known: list[Rate]) -> None:
    if rate.currency == "USD":
        raise BadInput("USD needs no rate: it is what everything is told in")
    if rate.last < rate.first_day:
        raise BadInput(f"rate {rate.id} ends on {rate.last}, before it starts")
    for other in known:
        if rate.first_day <= other.last and other.first <= rate.last:
            raise BadInput(
                f"rate {rate.id} to {rate.last} overlaps the one from {other.first} to {other.last}"
            )
    known.append(Rate(first=rate.first_day, last=rate.last, usd=rate.usd, source=rate.source))


class RevenueBook:
    """Keeps revenue, told in USD by the rate of its day when it is posted.

    Args:
        store: Where it is kept.
        rates: Knows the currencies.
    """

    def __init__(self, store: Store, rates: RateBook) -> None:
        self._rates: Final = rates
        self._table: Final = InputTable(store, "revenue", _REVENUE, what="revenue")

    def take(self, posted: Sequence[Revenue], *, tenant: str = "") -> Taken:
        """Write what is new; all of it or, after a refusal, nothing.

        Args:
            posted: The records.
            tenant: The only tenant that the sender may write as, or `''` for all.

        Raises:
            BadInput: A period is none, or there is no rate for a currency on its day.
            Conflict: An id is known, or comes twice here, with other content.
            Forbidden: The sender belongs to a tenant: what customers pay is told by us alone.
            StoreError: The store refused or did not answer.
        """
        if tenant:
            raise Forbidden("a key of one tenant does not tell what that tenant pays")

        def make(places: Sequence[int]) -> list[dict[str, Any]]:
            new = [posted[place] for place in places]
            foreign = {one.currency for one in new} - {"USD"}
            rates = self._rates.of(foreign) if foreign else {}
            return [_row(one, rates) for one in new]

        for one in posted:
            period_of(one.period)
        return self._table.take([(one.id, one) for one in posted], make)


def _row(one: Revenue, rates: dict[str, list[Rate]]) -> dict[str, Any]:
    period = period_of(one.period)
    day = one.rate_day or period.first
    rate = _rate(one, day, rates)
    amount_usd = _EXACT.multiply(one.amount, rate.usd).quantize(_UNIT, context=_EXACT)
    if abs(amount_usd) >= _MOST_USD:
        raise BadInput(f"revenue {one.id!r} is {amount_usd} USD: more than can be true")
    return one.model_dump(exclude={"id", "customer", "period", "rate_day"}) | {
        "tenant": one.customer,
        "first_day": period.first,
        "last_day": period.last,
        "rate_day": day,
        "rate_usd": rate.usd,
        "rate_source": rate.source,
        "amount_usd": amount_usd,
    }


def _rate(one: Revenue, day: date, rates: dict[str, list[Rate]]) -> Rate:
    if one.currency == "USD":
        return Rate(first=day, last=day, usd=Decimal(1), source="")
    found = [rate for rate in rates.get(one.currency, ()) if rate.first <= day <= rate.last]
    if not found:
        raise BadInput(
            f"revenue {one.id!r}: there is no rate for {one.currency} on {day};"
            " post it to /v1/currency-rates first"
        )
    return found[0]
