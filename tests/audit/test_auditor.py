"""The audit over real tables: what it finds, what it mends, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from assessed import assessed, duplicate, unpriced
from audit.books import (
    DAYS,
    HOUR_NS,
    LATER_NS,
    NS,
    RECORDED_NS,
    TABLES,
    all_totals,
    book,
    lose,
    totals,
)
from otel_costattr_collector.audit.auditor import AnotherMends, Auditor
from otel_costattr_collector.audit.lease import Lease
from otel_costattr_collector.audit.report import Report
from otel_costattr_collector.audit.rollups import Days, rollups_of
from otel_costattr_collector.ledger import (
    CostLine,
    Line,
    amendment_of,
    line_of_cost,
    lines_of,
    reversal_of,
)
from otel_costattr_collector.schema import Layout
from otel_costattr_collector.store import Store

from otel_costattr.errors import BadInput
from otel_costattr.model import Owner

CALL_USD = Decimal("0.00027")


def _auditor(store: Store, now_ns: int = LATER_NS, holder: str = "one") -> Auditor:
    return Auditor(store, holder=holder, clock=lambda: now_ns)


def _lines(*numbers: int) -> list[Line]:
    return [line for number in numbers for line in lines_of(assessed(number))]


def _found(report: Report) -> dict[str, tuple[int, int, int]]:
    return {
        check.check: (check.differences, check.mended, check.busy)
        for check in report.checks
        if check.differences
    }


def test_books_that_agree_are_left_alone(store: Store) -> None:
    """Nothing found, nothing booked, whatever kinds of lines there are."""
    call = assessed(1)
    lines = [*lines_of(call), *lines_of(unpriced(2)), *lines_of(duplicate(3, of=call))]
    book(store, [*lines, *amendment_of(lines[0], _lines(9)[0], cause="reprice:x")], batch_id=1)
    before = all_totals(store)

    report = _auditor(store).audit(DAYS, repair=True)

    assert (report.differences, len(before)) == (0, 1)
    assert all_totals(store) == before


def test_a_span_that_two_collectors_wrote_counts_once(store: Store) -> None:
    """The copy is taken back in every table, and a second audit finds nothing."""
    book(store, _lines(1, 2, 3), batch_id=1)
    book(store, _lines(2, 3, 4), batch_id=2, recorded_ns=RECORDED_NS + NS)

    found = _auditor(store).audit(DAYS, repair=True)
    again = _auditor(store).audit(DAYS, repair=True)

    assert _found(found) == {"call_keys": (2, 2, 0)}
    assert (found.checks[0].calls_difference, found.checks[0].cost_difference) == (2, 2 * CALL_USD)
    assert again.differences == 0
    ((lines, calls, *_, cost, _list),) = all_totals(store)
    assert (lines, calls, cost) == (4, 4, 4 * CALL_USD)


def _cost(name: str, amount_usd: str = "0.5") -> Line:
    return line_of_cost(
        CostLine(
            entry="cost",
            identity=("key", f"cost:{name}"),
            event_ns=RECORDED_NS,
            amount_usd=Decimal(amount_usd),
            owner=Owner(values={"tenant": "acme"}),
        )
    )


def test_a_cost_that_two_collectors_wrote_counts_once(store: Store) -> None:
    """A cost has no call key: its line id says that it is the same; another cost is another."""
    book(store, [_cost("a"), _cost("b")], batch_id=1)
    book(store, [_cost("a"), _cost("c")], batch_id=2, recorded_ns=RECORDED_NS + NS)

    found = _auditor(store).audit(DAYS, repair=True)
    again = _auditor(store).audit(DAYS, repair=True)

    assert _found(found) == {"call_keys": (1, 1, 0)}
    assert (found.checks[0].calls_difference, found.checks[0].cost_difference) == (
        0,
        Decimal("0.5"),
    )
    assert again.differences == 0
    ((lines, calls, *_, cost, _list),) = all_totals(store)
    assert (lines, calls, cost) == (3, 0, Decimal("1.5"))


def _pair(of: Line, amount_usd: str) -> tuple[Line, Line]:
    return amendment_of(of, _cost("a", amount_usd), cause="reattribute:x")


@pytest.mark.parametrize("copied", range(5))
@pytest.mark.parametrize("words", ["new", "old"])
def test_an_amended_cost_that_two_collectors_wrote_counts_once(
    store: Store, words: str, copied: int
) -> None:
    """0.5, then 0.2, then 0.3: whichever line is there twice, 0.3 stays, in old words as in new."""
    cost = _cost("a")
    back, first = _pair(cost, "0.2")
    chain = [cost, back, first, *_pair(first, "0.3")]
    if words == "old":
        chain = [_in_old_words(line) for line in chain]
    book(store, chain, batch_id=1)
    book(store, [chain[copied]], batch_id=2, recorded_ns=RECORDED_NS + NS)

    found = _auditor(store).audit(DAYS, repair=True)
    again = _auditor(store).audit(DAYS, repair=True)

    assert _found(found) == {"call_keys": (1, 1, 0)}
    assert again.differences == 0
    ((*_, cost_usd, _list),) = all_totals(store)
    assert cost_usd == Decimal("0.3")


def test_a_cost_that_two_auditors_took_back_counts_once(store: Store) -> None:
    """Of two copies both are taken back: one is booked again, and later audits leave it at that."""
    for batch in (1, 2):
        book(store, [_cost("a")], batch_id=batch, recorded_ns=RECORDED_NS + batch * NS)
    assert _found(_auditor(store).audit(DAYS, repair=True)) == {"call_keys": (1, 1, 0)}
    store.command("INSERT INTO ledger SELECT * FROM ledger WHERE entry = 'cost_reversal'")

    assert _found(_auditor(store).audit(DAYS, repair=True)) == {"call_keys": (1, 1, 0)}

    assert [_auditor(store).audit(DAYS, repair=True).differences for _ in range(2)] == [0, 0]
    ((lines, *_, cost, _list),) = all_totals(store)
    assert (lines, cost) == (1, Decimal("0.5"))


def _in_old_words(line: Line) -> Line:
    """Write an amendment of a cost as before it had entries of its own."""
    old = {"cost_reversal": "reversal", "cost_rebook": "rebook"}
    return tuple(
        old.get(str(value), value) if place == 1 else value for place, value in enumerate(line)
    )


def test_duplicates_are_only_told_unless_asked_to_mend(store: Store) -> None:
    """Without repair the report says what is too many, and the books stay as they are."""
    book(store, _lines(1), batch_id=1)
    book(store, _lines(1), batch_id=2)

    report = _auditor(store).audit(DAYS, repair=False)

    assert _found(report) == {"call_keys": (1, 0, 0)}
    assert report.checks[0].shown[0].too_many == {
        "lines": "1",
        "calls": "1",
        "amount_usd": f"{CALL_USD:.12f}",
    }
    assert {row[1] for row in all_totals(store)} == {2}


def test_two_spans_of_one_response_count_once(store: Store) -> None:
    """Of two collectors' spans with one response id the priced one stays."""
    book(store, list(lines_of(unpriced(1))), batch_id=1)
    other = replace(assessed(1), span=assessed(2).span)
    book(store, list(lines_of(other)), batch_id=2)

    report = _auditor(store).audit(DAYS, repair=True)

    assert _found(report) == {"call_keys": (1, 1, 0)}
    assert _auditor(store).audit(DAYS, repair=True).differences == 0
    ((_, calls, *_, cost, _list),) = all_totals(store)
    assert (calls, cost) == (1, CALL_USD)


def test_nobody_takes_back_the_call_of_another_key(store: Store) -> None:
    """Equal ids from two keys are two calls."""
    for batch, tenant in enumerate(("acme", "globex")):
        owner = Owner(values={"tenant": tenant}, sources={"tenant": "key"})
        book(store, list(lines_of(replace(assessed(1), owner=owner))), batch_id=batch)

    assert _auditor(store).audit(DAYS, repair=True).differences == 0


def test_a_line_taken_back_twice_is_booked_again(store: Store) -> None:
    """Two auditors at once have taken a copy back twice: the next audit restores the call."""
    line = _lines(1)[0]
    book(store, [line], batch_id=1)
    book(store, [line], batch_id=2)
    back = reversal_of(line, cause=f"audit:copy:{2:016x}")
    book(store, [back], batch_id=3)
    book(store, [back], batch_id=4)

    report = _auditor(store).audit(DAYS, repair=True)

    assert _found(report) == {"call_keys": (1, 1, 0)}
    assert report.checks[0].shown[0].what == "taken_back_twice"
    assert _auditor(store).audit(DAYS, repair=True).differences == 0
    ((lines, calls, *_),) = all_totals(store)
    assert (lines, calls) == (1, 1)


@pytest.mark.parametrize("rollup", TABLES[1:])
def test_what_a_rollup_lost_is_inserted_again(store: Store, rollup: str) -> None:
    """Rows that are gone come back as differences, to the last digit."""
    book(store, [*_lines(1, 2, 3), *lines_of(unpriced(4))], batch_id=1)
    before = totals(store, rollup)
    lose(store, rollup)

    report = _auditor(store).audit(DAYS, repair=True)

    assert set(_found(report)) == {rollup}
    assert totals(store, rollup) == before
    assert _auditor(store).audit(DAYS, repair=True).differences == 0


@pytest.mark.parametrize("rollup", TABLES[1:])
def test_what_a_rollup_has_too_much_of_is_taken_off(store: Store, rollup: str) -> None:
    """A rollup that counted a batch twice gets negative rows."""
    book(store, _lines(1, 2, 3), batch_id=1)
    before = totals(store, rollup)
    store.command(f"INSERT INTO {rollup} SETTINGS insert_deduplicate = 0 SELECT * FROM {rollup}")

    report = _auditor(store).audit(DAYS, repair=True)

    assert {check.calls_difference for check in report.checks if check.differences} == {3}
    assert totals(store, rollup) == before


def test_what_somebody_writes_to_just_now_waits(store: Store) -> None:
    """Where a line was recorded a moment ago, or a batch is under way, nothing is inserted."""
    book(store, _lines(1), batch_id=1)
    lose(store, "spend_by_session")
    soon = _auditor(store, RECORDED_NS + 60 * NS)
    writing = Auditor(store, holder="one", clock=lambda: LATER_NS, in_flight=lambda: {1})

    assert _found(soon.audit(DAYS, repair=True)) == {"spend_by_session": (1, 0, 1)}
    assert _found(writing.audit(DAYS, repair=True)) == {"spend_by_session": (1, 0, 1)}
    assert _found(_auditor(store).audit(DAYS, repair=True)) == {"spend_by_session": (1, 1, 0)}


def test_a_key_that_the_ledger_lacks_waits_for_the_end_of_its_day(store: Store) -> None:
    """Nobody knows when it was written, but on the next day it is quiet."""
    book(store, _lines(1), batch_id=1)
    store.command("TRUNCATE TABLE ledger")

    today = _auditor(store).audit(DAYS, repair=True)
    tomorrow = _auditor(store, LATER_NS + 24 * HOUR_NS).audit(DAYS, repair=True)

    assert (today.mended, tomorrow.mended) == (0, 3)
    assert {row[1] or 0 for row in all_totals(store)} == {0}


def test_days_that_were_not_asked_for_are_not_compared(store: Store) -> None:
    """A difference on another day of recording stays."""
    book(store, _lines(1), batch_id=1)
    lose(store, "spend_by_session")
    yesterday = _auditor(store, LATER_NS - 24 * HOUR_NS).recent(1)

    assert _auditor(store).audit(yesterday, repair=True).differences == 0


def test_each_audit_leaves_its_result_in_a_table(store: Store) -> None:
    """One line a check, for the quality report."""
    book(store, _lines(1), batch_id=1)
    book(store, _lines(1), batch_id=2)

    report = _auditor(store).audit(DAYS, repair=True)

    rows = store.query(
        "SELECT audit_id, auditor, differences, mended FROM audits ORDER BY check"
    ).rows
    assert rows == ((report.audit_id, "one", 1, 1), *((report.audit_id, "one", 0, 0),) * 3)


def test_only_one_collector_mends_at_a_time(store: Store) -> None:
    """The second one is told who does, until the term ends."""
    now_ns = [LATER_NS]

    def auditor(holder: str) -> Auditor:
        lease = Lease(store, name="audit", holder=holder, seconds=60, clock=lambda: now_ns[0])
        return Auditor(store, holder=holder, lease=lease, clock=lambda: now_ns[0])

    one, two = auditor("one"), auditor("two")
    one.audit(DAYS, repair=True)
    with pytest.raises(AnotherMends, match="one mends the books of this server until"):
        two.audit(DAYS, repair=True)
    assert two.audit(DAYS, repair=False).differences == 0
    now_ns[0] += 61 * NS
    assert two.audit(DAYS, repair=True).differences == 0
    with pytest.raises(AnotherMends, match="two mends"):
        one.audit(DAYS, repair=True)


@pytest.mark.parametrize("days", [-1, 4000], ids=["backwards", "too long"])
def test_a_period_that_is_none_is_refused(store: Store, days: int) -> None:
    """A period has a day at least and ten years at most."""
    first = DAYS.first
    last = Days(first=first.min, last=first.min).first.fromordinal(first.toordinal() + days)
    with pytest.raises(BadInput, match="no period"):
        _auditor(store).audit(Days(first=first, last=last), repair=False)


def test_the_rollups_are_those_of_the_schema(store: Store) -> None:
    """Keys and sums that are compared are the columns of each table, none left out."""
    rollups = rollups_of(Layout())

    assert {rollup.name for rollup in rollups} == set(TABLES[1:])
    for rollup in rollups:
        columns = store.query(
            "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {t:String}"
            " ORDER BY position",
            {"t": rollup.name},
        ).rows
        assert (*rollup.keys, *rollup.sums) == tuple(name for (name,) in columns)


def test_months_that_left_the_ledger_stay_in_the_rollups(store: Store) -> None:
    """A ledger whose old partitions were dropped says nothing of them, so nothing is taken off."""
    long_ago = assessed(1, start_ns=RECORDED_NS - 100 * 24 * HOUR_NS)
    book(store, [*lines_of(long_ago), *_lines(2)], batch_id=1)
    before = totals(store, "spend_by_tenant_day")
    partition = store.query("SELECT toYYYYMM(min(event_ns)) FROM ledger").rows[0][0]
    store.command(f"ALTER TABLE ledger DROP PARTITION {partition}")

    late = _auditor(store, LATER_NS + 24 * HOUR_NS)

    assert late.audit(DAYS, repair=True).differences == 0
    assert totals(store, "spend_by_tenant_day") == before
