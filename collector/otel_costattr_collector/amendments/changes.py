"""What a run of amendments would change, added up by tenant, month and model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field
from typing_extensions import override

from otel_costattr.model import DIMENSIONS

from ..bookings import Bookings
from ..ledger import Line, amendment_of, as_mapping
from ..ledger.dates import happened_ns
from ..plain import decimal_text
from ..store import Store

_NS: Final = 10**9
_NOTHING: Final = Decimal(0)
MOST_OWNERS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line that would be amended.

    Attributes:
        line: The head as it stands.
        corrected: What it would be.
    """

    line: Line
    corrected: Line


class Difference(BaseModel):
    """What changes for one tenant, month and model; amounts are decimal strings in USD."""

    tenant: str = Field(description="'' where nobody knows it.")
    month: str = Field(description="When it happened, such as 2026-10, in the reporting time zone.")
    model: str
    calls_before: int
    calls_after: int
    before_usd: str | None = Field(description="Null where nothing had a price.")
    after_usd: str | None = Field(description="Null where nothing has a price.")
    difference_usd: str = Field(description="After less before.")
    newly_priced: int = Field(description="Lines without a price before.")
    no_longer_priced: int = Field(description="Lines without a price after.")


class Owned(BaseModel):
    """What moves from one value of a dimension to another; the amount is a decimal string in USD."""

    dimension: str = Field(description="A dimension, or tags.NAME.")
    before: str = Field(description="'' where nobody knew it.")
    after: str
    lines: int
    calls: int
    amount_usd: str | None = Field(description="Null where nothing has a price.")


class Amended(BaseModel):
    """What a run did, or would do."""

    dry_run: bool
    cause: str = Field(description="What stands in each line that was booked.")
    looked_at: int = Field(description="Lines that stand in the period.")
    changed: int = Field(description="Of these, lines that differ.")
    booked: int = Field(description="Lines written: a reversal and a rebook for each.")
    left: dict[str, int] = Field(
        default_factory=dict, description="Why lines were left alone, and how many."
    )
    closed: list[str] = Field(
        default_factory=list,
        description="Closed months among them: their pairs get a date in an open one.",
    )
    sessions: list[str] = Field(
        default_factory=list, description="Sessions that were left alone, and why; 100 at most."
    )
    owners: list[Owned] = Field(
        default_factory=list, description="What moves, by dimension and value; 1,000 at most."
    )
    total: Difference
    data: list[Difference] = Field(description="By tenant, month and model.")


def pairs(changes: Iterable[Change], *, cause: str, run_id: str) -> Iterator[Line]:
    """Yield the lines that book changes: for each a reversal and a rebook.

    Args:
        changes: What to book.
        cause: Why.
        run_id: The run that books them.
    """
    for change in changes:
        for line in amendment_of(change.line, change.corrected, cause=cause):
            yield with_run(line, run_id)


def with_run(line: Line, run_id: str) -> Line:
    """Note in a line which run booked it."""
    names = as_mapping(line)
    return tuple(run_id if name == "run_id" else value for name, value in names.items())


@dataclass(slots=True)
class _Side:
    calls: int = 0
    amount: Decimal | None = None

    def add(self, values: Any) -> None:
        self.calls += values["calls"]
        amount = values["amount_usd"]
        if amount is not None:
            self.amount = (self.amount or _NOTHING) + amount


@dataclass(slots=True)
class _Moved(_Side):
    lines: int = 0

    @override
    def add(self, values: Any) -> None:
        _Side.add(self, values)
        self.lines += 1


@dataclass(slots=True)
class _Both:
    before: _Side
    after: _Side
    newly: int = 0
    lost: int = 0

    def row(self, tenant: str, month: str, model: str) -> Difference:
        before, after = self.before, self.after
        return Difference(
            tenant=tenant,
            month=month,
            model=model,
            calls_before=before.calls,
            calls_after=after.calls,
            before_usd=_text(before.amount),
            after_usd=_text(after.amount),
            difference_usd=decimal_text((after.amount or _NOTHING) - (before.amount or _NOTHING)),
            newly_priced=self.newly,
            no_longer_priced=self.lost,
        )


def differences(changes: Iterable[Change], time_zone: str) -> tuple[Difference, list[Difference]]:
    """Add changes up.

    Args:
        changes: What changes.
        time_zone: IANA name of the zone of months.

    Returns:
        The total, and one row for each tenant, month and model, the largest difference first.
    """
    zone = ZoneInfo(time_zone)
    rows: defaultdict[tuple[str, str, str], _Both] = defaultdict(_both)
    total = _both()
    for change in changes:
        old, new = as_mapping(change.line), as_mapping(change.corrected)
        leaves, comes = rows[_key(old, zone)], rows[_key(new, zone)]
        for both in (leaves, total):
            both.before.add(old)
            both.lost += old["amount_usd"] is not None and new["amount_usd"] is None
        for both in (comes, total):
            both.after.add(new)
            both.newly += old["amount_usd"] is None and new["amount_usd"] is not None
    found = [both.row(*key) for key, both in rows.items()]
    found.sort(key=lambda row: (-abs(Decimal(row.difference_usd)), row.tenant, row.month))
    return total.row("", "", ""), found


def amended(
    store: Store,
    changes: Sequence[Change],
    *,
    cause: str,
    looked_at: int,
    booked: int,
    dry_run: bool,
    bookings: Bookings | None,
) -> Amended:
    """Say what a run did, or would do.

    Args:
        store: Knows the zone of months.
        changes: What changes.
        cause: Why.
        looked_at: Lines that stand in the period.
        booked: Lines that were written.
        dry_run: Whether none should be.
        bookings: Know which months are closed; None where nothing is ever booked.
    """
    total, rows = differences(changes, store.layout.time_zone)
    return Amended(
        dry_run=dry_run,
        cause=cause,
        looked_at=looked_at,
        changed=len(changes),
        booked=booked,
        closed=closed_among(rows, bookings) if bookings else [],
        owners=owners_of(changes),
        total=total,
        data=rows,
    )


def owners_of(changes: Iterable[Change]) -> list[Owned]:
    """Add up what moves from one value of a dimension to another, the most lines first.

    Args:
        changes: What changes.
    """
    found: defaultdict[tuple[str, str, str], _Moved] = defaultdict(_Moved)
    for change in changes:
        old, new = as_mapping(change.line), as_mapping(change.corrected)
        for key in _moves(old, new):
            found[key].add(new)
    made = [
        Owned(
            dimension=dimension,
            before=before,
            after=after,
            lines=moved.lines,
            calls=moved.calls,
            amount_usd=_text(moved.amount),
        )
        for (dimension, before, after), moved in sorted(found.items())
    ]
    return sorted(made, key=lambda one: -one.lines)[:MOST_OWNERS]


def _moves(old: Any, new: Any) -> Iterator[tuple[str, str, str]]:
    for name in DIMENSIONS:
        if old[name] != new[name]:
            yield name, old[name], new[name]
    for tag in sorted({*old["tags"], *new["tags"]}):
        before, after = old["tags"].get(tag, ""), new["tags"].get(tag, "")
        if before != after:
            yield f"tags.{tag}", before, after


def closed_among(rows: Iterable[Difference], bookings: Bookings) -> list[str]:
    """Name the closed months whose differences get a later date.

    Args:
        rows: By tenant, month and model.
        bookings: Book them.
    """
    return sorted({row.month for row in rows} & bookings.closed.names())


def _both() -> _Both:
    return _Both(before=_Side(), after=_Side())


def _key(values: Any, zone: ZoneInfo) -> tuple[str, str, str]:
    moment = datetime.fromtimestamp(happened_ns(values) // _NS, tz=UTC).astimezone(zone)
    return values["tenant"], f"{moment:%Y-%m}", values["model"]


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else decimal_text(amount)
