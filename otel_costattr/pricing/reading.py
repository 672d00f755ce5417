"""Reading price entries from data, and refusing what cannot be true.

The data is JSON or TOML that a person can review: rates as plain numbers in USD for `PER[unit]` of
the unit, dates as UTC days.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Final, cast

from otel_costattr.errors import BadPriceBook
from otel_costattr.model import UNITS, Unit
from otel_costattr.pricing.entries import TOKEN_UNITS, Entry, Rate, Rates, Tier, Variant, Window

MAX_RATE_USD: Final = Decimal(1_000_000)
"""No provider charges more for a million tokens or a thousand uses; more is a slip of the unit."""

MAX_SPREAD: Final = 1_000
"""Token rates of one entry further apart than this are a slip of the unit."""

_NS: Final = 1_000_000_000


def read_entries(
    provider: str, model: str, prices: object, *, source: str, checked: str
) -> tuple[Entry, ...]:
    """Read the dated prices of one model.

    Args:
        provider: The book's name of the provider.
        model: The book's name of the model.
        prices: A list of price objects, oldest first.
        source: Who published them, unless an object says otherwise.
        checked: When they were compared, unless an object says otherwise.

    Raises:
        BadPriceBook: A key is unknown, a rate cannot be true or two periods overlap.
    """
    where = f"{provider}/{model}"
    if not isinstance(prices, list) or not prices:
        raise BadPriceBook(f"{where}: prices is {prices!r}; give a list with at least one price")
    entries = tuple(_entry(where, provider, model, raw, source, checked) for raw in prices)
    for earlier, later in itertools.pairwise(entries):
        if earlier.to_ns is None or later.from_ns is None or later.from_ns < earlier.to_ns:
            raise BadPriceBook(
                f"{later.id}: overlaps {earlier.id}; end the earlier price where this one starts"
            )
        _refuse_jump(earlier, later)
    return entries


def day_ns(where: str, key: str, value: object) -> int | None:
    """Return the first nanosecond UTC of a day, None for None.

    Raises:
        BadPriceBook: It is no date in ISO 8601.
    """
    if value is None:
        return None
    try:
        day = value if type(value) is date else date.fromisoformat(cast("str", value))
    except (TypeError, ValueError):
        raise BadPriceBook(f"{where}: {key} is {value!r}; write a day as 2026-08-21") from None
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * _NS


def day_of(at_ns: int) -> str:
    """Return the UTC day of an instant, ISO 8601."""
    return datetime.fromtimestamp(at_ns // _NS, tz=UTC).date().isoformat()


def period_of(entry: Entry) -> str:
    """Return the validity of an entry in words, UTC days, the last one exclusive."""
    first = "since ever" if entry.from_ns is None else f"from {day_of(entry.from_ns)}"
    return f"{first} to {day_of(entry.to_ns)}" if entry.to_ns is not None else f"{first} on"


def refuse_unknown(where: str, raw: Mapping[str, object], known: Sequence[str]) -> None:
    """Refuse keys that mean nothing.

    Raises:
        BadPriceBook: Naming the first of them and what is known.
    """
    for key in raw:
        if key not in known:
            raise BadPriceBook(f"{where}: unknown key {key!r}; known are {', '.join(known)}")


def read_rates(where: str, raw: object) -> Rates:
    """Read a table of leaf unit to rate.

    Raises:
        BadPriceBook: A unit is unknown, a rate is negative, absurd or no number.
    """
    table = _table(where, "rates", raw)
    refuse_unknown(f"{where}: rates", table, UNITS)
    rates = {cast("Unit", unit): _rate(f"{where}: {unit}", value) for unit, value in table.items()}
    _refuse_spread(where, rates)
    return rates


def usd(where: str, value: object) -> Decimal:
    """Return a USD rate as an exact decimal.

    Raises:
        BadPriceBook: It is negative, absurdly large or no number.
    """
    if isinstance(value, float | bool):
        raise BadPriceBook(f"{where} is {value!r}; write the rate as a decimal number")
    try:
        rate = value if isinstance(value, Decimal) else Decimal(cast("str | int", value))
    except (InvalidOperation, TypeError, ValueError):
        raise BadPriceBook(f"{where} is {value!r}; write the rate as a decimal number") from None
    if not rate.is_finite() or rate < 0:
        raise BadPriceBook(f"{where} is {value!r}; a rate is a finite number, 0 or more")
    if rate > MAX_RATE_USD:
        raise BadPriceBook(f"{where} is {value!r}; above {MAX_RATE_USD} USD the unit must be wrong")
    return rate


_ENTRY_KEYS: Final = (
    "from", "to", "rates", "sources", "variants", "windows", "minimums", "source", "checked",
    "note",
)  # fmt: skip


def _entry(where: str, provider: str, model: str, raw: object, source: str, checked: str) -> Entry:
    table = _table(where, "price", raw)
    refuse_unknown(where, table, _ENTRY_KEYS)
    first = table.get("from")
    name = f"{where}@{first}" if first is not None else where
    from_ns, to_ns = day_ns(name, "from", first), day_ns(name, "to", table.get("to"))
    if from_ns is not None and to_ns is not None and to_ns <= from_ns:
        raise BadPriceBook(f"{name}: to is {table['to']!r}, which is not after from")
    return Entry(
        id=name,
        provider=provider,
        model=model,
        from_ns=from_ns,
        to_ns=to_ns,
        rates=read_rates(name, table.get("rates")),
        variants=tuple(_variant(name, item) for item in _list(name, "variants", table)),
        windows=tuple(_window(name, item) for item in _list(name, "windows", table)),
        minimums=_minimums(name, table.get("minimums", {})),
        source=str(table.get("source", source)),
        checked=str(table.get("checked", checked)),
        note=str(table.get("note", "")),
        sources=_sources(name, table.get("sources", {})),
    )


def _sources(where: str, raw: object) -> Mapping[str, str]:
    table = _table(where, "sources", raw)
    refuse_unknown(f"{where}: sources", table, UNITS)
    return {unit: str(source) for unit, source in table.items()}


def _variant(where: str, raw: object) -> Variant:
    table = _table(where, "variant", raw)
    refuse_unknown(f"{where}: variant", table, ("when", "from", "to", "rates", "factor", "source"))
    when = table.get("when")
    if not isinstance(when, str) or not when:
        raise BadPriceBook(f"{where}: when is {when!r}; name a tier, a speed or a region")
    name = f"{where}: {when}"
    factor = table.get("factor")
    return Variant(
        when=when,
        from_ns=day_ns(name, "from", table.get("from")),
        to_ns=day_ns(name, "to", table.get("to")),
        rates=read_rates(name, table.get("rates", {})),
        factor=None if factor is None else usd(f"{name}: factor", factor),
        source=str(table.get("source", "")),
    )


def _window(where: str, raw: object) -> Window:
    table = _table(where, "window", raw)
    refuse_unknown(f"{where}: window", table, ("from", "to", "rates", "days"))
    days = frozenset(_count(f"{where}: days", day) for day in _list(where, "days", table))
    if not days <= frozenset(range(1, 8)):
        raise BadPriceBook(f"{where}: days is {sorted(days)}; weekdays are 1 for Monday to 7")
    return Window(
        from_s=_second(where, table.get("from")),
        to_s=_second(where, table.get("to")),
        rates=read_rates(f"{where}: window", table.get("rates")),
        days=days,
    )


def _second(where: str, value: object) -> int:
    hours, _, minutes = str(value).partition(":")
    if not (hours.isdigit() and minutes.isdigit() and int(hours) < 24 and int(minutes) < 60):
        raise BadPriceBook(f"{where}: window {value!r}; write hours and minutes UTC as 16:30")
    return int(hours) * 3_600 + int(minutes) * 60


def _minimums(where: str, raw: object) -> Mapping[Unit, int]:
    table = _table(where, "minimums", raw)
    refuse_unknown(f"{where}: minimums", table, UNITS)
    return {cast("Unit", unit): _count(f"{where}: {unit}", value) for unit, value in table.items()}


def _rate(where: str, raw: object) -> Rate:
    if not isinstance(raw, Mapping):
        return Rate(base_usd=usd(where, raw))
    refuse_unknown(where, raw, ("base", "over", "from"))
    tiers = [
        Tier(
            threshold=_count(where, threshold),
            inclusive=key == "from",
            rate_usd=usd(where, value),
        )
        for key in ("over", "from")
        for threshold, value in raw.get(key, ())
    ]
    return Rate(
        base_usd=usd(where, raw.get("base")),
        tiers=tuple(sorted(tiers, key=lambda tier: tier.first)),
    )


def _count(where: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value != int(value):
        raise BadPriceBook(f"{where}: {value!r} is no whole number")
    if value < 0:
        raise BadPriceBook(f"{where}: {value!r} is negative")
    return int(value)


def _refuse_spread(where: str, rates: Rates) -> None:
    paid = sorted(
        (value, unit)
        for unit, rate in rates.items()
        if unit in TOKEN_UNITS
        for value in rate.values()
        if value
    )
    if paid and paid[-1][0] > paid[0][0] * MAX_SPREAD:
        (low, low_unit), (high, high_unit) = paid[0], paid[-1]
        raise BadPriceBook(
            f"{where}: {high_unit} is {high} and {low_unit} is {low}, more than {MAX_SPREAD} times"
            f" apart; rates of tokens are USD for 1,000,000"
        )


def _refuse_jump(earlier: Entry, later: Entry) -> None:
    for unit in earlier.rates.keys() & later.rates.keys():
        before, after = earlier.rates[unit].base_usd, later.rates[unit].base_usd
        if before and after and max(before, after) > min(before, after) * MAX_SPREAD:
            raise BadPriceBook(
                f"{later.id}: {unit} is {after} after {before}, more than {MAX_SPREAD} times apart;"
                f" is the unit right?"
            )


def _table(where: str, key: str, raw: object) -> Mapping[str, object]:
    if not isinstance(raw, Mapping):
        raise BadPriceBook(f"{where}: {key} is {raw!r}; give a table")
    return raw


def _list(where: str, key: str, table: Mapping[str, object]) -> Sequence[object]:
    raw = table.get(key, ())
    if not isinstance(raw, list | tuple):
        raise BadPriceBook(f"{where}: {key} is {raw!r}; give a list")
    return raw
