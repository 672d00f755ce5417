"""Closed months and what looks at the ledger besides: the audit, and the next start."""

from __future__ import annotations

from datetime import UTC, datetime

from closing.books import CALL, DAY_NS, IN_OCTOBER, NOW_NS, OCTOBER, Books, call
from otel_costattr_collector.audit.auditor import Auditor
from otel_costattr_collector.audit.rollups import Days
from otel_costattr_collector.ingest.memory import Memory
from otel_costattr_collector.ingest.recovery import load_calls
from otel_costattr_collector.ledger import encode, lines_of_all
from otel_costattr_collector.store import Store

from otel_costattr.assess import assess_all
from otel_costattr.pricing import shipped_book

RECORDED = datetime.fromtimestamp(OCTOBER // 10**9, tz=UTC).date()
TODAY = datetime.fromtimestamp(NOW_NS // 10**9, tz=UTC).date()


def test_a_call_that_counts_twice_in_a_closed_month_is_taken_back_later(store: Store) -> None:
    """October keeps both; the reversal lies in December, and no later audit books another one."""
    books = Books(store)
    lines = lines_of_all(assess_all([call(1, at_ns=OCTOBER, tenant="acme")], book=shipped_book()))
    for batch_id in (1, 2):
        store.insert(encode(lines, batch_id=batch_id, recorded_ns=OCTOBER + batch_id))
    books.close()
    auditor = Auditor(store, holder="test", closed=books.closed, clock=lambda: NOW_NS)

    mended = auditor.audit(Days(first=RECORDED, last=RECORDED), repair=True)
    again = [auditor.audit(Days(first=day, last=TODAY), repair=True) for day in (RECORDED, TODAY)]

    assert (mended.differences, mended.mended) == (1, 1)
    assert [one.differences for one in again] == [0, 0]
    assert (books.total(IN_OCTOBER), books.total()) == (2 * CALL, CALL)
    rows = store.query(
        "SELECT toUnixTimestamp64Nano(ledger.event_ns), provenance['closed_month'] FROM ledger"
        " WHERE entry = 'reversal'"
    ).rows
    assert rows == ((NOW_NS, "2024-10"),)


def test_a_reversal_that_was_booked_twice_is_found_whatever_its_date(store: Store) -> None:
    """Two auditors took one copy back at once: the call of October is looked up, and restored."""
    books = Books(store)
    lines = lines_of_all(assess_all([call(1, at_ns=OCTOBER)], book=shipped_book()))
    for batch_id in (1, 2):
        store.insert(encode(lines, batch_id=batch_id, recorded_ns=OCTOBER + batch_id))
    books.close()
    auditor = Auditor(store, holder="test", closed=books.closed, clock=lambda: NOW_NS)
    auditor.audit(Days(first=RECORDED, last=RECORDED), repair=True)
    store.command(
        "INSERT INTO ledger SELECT * REPLACE (7 AS batch_id) FROM ledger WHERE entry = 'reversal'"
    )
    assert books.total() == 0

    mended = auditor.audit(Days(first=TODAY, last=TODAY), repair=True)

    assert (mended.mended, books.total()) == (1, CALL)
    assert auditor.audit(Days(first=TODAY, last=TODAY), repair=True).differences == 0
    assert books.total(IN_OCTOBER) == 2 * CALL


def test_the_next_start_knows_when_a_late_call_happened(store: Store) -> None:
    """Copies are recognised by the time of the call, not by its date."""
    books = Books(store)
    books.close()
    span = call(1, at_ns=OCTOBER + DAY_NS)
    books.take([span])
    memory = Memory(max_calls=10, max_links=10)

    assert load_calls(store, memory, hours=24 * 365 * 20) == 1
    counted = memory.known("").get(f"s:{span.ref}")
    assert counted is not None
    assert counted.begin_ns == OCTOBER + DAY_NS
