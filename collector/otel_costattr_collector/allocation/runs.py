"""Runs of allocation: shown, booked as one, replaced where something changed, taken back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import Final, Literal

from otel_costattr.errors import BadInput
from otel_costattr_collector import ledger
from otel_costattr_collector.bookings import MAX_LINES, Bookings
from otel_costattr_collector.ledger.columns import Line
from otel_costattr_collector.store import Store

from .placing import placed, text
from .revenue import revenue_of
from .rules import Rule, RuleSet
from .shifts import Booked, Shift, lines_of
from .sources import PREFIX, Period, cells_of, weights_of
from .spread import Step, spread

State = Literal["posted", "unchanged", "preview", "reversed"]

_ZERO: Final = Decimal(0)
_RUNS: Final = (
    "SELECT spent.run_id AS run_id, spent.source_key AS source_key, sum(spent.lines) AS live,"
    " sumIf(spent.amount_usd, spent.amount_usd > 0 AND spent.lines > 0) AS moved,"
    " min(spent.recorded_ns) AS posted"
    " FROM ledger AS spent WHERE spent.entry = 'allocation' AND startsWith(spent.run_id, 'allocation:')"
    " GROUP BY run_id, source_key ORDER BY posted, source_key"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """One posting of a run.

    Attributes:
        run_id: The run.
        source_key: The posting: the run, its number and the digest of what it moved.
        live: Lines in force; 0 once it was taken back.
        moved_usd: USD that it moved, each amount once for each rule that moved it.
    """

    run_id: str
    source_key: str
    live: int
    moved_usd: Decimal

    @property
    def number(self) -> int:
        """Its place among the postings of its run, from 1."""
        return int(self.source_key.rpartition("#")[2].partition(":")[0])

    @property
    def digest(self) -> str:
        """Digest of what it moved."""
        return self.source_key.rpartition(":")[2]

    @property
    def rules(self) -> str:
        """Name of its rules."""
        return self.run_id.split(":")[1]

    def period(self, zone: str) -> Period:
        """Return its days."""
        _, _, first, last, _ = self.run_id.split(":")
        return Period(first=date.fromisoformat(first), last=date.fromisoformat(last), zone=zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run did, or would do.

    Attributes:
        run_id: The run.
        state: What became of it.
        replaces: Former runs that it takes back.
        steps: What each rule moves.
        weights: Name of the rule to value to weight.
        lines: Lines that were booked, those that take former ones back included.
        unpriced: Lines that rules take but that have no price.
    """

    run_id: str
    state: State
    replaces: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    weights: Mapping[str, Mapping[str, Decimal]]
    lines: int = 0
    unpriced: int = 0


class Allocator:
    """Allocates costs, one run at a time.

    Args:
        store: Where the ledger is.
        bookings: Books runs of lines.
    """

    def __init__(self, store: Store, bookings: Bookings) -> None:
        self._store: Final = store
        self._bookings: Final = bookings

    def preview(
        self, rules: RuleSet, period: Period, given: Mapping[str, Mapping[str, Decimal]]
    ) -> Outcome:
        """Say what a run would do, and book nothing.

        Args:
            rules: The rules.
            period: The days whose costs are moved.
            given: Name of a rule to weights from outside, such as revenue.

        Raises:
            BadInput: A former run of these rules overlaps the period, or there is too much.
            StoreError: The store refused or did not answer.
        """
        outcome, _ = self._planned(rules, period, given)
        if outcome.state == "unchanged":
            return outcome
        return replace(outcome, state="preview")

    def post(
        self, rules: RuleSet, period: Period, given: Mapping[str, Mapping[str, Decimal]]
    ) -> Outcome:
        """Book a run: all of its lines or none; the same again changes nothing.

        A former run of the same rules' name and period is taken back in the same booking.

        Raises:
            BadInput: As for `preview`.
            RetryableError: The ledger cannot be reached; asking again completes or repeats it.
        """
        planned: list[Outcome] = []

        def make() -> Sequence[Line]:
            outcome, lines = self._planned(rules, period, given)
            planned.append(outcome)
            return lines

        booked = self._bookings.book(make)
        return replace(planned[-1], lines=booked.lines)

    def reverse(self, run_id: str) -> Outcome:
        """Take back what a run has in force; again, it changes nothing.

        Raises:
            BadInput: There is no such run.
            RetryableError: The ledger cannot be reached; asking again completes or repeats it.
        """

        def make() -> Sequence[Line]:
            found = [one for one in self.runs() if one.run_id == run_id]
            if not found:
                raise BadInput(f"there is no run {run_id!r}: see `costattr allocate --list`")
            return [line for one in found if one.live for line in self._taken_back(one)]

        booked = self._bookings.book(make)
        return Outcome(run_id=run_id, state="reversed", weights={}, lines=booked.lines)

    def runs(self) -> tuple[Posted, ...]:
        """List every posting, the oldest first.

        Raises:
            StoreError: The store refused or did not answer.
        """
        return tuple(
            Posted(run_id=run_id, source_key=source_key, live=live, moved_usd=moved or _ZERO)
            for run_id, source_key, live, moved, _ in self._store.query(_RUNS).rows
        )

    def _planned(
        self, rules: RuleSet, period: Period, given: Mapping[str, Mapping[str, Decimal]]
    ) -> tuple[Outcome, Sequence[Line]]:
        run_id = run_id_of(rules, period, given)
        former = [one for one in self.runs() if one.rules == rules.name]
        live = [one for one in former if one.live]
        _refuse_overlap(live, period)
        weights = {rule.name: self._weights(rule, period, given) for rule in rules.rules}
        found = cells_of(self._store, rules, period)
        steps = spread(found.cells, rules.rules, weights)
        shifts = [moved for step in steps for moved in step.shifts if moved.parts]
        digest = _digest(shifts)
        replaced = [one for one in live if one.period(period.zone) == period]
        same = [(one.run_id, one.digest) for one in replaced] == [(run_id, digest)]
        outcome = Outcome(
            run_id=run_id,
            state="unchanged" if same or not (replaced or shifts) else "posted",
            replaces=() if same else tuple(one.run_id for one in replaced),
            steps=steps,
            weights=weights,
            unpriced=found.unpriced,
        )
        if same:
            return outcome, ()
        number = 1 + max((one.number for one in former if one.run_id == run_id), default=0)
        lines = [line for one in replaced for line in self._taken_back(one)]
        lines += _lines(shifts, run_id, f"{run_id}#{number}:{digest}")
        if len(lines) > MAX_LINES:
            raise BadInput(
                f'{len(lines)} lines in one run, at most {MAX_LINES}: use grain = "month", unite'
                " dimensions, or shorter periods"
            )
        return replace(outcome, lines=len(lines)), lines

    def _weights(
        self, rule: Rule, period: Period, given: Mapping[str, Mapping[str, Decimal]]
    ) -> Mapping[str, Decimal]:
        if rule.name in given:
            return given[rule.name]
        if rule.basis in ("weights", "listed"):
            return rule.weights
        if rule.basis == "revenue":
            return revenue_of(self._store, rule, period)
        return weights_of(self._store, rule, period)

    def _taken_back(self, posted: Posted) -> Iterator[Line]:
        sql = (
            f"SELECT {ledger.select_list()} FROM ledger WHERE ledger.entry = 'allocation'"  # noqa: S608 - names of ours
            " AND ledger.run_id = {run:String} AND ledger.source_key = {key:String}"
            " AND ledger.lines = 1 ORDER BY ledger.line_id"
        )
        rows = self._store.query(sql, {"run": posted.run_id, "key": posted.source_key}).rows
        cause = f"reverse:{posted.source_key}"[:200]
        for row in rows:
            # An allocation that is taken back is an allocation, so that direct costs stay as
            # they are; a line of entry reversal would count among them.
            yield placed(ledger.reversal_of(ledger.from_row(row), cause=cause), entry="allocation")


def run_id_of(rules: RuleSet, period: Period, given: Mapping[str, Mapping[str, Decimal]]) -> str:
    """Name a run: the same rules, period and weights from outside always give the same name."""
    words = [rules.digest, period.first.isoformat(), period.last.isoformat(), period.zone]
    for rule in sorted(given):
        words += [rule, *(f"{name}={text(given[rule][name])}" for name in sorted(given[rule]))]
    digest = sha256("\0".join(words).encode()).hexdigest()[:12]
    return f"{PREFIX}{rules.name}:{period.first}:{period.last}:{digest}"


def _refuse_overlap(live: Sequence[Posted], period: Period) -> None:
    for one in live:
        other = one.period(period.zone)
        if other != period and other.meets(period):
            raise BadInput(
                f"run {one.run_id} has days of this period: take it back first, by"
                f" `costattr allocate --reverse {one.run_id}`"
            )


def _digest(shifts: Sequence[Shift]) -> str:
    digest = sha256()
    for moved in shifts:
        head = (moved.rule, moved.source.key, moved.target, moved.source.amount_usd)
        digest.update(repr(head).encode())
        for part in moved.parts:
            value = part.at(moved.target)
            one = (value, part.amount_usd, part.list_usd, moved.weights[value])
            digest.update(repr(one).encode())
    return digest.hexdigest()[:16]


def _lines(shifts: Sequence[Shift], run_id: str, source_key: str) -> Iterator[Line]:
    for moved in shifts:
        yield from lines_of(
            moved,
            Booked(
                identity=(source_key,),
                cause=f"allocate:{moved.rule}",
                run_id=run_id,
                source_key=source_key,
            ),
        )
