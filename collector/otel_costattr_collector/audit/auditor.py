"""The audit: ledger, call keys and rollups compared over a period, and mended by new lines."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from otel_costattr.errors import BadInput, RetryableError
from otel_costattr_collector import ledger
from otel_costattr_collector.ledger import as_mapping, native

from ..allocation.splits import with_splits
from ..closing.calendar import ClosedMonths
from ..patience import patiently
from ..store import Store
from .calls import miscounted
from .copies import Surplus
from .lease import Lease
from .report import CALL_KEYS, MOST_SHOWN, Check, Difference, Report
from .rollups import LOOK_SETTINGS, Days, Lack, Rollup, lack_of, lacks_sql, quiet, rollups_of

MOST_LACKS: Final = 100_000
MENDED_AT_ONCE: Final = 1000
ATTEMPTS: Final = 5
LONGEST_DAYS: Final = 3_700
_NS: Final = 10**9
_TIME: Final = "DateTime64(9, 'UTC')"
_NAME: Final = "LowCardinality(String)"

_log: Final = logging.getLogger(__name__)


class AnotherMends(RetryableError):  # noqa: N818 - named by what it says
    """Another collector holds the lease: only one may mend at a time."""


class Auditor:
    """Compares the books and mends them; one audit at a time.

    Args:
        store: Where the books are.
        holder: This collector, by name.
        lease: Shared with the other collectors of the server; None for the embedded engine, which
            has no other.
        in_flight: Gives the batches that this collector is writing.
        amending: Held by whoever amends lines.
        quiet_seconds: How long nothing may have been recorded for a key of a rollup before what
            it lacks is inserted: longer than any batch is under way.
        clock: Nanoseconds UTC.
        closed: The calendar that lines are dated by; None for one of its own.
    """

    def __init__(
        self,
        store: Store,
        *,
        holder: str,
        lease: Lease | None = None,
        in_flight: Callable[[], Collection[int]] = tuple,
        amending: threading.Lock | None = None,
        quiet_seconds: float = 900,
        clock: Callable[[], int] = time.time_ns,
        closed: ClosedMonths | None = None,
    ) -> None:
        self._store: Final = store
        self._holder: Final = holder
        self._lease: Final = lease
        self._in_flight: Final = in_flight
        self._quiet_ns: Final = round(quiet_seconds * _NS)
        self._clock: Final = clock
        self._closed: Final = closed or ClosedMonths(store)
        self._zone: Final = ZoneInfo(store.layout.time_zone)
        self._rollups: Final = rollups_of(store.layout)
        self._one: Final = threading.Lock()
        self._amending: Final = amending or threading.Lock()

    def recent(self, hours: float) -> Days:
        """Return the days on which anything of the last hours was recorded."""
        now_ns = self._clock()
        return Days(first=self._day(now_ns - round(hours * 3600 * _NS)), last=self._day(now_ns))

    def audit(self, days: Days, *, repair: bool) -> Report:
        """Compare everything that was recorded on some days, and mend it if asked to.

        Args:
            days: Days of recording, in the reporting time zone.
            repair: Whether to mend what can be mended now.

        Raises:
            AnotherMends: Another collector of this server mends; ask that one.
            BadInput: The period ends before it begins, or is too long.
            StoreError: The engine refused or did not answer; what was mended stays mended.
        """
        if not 0 <= (days.last - days.first).days < LONGEST_DAYS:
            raise BadInput(f"{days.first} to {days.last} is no period of 1 to {LONGEST_DAYS} days")
        with self._one:
            if repair:
                self._take_lease()
            checks = [self._calls(days, repair=repair)]
            checks += [self._rollup(rollup, days, repair=repair) for rollup in self._rollups]
            report = self._report(days, checks, repair=repair)
            self._keep(report)
        return report

    def _take_lease(self) -> None:
        if self._lease is None:
            return
        term = self._lease.take()
        if term.holder != self._lease.holder:
            until = datetime.fromtimestamp(term.expires_ns // _NS, tz=UTC).isoformat()
            raise AnotherMends(f"{term.holder} mends the books of this server until {until}")

    # --- call keys --------------------------------------------------------------------------

    def _calls(self, days: Days, *, repair: bool) -> Check:
        found: list[Surplus] = []
        with self._amending if repair else nullcontext():
            for some in miscounted(self._store, days):
                found += some
                if repair:
                    self._book(some)
        state: Literal["mended", "found"] = "mended" if repair else "found"
        changes = [as_mapping(one.books) for one in found]
        return Check(
            check=CALL_KEYS,
            differences=len(found),
            mended=len(found) if repair else 0,
            busy=0,
            calls_difference=-sum(change["calls"] for change in changes),  # type: ignore[misc]
            cost_difference=-_total(change["amount_usd"] for change in changes),
            shown=[_shown(one, state) for one in found[:MOST_SHOWN]],
        )

    def _book(self, found: Sequence[Surplus]) -> None:
        now_ns = self._clock()
        booked = with_splits([one.books for one in found])
        for lines in ledger.split(self._closed.dated(booked, now_ns)):
            ids = "\0".join(str(as_mapping(line)["line_id"]) for line in lines)
            # The same finding always makes the same batch: whoever comes second changes nothing.
            number = int.from_bytes(blake2b(ids.encode(), digest_size=8).digest(), "big")
            block = ledger.encode(lines, batch_id=number, recorded_ns=now_ns)
            for attempt in patiently(f"batch {block.token} of the audit", attempts=ATTEMPTS):
                with attempt:
                    self._store.insert(block)

    # --- rollups ----------------------------------------------------------------------------

    def _rollup(self, rollup: Rollup, days: Days, *, repair: bool) -> Check:
        lacks = self._lacks(rollup, days)
        now_ns = self._clock()
        ready = quiet(
            lacks,
            before_ns=now_ns - self._quiet_ns,
            before_day=self._day(now_ns - self._quiet_ns),
        )
        if repair and ready:
            self._mend(rollup, days, [lack.mark for lack in ready])
        marks = {lack.mark for lack in ready}
        shown = [
            _lacking(rollup, lack, _state(repair=repair, is_quiet=lack.mark in marks))
            for lack in lacks[:MOST_SHOWN]
        ]
        return Check(
            check=rollup.name,
            differences=len(lacks),
            mended=len(ready) if repair else 0,
            busy=len(lacks) - len(ready),
            calls_difference=-sum(lack.row["calls"] for lack in lacks),
            cost_difference=-_total(lack.row["amount_usd"] for lack in lacks),
            shown=shown,
        )

    def _lacks(self, rollup: Rollup, days: Days) -> tuple[Lack, ...]:
        rows = self._store.query(
            lacks_sql(rollup), self._parameters(days), settings=LOOK_SETTINGS
        ).mappings()
        return tuple(lack_of(rollup, row) for row in rows)

    def _mend(self, rollup: Rollup, days: Days, marks: Sequence[int]) -> None:
        """Insert what is lacking, unless it has changed since the first look."""
        for start in range(0, len(marks), MENDED_AT_ONCE):
            parameters = {
                **self._parameters(days),
                "marks": list(marks[start : start + MENDED_AT_ONCE]),
            }
            data = self._store.export(
                lacks_sql(rollup, only=True, bare=True),
                parameters,
                fmt="Native",
                settings={**LOOK_SETTINGS, "max_block_size": 65_536},
            )
            if not data:
                continue
            token = blake2b(data + str(self._clock()).encode(), digest_size=8).hexdigest()
            for attempt in patiently(f"what {rollup.name} lacks", attempts=ATTEMPTS):
                with attempt:
                    self._store.append(rollup.name, data, token=f"audit:{token}")

    def _parameters(self, days: Days) -> dict[str, object]:
        return {
            "first": str(days.first),
            "last": str(days.last),
            "kept_from": str(self._kept_from()),
            "in_flight": list(self._in_flight()),
            "at_most": MOST_LACKS,
        }

    def _kept_from(self) -> date:
        """Return the first day whose lines are all in the ledger: whole old months may be gone."""
        rows = self._store.query("SELECT toDate(toStartOfMonth(min(event_ns))) FROM ledger").rows
        month: date = rows[0][0]
        # A day of the reporting time zone may begin in the month before.
        return month if self._zone.key == "UTC" else month + timedelta(days=1)

    # --- the result -------------------------------------------------------------------------

    def _report(self, days: Days, checks: list[Check], *, repair: bool) -> Report:
        text = f"{self._holder}\0{self._clock()}"
        return Report(
            audit_id=blake2b(text.encode(), digest_size=8).hexdigest(),
            auditor=self._holder,
            first_day=days.first,
            last_day=days.last,
            repair=repair,
            differences=sum(check.differences for check in checks),
            mended=sum(check.mended for check in checks),
            busy=sum(check.busy for check in checks),
            checks=checks,
        )

    def _keep(self, report: Report) -> None:
        count = len(report.checks)
        columns: list[tuple[str, str, Sequence[Any]]] = [
            ("audited_ns", _TIME, [self._clock()] * count),
            ("audit_id", "String", [report.audit_id] * count),
            ("auditor", _NAME, [report.auditor] * count),
            ("check", _NAME, [check.check for check in report.checks]),
            ("since_ns", _TIME, [self._midnight(report.first_day)] * count),
            ("until_ns", _TIME, [self._midnight(report.last_day + timedelta(days=1))] * count),
            ("differences", "Int64", [check.differences for check in report.checks]),
            ("mended", "Int64", [check.mended for check in report.checks]),
            ("calls_difference", "Int64", [check.calls_difference for check in report.checks]),
            ("cost_difference", "Decimal(38, 12)", [c.cost_difference for c in report.checks]),
        ]
        data = native.block(columns, count)
        for attempt in patiently("the result of the audit", attempts=ATTEMPTS):
            with attempt:
                self._store.append("audits", data, token=f"audit:{report.audit_id}")

    def _day(self, ns: int) -> date:
        return datetime.fromtimestamp(ns // _NS, tz=self._zone).date()

    def _midnight(self, day: date) -> int:
        return round(datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp()) * _NS


def _total(amounts: Iterable[object]) -> Decimal:
    return sum((amount for amount in amounts if isinstance(amount, Decimal)), Decimal(0))


def _state(*, repair: bool, is_quiet: bool) -> Literal["found", "mended", "busy"]:
    if not is_quiet:
        return "busy"
    return "mended" if repair else "found"


def _shown(found: Surplus, state: Literal["found", "mended"]) -> Difference:
    values = found.of.by_name
    names = ("line_id", "call_key", "trace_id", "span_id", "tenant", "model")
    change = as_mapping(found.books)
    return Difference(
        what=found.kind,
        key={
            **{name: str(values[name]) for name in names},
            "batch_id": f"{found.of.batch_id:016x}",
        },
        too_many=_too_many(change, ("lines", "calls", "amount_usd")),
        state=state,
    )


def _lacking(rollup: Rollup, lack: Lack, state: Literal["found", "mended", "busy"]) -> Difference:
    return Difference(
        what="rollup",
        key={name: str(lack.row[name]) for name in rollup.keys},
        too_many=_too_many(lack.row, rollup.sums),
        state=state,
    )


def _too_many(change: Any, names: Sequence[str]) -> dict[str, str]:
    return {
        name: f"{-change[name]:f}" if isinstance(change[name], Decimal) else str(-change[name])
        for name in names
        if change[name]
    }
