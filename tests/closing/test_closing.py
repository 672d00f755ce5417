"""Closed months: what is learned later has a later date, and says when it happened."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from closing.books import CALL, DAY_NS, IN_OCTOBER, NOVEMBER, NOW_NS, OCTOBER, Books, call
from fastapi.testclient import TestClient
from otel_costattr_collector.access import Gate
from otel_costattr_collector.access.keys import create_key
from otel_costattr_collector.amendments.reattribute import Owners, reattribute
from otel_costattr_collector.amendments.reprice import Overlay, Repricing, reprice
from otel_costattr_collector.api import create_api
from otel_costattr_collector.closing.calendar import REFRESH_S, ClosedMonths
from otel_costattr_collector.closing.closer import StillOpen
from otel_costattr_collector.ledger import encode, lines_of_all
from otel_costattr_collector.ledger.dates import happened_ns, moment_of
from otel_costattr_collector.store import Store

from otel_costattr.assess import assess_all
from otel_costattr.errors import BadInput, RetryableError
from otel_costattr.pricing import shipped_book

TENTH_OFF = Overlay(text='[[discount]]\nprovider = "openai"\npercent = 10\n')
IN_ALL_OF_OCTOBER: dict[str, Any] = {"start_date": "2024-10-01", "end_date": "2024-10-31"}


@pytest.fixture
def books(store: Store) -> Books:
    """A ledger with three calls of October and one of November."""
    found = Books(store)
    found.take([call(n, at_ns=OCTOBER + n * DAY_NS, tenant="acme") for n in (1, 2, 3)])
    found.take([call(4, at_ns=NOVEMBER, tenant="acme")])
    return found


def later(books: Books) -> list[dict[str, Any]]:
    """List the lines that are dated later than they happened."""
    return list(
        books.store.query(
            "SELECT entry, toUnixTimestamp64Nano(ledger.event_ns) AS event_ns, provenance, amends,"
            " line_id, cause FROM ledger WHERE provenance['event_ns'] != '' ORDER BY entry"
        ).mappings()
    )


def test_a_late_call_of_a_closed_month_counts_in_the_open_one(books: Books) -> None:
    """It is dated when it came; its moment and the closed month stand beside it."""
    books.close()
    before = books.sums(IN_OCTOBER)
    at_ns = OCTOBER + 5 * DAY_NS + 123
    books.take([call(9, at_ns=at_ns, tenant="acme")])

    (line,) = later(books)
    assert books.sums(IN_OCTOBER) == before
    assert books.total() == 5 * CALL
    assert (line["entry"], line["event_ns"]) == ("call", NOW_NS)
    assert line["provenance"]["event_ns"] == "2024-10-06T00:00:00.000000123Z" == moment_of(at_ns)
    assert line["provenance"]["closed_month"] == "2024-10"
    assert happened_ns(line) == at_ns


def test_a_late_copy_amends_its_call_in_the_open_month(books: Books) -> None:
    """The pair names the call of October; 400 cached tokens make it 0.00003 USD cheaper."""
    books.close()
    before = books.sums(IN_OCTOBER)
    books.take([call(1, at_ns=OCTOBER + DAY_NS, copy=True)])

    lines = later(books)
    assert books.sums(IN_OCTOBER) == before
    assert books.total() == 4 * CALL - Decimal("0.00003")
    assert [one["entry"] for one in lines] == ["call", "rebook", "reversal"]
    assert len({one["amends"] for one in lines[1:]}) == 1


def test_a_reprice_of_a_closed_month_finds_what_it_booked_later(books: Books) -> None:
    """Priced down, found again, priced back up: each time by pairs in the open month, once."""
    books.close()
    before = books.sums(IN_OCTOBER)
    cheaper = Repricing(**IN_ALL_OF_OCTOBER, overlays=[TENTH_OFF])

    first = reprice(books.store, books.bookings, cheaper)
    again = reprice(books.store, books.bookings, cheaper)
    assert (first.changed, first.booked, again.changed) == (3, 6, 0)
    assert (first.closed, first.data[0].month) == (["2024-10"], "2024-10")
    assert books.total() == CALL + 3 * CALL * 9 / 10

    back = reprice(books.store, books.bookings, Repricing(**IN_ALL_OF_OCTOBER))
    assert (back.changed, back.booked) == (3, 6)
    assert books.total() == 4 * CALL
    assert books.sums(IN_OCTOBER) == before


def test_an_open_month_is_not_repriced_by_what_happened_in_a_closed_one(books: Books) -> None:
    """The pairs of October lie in December; December has no call of its own."""
    books.close()
    reprice(books.store, books.bookings, Repricing(**IN_ALL_OF_OCTOBER, overlays=[TENTH_OFF]))
    december = Repricing(start_date="2024-12-01", end_date="2024-12-31")

    assert reprice(books.store, books.bookings, december).looked_at == 0


def test_owners_learned_later_are_booked_in_the_open_month(books: Books) -> None:
    """Without a period every line is looked at, those of October that are dated later included."""
    books.close()
    before = books.sums(IN_OCTOBER)
    books.take([call(9, at_ns=OCTOBER, tenant="acme")])
    found = reattribute(
        books.store, books.bookings, Owners(csv="match,set\ntenant=acme,project=atlas\n")
    )

    assert (found.changed, found.closed) == (5, ["2024-10"])
    assert books.sums(IN_OCTOBER) == before
    rows = books.store.query("SELECT project, sum(amount_usd) FROM ledger GROUP BY 1").rows
    assert dict(rows) == {"": Decimal(0), "atlas": 5 * CALL}


def test_a_month_that_is_open_again_takes_what_is_learned(books: Books) -> None:
    """What was dated later stays there; opening is a record of its own, and nothing is deleted."""
    books.close()
    books.take([call(8, at_ns=OCTOBER, tenant="acme")])
    books.closer.reopen("2024-10", who="ann", note="a bill came")
    books.take([call(9, at_ns=OCTOBER, tenant="acme")])

    assert books.total(IN_OCTOBER) == 4 * CALL
    assert len(later(books)) == 1
    assert [(one.action, one.who, one.calls) for one in books.closer.trail()] == [
        ("close", "test", 3),
        ("reopen", "ann", 3),
    ]
    with pytest.raises(BadInput, match="2024-10 is not closed"):
        books.closer.reopen("2024-10", who="ann", note="")


def test_a_closing_is_known_once(books: Books) -> None:
    """Closing a closed month returns the closing that is in force."""
    first, new = books.closer.close("2024-10", who="ann", note="books are done")
    again, anew = books.closer.close("2024-10", who="bob", note="")

    assert (new, anew, again) == (True, False, first)
    assert (first.lines, first.calls, first.amount_usd) == (3, 3, 3 * CALL)


def test_a_month_that_is_not_over_cannot_be_closed(books: Books) -> None:
    """December is not over on the 5th; a word that is no month is none."""
    with pytest.raises(BadInput, match="2024-12 is not over in UTC"):
        books.closer.close("2024-12", who="ann", note="")
    with pytest.raises(BadInput, match="no month"):
        books.closer.close("2024-13", who="ann", note="")


def test_what_is_on_its_way_keeps_a_month_open(books: Books) -> None:
    """The message says what it is; later the month can be closed."""
    ways = ["3 spans of it are still settling"]
    closer = books.closer
    closer._on_their_way = lambda month: ways if month.name == "2024-10" else ()  # type: ignore[misc]
    with pytest.raises(StillOpen, match="2024-10 cannot be closed yet: 3 spans of it"):
        closer.close("2024-10", who="ann", note="")
    ways.clear()

    assert closer.close("2024-10", who="ann", note="")[1]


@pytest.mark.parametrize("who", ["amends", "freezes"])
def test_while_somebody_books_nothing_is_closed(books: Books, who: str) -> None:
    """Whoever amends holds one lock, whoever freezes the other."""
    lock = books.bookings.amending if who == "amends" else books.closed.lock
    with lock, pytest.raises(StillOpen, match="try again in a moment"):
        books.close()
    books.close()
    assert books.closed.names() == {"2024-10"}


def test_a_rollup_that_lacks_lines_is_mended_before_a_month_is_closed(books: Books) -> None:
    """Else the audit would change the month afterwards."""
    books.store.command(
        "DELETE FROM spend_by_tenant_day WHERE day = '2024-10-02'"
        " SETTINGS lightweight_deletes_sync = 2"
    )
    with pytest.raises(BadInput, match="ledger and rollup do not agree about 2024-10"):
        books.close()


def test_another_collector_learns_of_a_closing_soon(books: Books) -> None:
    """It asks again after some seconds, and keeps what it knew while the store is silent."""
    seconds = [0.0]
    other = ClosedMonths(books.store, clock=lambda: seconds[0])
    assert other.names() == frozenset()
    assert other.since_ns() is None
    books.close()
    assert other.names() == frozenset()
    seconds[0] = REFRESH_S + 1
    assert other.names() == {"2024-10"}
    assert other.since_ns() == NOW_NS

    def silent(*_: object, **__: object) -> None:
        raise RetryableError("no answer")

    other._store = type("Silent", (), {"query": silent})()  # type: ignore[misc]
    seconds[0] *= 3
    assert other.names() == {"2024-10"}


def test_a_closing_that_may_have_been_written_counts_until_the_store_says(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the record is there or not, nothing is dated into the month meanwhile."""

    def lost(*_: object, **__: object) -> None:
        raise RetryableError("no answer")

    before = books.sums(IN_OCTOBER)
    with monkeypatch.context() as patched:
        patched.setattr(type(books.store), "append", lost)
        with pytest.raises(RetryableError):
            books.close()
    books.take([call(9, at_ns=OCTOBER)])
    assert books.sums(IN_OCTOBER) == before
    books.close()
    assert books.sums(IN_OCTOBER) == before


def test_a_clock_that_goes_back_dates_nothing_into_a_closed_month(books: Books) -> None:
    """The first moment after the closed months is taken."""
    books.close()
    books.closer.close("2024-11", who="ann", note="")
    books.now_ns = OCTOBER + DAY_NS
    books.take([call(9, at_ns=OCTOBER)])

    (line,) = later(books)
    assert datetime.fromtimestamp(line["event_ns"] // 10**9, tz=UTC).isoformat() == (
        "2024-12-01T00:00:00+00:00"
    )


def test_other_months_keep_their_dates(books: Books) -> None:
    """Calls before and after the closed month are dated as they happened."""
    books.close()
    books.take([call(8, at_ns=OCTOBER - 1), call(9, at_ns=NOVEMBER)])
    assert later(books) == []


def test_the_api_closes_lists_and_explains(books: Books) -> None:
    """Sums then and now, whether they changed, and the reference on a line that came later."""
    with TestClient(create_api(books.store, bookings=books.bookings)) as client:
        order = {"month": "2024-10", "note": "done"}
        closed = client.post("/v1/closings", json=order).json()
        books.take([call(9, at_ns=OCTOBER, tenant="acme")])
        found = client.get("/v1/closings").json()
        line = client.get(f"/v1/explain/{later(books)[0]['line_id']}").json()
        plain = books.store.query("SELECT line_id FROM ledger WHERE calls = 1 LIMIT 1").rows[0][0]
        usual = client.get(f"/v1/explain/{plain}").json()
        costs = client.get("/v1/analytics/costs", params={"group_by": "tenant"}).json()
        of_november = client.get(
            "/v1/analytics/costs", params={"group_by": "tenant", "start_date": "2024-11-01"}
        ).json()
        reopened = client.post("/v1/closings/reopen", json=order).json()
        none = client.get("/v1/closings").json()

    assert closed["new"] is True
    assert closed["record"]["amount_usd"] == "0.00081"
    assert [(one["month"], one["who"], one["unchanged"]) for one in found["closed"]] == [
        ("2024-10", "nobody", True)
    ]
    assert (line["happened"], line["closed_month"]) == ("2024-10-01T00:00:00.000000000Z", "2024-10")
    assert (usual["happened"], usual["closed_month"]) == (usual["line"]["event_ns"], "")
    assert (costs["closed_months"], of_november["closed_months"]) == (["2024-10"], [])
    assert reopened["record"]["action"] == "reopen"
    assert (none["closed"], [one["action"] for one in none["trail"]]) == ([], ["close", "reopen"])


def test_lines_that_got_past_the_calendar_are_told(books: Books) -> None:
    """Another writer that did not know yet: the list says that the month is another one now."""
    books.close()
    lines = lines_of_all(assess_all([call(9, at_ns=OCTOBER)], book=shipped_book()))
    books.store.insert(encode(lines, batch_id=99, recorded_ns=NOW_NS))
    with TestClient(create_api(books.store, bookings=books.bookings)) as client:
        (month,) = client.get("/v1/closings").json()["closed"]

    assert (month["unchanged"], month["calls"], month["calls_now"]) == (False, 3, 4)


def test_who_closes_stands_beside_the_key_that_may(books: Books, tmp_path: Path) -> None:
    """Only the role admin may; a name that is given does not hide the key."""
    keys = {
        role: create_key(tmp_path / "keys", name=f"of {role}", role=role, tenant="", now_ns=1)[1]
        for role in ("read", "admin")
    }
    gate = Gate(tmp_path / "keys", open_without_keys=False)
    with TestClient(create_api(books.store, bookings=books.bookings, gate=gate)) as client:
        order = {"month": "2024-10", "who": "ann"}
        answers = {
            role: client.post("/v1/closings", json=order, headers={"x-api-key": key})
            for role, key in keys.items()
        }
        listed = client.get("/v1/closings", headers={"x-api-key": keys["read"]}).json()

    assert [answer.status_code for answer in answers.values()] == [403, 200]
    assert listed["trail"][0]["who"] == "ann (key of admin)"


def test_a_key_of_one_tenant_does_not_see_what_all_cost(books: Books, tmp_path: Path) -> None:
    """Sums of a month are everybody's."""
    key = create_key(tmp_path / "keys", name="acme", role="read", tenant="acme", now_ns=1)[1]
    gate = Gate(tmp_path / "keys", open_without_keys=False)
    with TestClient(create_api(books.store, bookings=books.bookings, gate=gate)) as client:
        answer = client.get("/v1/closings", headers={"x-api-key": key})

    assert answer.status_code == 403


def test_an_allocation_of_a_closed_month_says_where_its_lines_are(books: Books) -> None:
    """The lines sum to zero in December; the note names the month."""
    books.close()
    before = books.sums(IN_OCTOBER)
    rules = (
        '[[rule]]\nname = "halves"\nwhere = ["provider=openai"]\ntarget = "tenant"\n'
        "weights = { left = 1, right = 1 }\n"
    )
    order = {"rules": rules, "first_day": "2024-10-01", "last_day": "2024-10-31"}
    with TestClient(create_api(books.store, bookings=books.bookings)) as client:
        runs = [client.post("/v1/allocations", json=order).json() for _ in range(2)]
        client.post("/v1/allocations/reverse", json={"run_id": runs[0]["run_id"]})

    assert [run["state"] for run in runs] == ["posted", "unchanged"]
    assert "2024-10 is closed: lines are dated in an open month" in runs[0]["notes"]
    assert books.sums(IN_OCTOBER) == before
    assert books.total("toYYYYMM(event_ns) = 202412") == 0
    assert books.total() == 4 * CALL
