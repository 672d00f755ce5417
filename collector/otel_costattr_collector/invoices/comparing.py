"""A bill against the ledger, cell by cell, and the gap of each split into its causes; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from .bills import BillLine

Cause = Literal[
    "tax", "discount", "time_zone", "rounding", "tier", "unpriced", "untraced", "unexplained"
]
CAUSES: Final[tuple[Cause, ...]] = (
    "tax",
    "discount",
    "time_zone",
    "rounding",
    "tier",
    "unpriced",
    "untraced",
    "unexplained",
)
_ZERO: Final = Decimal(0)
_PICO: Final = Decimal("1E-12")
OFFSETS: Final = tuple(sorted(range(-14, 15), key=lambda hours: (abs(hours), hours)))
_BETTER: Final = Decimal("0.8")


class Key(NamedTuple):
    """A cell: day, model and project."""

    day: date
    model: str
    project: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """What the ledger says of one hour, model, project and tier.

    Attributes:
        hour: Its start, UTC without offset.
        model: As the ledger names it.
        project: Project, or `''`.
        tier: Tier that served, `''` for the usual one.
        usd: What has a price.
        list_usd: The same at published rates.
        tokens: Tokens sent and produced.
        unpriced: Lines without a price.
        most_usd: Most that these can have cost; None if nobody can say.
    """

    hour: datetime
    model: str
    project: str
    tier: str
    usd: Decimal
    list_usd: Decimal
    tokens: int
    unpriced: int = 0
    most_usd: Decimal | None = None


@dataclass(slots=True, kw_only=True)
class _Side:
    usd: Decimal = _ZERO
    list_usd: Decimal = _ZERO
    tokens: int | None = 0
    lines: int = 0
    unpriced: int = 0
    most_usd: Decimal | None = None
    tiers: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One cell.

    Attributes:
        key: The cell.
        bill_usd: What the bill says.
        ledger_usd: What the ledger says.
        causes: Cause to USD, those that are not 0; they sum to the gap.
    """

    key: Key
    bill_usd: Decimal
    ledger_usd: Decimal
    causes: Mapping[Cause, Decimal]

    @property
    def gap_usd(self) -> Decimal:
        """What the bill says more than the ledger."""
        return self.bill_usd - self.ledger_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A whole bill.

    Attributes:
        cells: Every cell of bill or ledger, in order.
        offset_hours: Hours that the provider's days are behind UTC, as far as the bill shows.
    """

    cells: tuple[Compared, ...]
    offset_hours: int

    @property
    def causes(self) -> dict[Cause, Decimal]:
        """Sum each cause over all cells."""
        found = dict.fromkeys(CAUSES, _ZERO)
        for cell in self.cells:
            for cause, usd in cell.causes.items():
                found[cause] += usd
        return found


def compare(
    bill: Sequence[BillLine],
    ledger: Sequence[Hour],
    *,
    first: date,
    last: date,
    name: Callable[[str], str] = str,
    projects: Mapping[str, str] | None = None,
) -> Comparison:
    """Compare a bill with the ledger by day, model and project.

    Projects count only if a line of the bill names one.

    Args:
        bill: Its lines; those of other days do not count.
        ledger: Hours of these days and of the day before and after.
        first: First day.
        last: Last day.
        name: Gives the ledger's name of a model that the bill names.
        projects: The bill's name of a project to the ledger's.
    """
    lines = [line for line in bill if first <= line.day <= last]
    by_project = any(line.project for line in lines)
    known = projects or {}

    def key_of(day: date, model: str, project: str) -> Key:
        return Key(day, model, project if by_project else "")

    def key_of_line(line: BillLine) -> Key:
        return key_of(line.day, name(line.model), known.get(line.project, line.project))

    billed, extra = _billed(lines, key_of_line)
    sides = {hours: _booked(ledger, hours, first, last, key_of) for hours in OFFSETS}
    offset = _offset(billed, sides)
    plain, shifted = sides[0], sides[offset]
    unit = _unit(lines)
    cells = []
    for key in sorted({*billed, *extra, *plain, *shifted}):
        added = extra.get(key, {})
        theirs, ours = billed.get(key, _Side()), plain.get(key, _Side())
        aligned = shifted.get(key, _Side())
        causes: dict[Cause, Decimal] = {**added, "time_zone": aligned.usd - ours.usd}
        rest = theirs.usd - aligned.usd
        causes |= _explained(rest, theirs, aligned, unit, causes)
        cells.append(
            Compared(
                key=key,
                bill_usd=theirs.usd + sum(added.values(), _ZERO),
                ledger_usd=ours.usd,
                causes={cause: usd for cause, usd in causes.items() if usd},
            )
        )
    return Comparison(cells=tuple(cells), offset_hours=offset)


def _billed(
    lines: Iterable[BillLine], key_of: Callable[[BillLine], Key]
) -> tuple[dict[Key, _Side], dict[Key, dict[Cause, Decimal]]]:
    """Sum usage by cell, and taxes and discounts apart from it."""
    usage: dict[Key, _Side] = {}
    extra: dict[Key, dict[Cause, Decimal]] = {}
    for line in lines:
        key = key_of(line)
        if line.kind != "usage":
            added = extra.setdefault(key, {})
            added[line.kind] = added.get(line.kind, _ZERO) + line.amount_usd
            continue
        side = usage.setdefault(key, _Side())
        side.usd += line.amount_usd
        side.lines += 1
        known = side.tokens is not None and line.tokens is not None
        side.tokens = (side.tokens or 0) + (line.tokens or 0) if known else None
        side.tiers.add(_usual(line.tier))
    return usage, extra


def _booked(
    ledger: Iterable[Hour],
    offset: int,
    first: date,
    last: date,
    key_of: Callable[[date, str, str], Key],
) -> dict[Key, _Side]:
    """Sum the ledger by the days of a calendar that is so many hours behind UTC."""
    found: defaultdict[Key, _Side] = defaultdict(_Side)
    for hour in ledger:
        day = (hour.hour - timedelta(hours=offset)).date()
        if first <= day <= last:
            side = found[key_of(day, hour.model, hour.project)]
            side.usd += hour.usd
            side.list_usd += hour.list_usd
            side.tokens = (side.tokens or 0) + hour.tokens
            side.lines += 1
            side.unpriced += hour.unpriced
            side.tiers.add(_usual(hour.tier))
            if hour.most_usd is not None:
                side.most_usd = (side.most_usd or _ZERO) + hour.most_usd
    return dict(found)


def _offset(billed: Mapping[Key, _Side], sides: Mapping[int, Mapping[Key, _Side]]) -> int:
    """Find the calendar under which bill and ledger differ least; UTC unless it is clearly better."""
    apart = {
        hours: sum(
            (
                abs(billed.get(key, _Side()).usd - side.get(key, _Side()).usd)
                for key in {*billed, *side}
            ),
            _ZERO,
        )
        for hours, side in sides.items()
    }
    best = min(OFFSETS, key=lambda hours: (apart[hours], abs(hours), hours))
    return best if apart[best] < apart[0] * _BETTER else 0


def _explained(
    rest: Decimal, theirs: _Side, ours: _Side, unit: Decimal, before: Mapping[Cause, Decimal]
) -> dict[Cause, Decimal]:
    """Split what is left of a gap; the parts sum to it."""
    if not rest:
        return {}
    tolerance = unit * theirs.lines / 2
    if abs(rest) <= tolerance:
        return {"rounding": rest}
    at_list = theirs.usd - ours.list_usd
    if ours.lines and ours.list_usd != ours.usd and abs(at_list) <= tolerance:
        return {"discount": before.get("discount", _ZERO) + rest}
    if theirs.lines and ours.lines and _same_usage(theirs, ours) and theirs.tiers != ours.tiers:
        return {"tier": rest}
    causes: dict[Cause, Decimal] = {}
    if rest > 0:
        causes = _missing(rest, theirs, ours)
    left = rest - sum(causes.values(), _ZERO)
    causes["rounding" if abs(left) <= tolerance else "unexplained"] = left
    return causes


def _missing(rest: Decimal, theirs: _Side, ours: _Side) -> dict[Cause, Decimal]:
    """Name what the ledger lacks: calls without a price, then calls that it never saw."""
    causes: dict[Cause, Decimal] = {}
    if ours.unpriced:
        most = rest if ours.most_usd is None else ours.most_usd
        causes["unpriced"] = min(rest, most)
        rest -= causes["unpriced"]
    if not ours.lines:
        causes["untraced"] = rest
    elif rest and theirs.tokens and ours.tokens is not None and theirs.tokens > ours.tokens:
        lost = theirs.usd * (theirs.tokens - ours.tokens) / theirs.tokens
        causes["untraced"] = min(rest, lost.quantize(_PICO))
    return causes


def _same_usage(theirs: _Side, ours: _Side) -> bool:
    return theirs.tokens is None or theirs.tokens == ours.tokens


def _usual(tier: str) -> str:
    return "" if tier in {"", "standard", "default", "auto", "on_demand"} else tier


def _unit(lines: Iterable[BillLine]) -> Decimal:
    """Find the unit that the bill is rounded to: the last place of its longest amount."""
    exponents = [line.amount_usd.as_tuple().exponent for line in lines]
    whole = [exponent for exponent in exponents if isinstance(exponent, int)]
    return Decimal(1).scaleb(min(whole, default=0))
