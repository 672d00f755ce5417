"""Compiling an entry for one tier, speed and region into a table of exact rates a unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final, NamedTuple

from otel_costattr.model import Unit
from otel_costattr.pricing.contract import Contract
from otel_costattr.pricing.entries import PER, TOKEN_UNITS, Entry, Rate, Rates, Variant, Window
from otel_costattr.pricing.exact import EXACT, SHIFTS, amount_usd
from otel_costattr.pricing.records import QuickLine

TIERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "": "",
        "auto": "",
        "default": "",
        "none": "",
        "normal": "",
        "not_specified": "",
        "on-demand": "",
        "on_demand": "",
        "ondemand": "",
        "regular": "",
        "standard": "",
        "standard_only": "",
        "traffic_type_unspecified": "",
        "unspecified": "",
        "batch": "batch",
        "batches": "batch",
        "flex": "flex",
        "flex_processing": "flex",
        "on_demand_flex": "flex",
        "priority": "priority",
        "on_demand_priority": "priority",
        "fast": "fast",
    }
)
"""Service tiers as providers spell them, to the book's name; `''` is the standard rate."""

INHERITS: Final[Mapping[Unit, tuple[tuple[Unit, str], ...]]] = MappingProxyType(
    {
        "cache_read": (("input", "cache_rate_assumed"),),
        "cache_write_5m": (("cache_write", ""), ("input", "cache_rate_assumed")),
        "cache_write_1h": (
            ("cache_write_5m", "cache_rate_assumed"),
            ("input", "cache_rate_assumed"),
        ),
        "input_image": (("input", ""),),
        "input_video": (("input", ""),),
        "input_audio": (("input", "modality_rate_assumed"),),
        "cache_read_audio": (
            ("cache_read", ""),
            ("input_audio", "cache_rate_assumed"),
            ("input", "cache_rate_assumed"),
        ),
        "cache_read_image": (
            ("cache_read", ""),
            ("input_image", "cache_rate_assumed"),
            ("input", "cache_rate_assumed"),
        ),
        "reasoning": (("output", ""),),
        "output_audio": (("output", "modality_rate_assumed"),),
        "output_image": (("output", "modality_rate_assumed"),),
    }
)
"""Unit to the units whose rate it takes where the entry has none, and what that assumes."""


class Cell(NamedTuple):
    """What a unit costs in one band of a plan.

    Attributes:
        rate_usd: USD for `per`, after contract.
        per: How many of the unit it buys.
        list_rate_usd: The published rate.
        one_usd: Exact USD for one; None where the division does not end.
        assumed: A key of `REASONS` for what the rate takes for granted, or `''`.
    """

    rate_usd: Decimal
    per: int
    list_rate_usd: Decimal
    one_usd: Decimal | None
    assumed: str


Cells = Mapping[Unit, Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The rates from a number of input tokens on.

    Attributes:
        first: The least total input that costs these rates.
        cells: Leaf unit to its cost.
    """

    first: int
    cells: Cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An entry made ready for one tier, speed and region and one stretch of time.

    Attributes:
        entry: The entry.
        from_ns: First instant at which it holds, nanoseconds UTC; None for since ever.
        to_ns: End, exclusive; None for open.
        bands: Ascending by first token, at least one.
        windows: Hours of the day with other bands.
        assumed: Keys of `REASONS` for what it takes for granted.
        listed: Whether contract and published rates are the same.
        rule: How the names of a call led here, in words.
        stepped: Whether rates depend on input tokens or hour.
        fee: The item that every call costs beside what it uses, or None.
    """

    entry: Entry
    from_ns: int | None
    to_ns: int | None
    bands: tuple[Band, ...]
    windows: tuple[tuple[Window, tuple[Band, ...]], ...]
    assumed: tuple[str, ...]
    listed: bool
    rule: str
    stepped: bool
    fee: QuickLine | None

    def cells(self, input_total: int, at_ns: int) -> Cells:
        """Return the rates for a call.

        Args:
            input_total: Tokens sent, cached ones and every modality included.
            at_ns: The call's start, nanoseconds UTC.
        """
        bands = self.bands
        for window, special in self.windows:
            if window.holds(at_ns):
                bands = special
        chosen = bands[0].cells
        for band in bands[1:]:
            if input_total >= band.first:
                chosen = band.cells
        return chosen


def compile_plan(
    entry: Entry, contract: Contract, *, billed: str, asked: tuple[str, ...], rule: str, at_ns: int
) -> Plan:
    """Compile an entry for one way of serving.

    Args:
        entry: Valid at `at_ns`.
        contract: What was agreed on top of published rates.
        billed: The provider that sends the invoice; a contract with it applies.
        asked: Tier as telemetry spells it, then speed and regions, lower case.
        rule: How the names of a call led to the entry.
        at_ns: The call's start, nanoseconds UTC; the plan holds around it.
    """
    when = TIERS.get(asked[0], asked[0])
    wanted = tuple(dict.fromkeys(name for name in (when, *asked[1:]) if name))
    variants = [
        variant
        for name in wanted
        for variant in entry.variants
        if variant.when == name and _holds(variant, at_ns)
    ]
    assumed = ("tier_rate_assumed",) if when and not _has(variants, when) else ()
    hours = [
        (window, _bands(_rates(entry, variants, window), contract, entry, billed, at_ns))
        for window in entry.windows
    ]
    bands = _bands(_rates(entry, variants, None), contract, entry, billed, at_ns)
    from_ns, to_ns = _stretch(entry, contract, at_ns)
    return Plan(
        entry=entry,
        from_ns=from_ns,
        to_ns=to_ns,
        bands=bands,
        windows=tuple(hours),
        assumed=assumed,
        listed=all(
            cell.rate_usd == cell.list_rate_usd
            for table in (bands, *(table for _, table in hours))
            for band in table
            for cell in band.cells.values()
        ),
        rule="; ".join((rule, *(f"rates of {variant.when}" for variant in variants))),
        stepped=bool(hours) or len(bands) > 1,
        fee=_fee(bands[0].cells.get("requests")),
    )


def _fee(cell: Cell | None) -> QuickLine | None:
    if cell is None:
        return None
    amount = amount_usd(1, cell.rate_usd, cell.per)
    return QuickLine("requests", 1, cell.rate_usd, cell.per, amount, cell.list_rate_usd)


def _holds(variant: Variant, at_ns: int) -> bool:
    return (variant.from_ns is None or variant.from_ns <= at_ns) and (
        variant.to_ns is None or at_ns < variant.to_ns
    )


def _has(variants: list[Variant], when: str) -> bool:
    return any(variant.when == when for variant in variants)


def _rates(entry: Entry, variants: list[Variant], window: Window | None) -> Rates:
    rates = dict(entry.rates)
    if window is not None:
        rates.update(window.rates)
    for variant in reversed(variants):
        rates.update(variant.rates)
    for variant in variants:
        if variant.factor is not None:
            rates |= {
                unit: rate.scaled(variant.factor)
                for unit, rate in rates.items()
                if unit in TOKEN_UNITS
            }
    return rates


class _Line(NamedTuple):
    mine: Rate
    listed: Rate
    assumed: str


def _bands(
    rates: Rates, contract: Contract, entry: Entry, billed: str, at_ns: int
) -> tuple[Band, ...]:
    fixed = contract.fixed_rates(billed, entry.model, at_ns)
    listed = _inherited(rates, fixed)
    lines = {
        unit: _line(unit, known, fixed, contract, (billed, entry.model, at_ns))
        for unit, known in listed.items()
    }
    firsts = {0}
    for line in lines.values():
        firsts |= {tier.first for rate in (line.mine, line.listed) for tier in rate.tiers}
    return tuple(
        Band(
            first=first,
            cells={unit: _cell(unit, line, first) for unit, line in lines.items()},
        )
        for first in sorted(firsts)
    )


class _Known(NamedTuple):
    rate: Rate
    root: Unit
    assumed: str


def _inherited(rates: Rates, fixed: Rates) -> dict[Unit, _Known]:
    known = {unit: _Known(rate, unit, "") for unit, rate in {**fixed, **rates}.items()}
    for unit, sources in INHERITS.items():
        for source, assumed in sources:
            if unit not in known and source in known:
                rate, root, before = known[source]
                known[unit] = _Known(rate, root, assumed or before)
    if "cache_write" not in known and "cache_write_5m" in known:
        rate, root, before = known["cache_write_5m"]
        split = "cache_write_1h" in rates and rates["cache_write_1h"] != rate
        known["cache_write"] = _Known(rate, root, "cache_ttl_assumed" if split else before)
    return known


def _line(
    unit: Unit, known: _Known, fixed: Rates, contract: Contract, where: tuple[str, str, int]
) -> _Line:
    if unit in fixed:
        return _Line(fixed[unit], known.rate, "")
    if known.root in fixed:
        return _Line(fixed[known.root], known.rate, known.assumed)
    provider, model, at_ns = where
    mine = contract.discounted(provider, model, known.root, known.rate, at_ns)
    return _Line(mine, known.rate, known.assumed)


def _cell(unit: Unit, line: _Line, input_total: int) -> Cell:
    per = PER[unit]
    shift = SHIFTS.get(per)
    rate, listed = line.mine.at(input_total), line.listed.at(input_total)
    return Cell(
        rate_usd=rate,
        per=per,
        list_rate_usd=listed,
        one_usd=None if shift is None else rate.scaleb(shift, EXACT),
        assumed=line.assumed,
    )


def _stretch(entry: Entry, contract: Contract, at_ns: int) -> tuple[int | None, int | None]:
    edges = [edge for edge in (entry.from_ns, entry.to_ns) if edge is not None]
    for variant in entry.variants:
        edges += [edge for edge in (variant.from_ns, variant.to_ns) if edge is not None]
    edges += contract.edges_ns()
    return (
        max((edge for edge in edges if edge <= at_ns), default=None),
        min((edge for edge in edges if edge > at_ns), default=None),
    )
