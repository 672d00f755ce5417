"""Owners that a session's other spans tell: what is unknown is filled, nothing is contradicted."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from closing.books import CALL, DAY_NS, IN_OCTOBER, OCTOBER, Books, call
from conftest import emptied
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from listening import api_at
from otel_costattr_collector import cli as service
from otel_costattr_collector.amendments import sessions
from otel_costattr_collector.amendments.changes import Amended
from otel_costattr_collector.amendments.reattribute import Owners, reattribute
from otel_costattr_collector.amendments.sessions import FromSessions, complete_sessions
from otel_costattr_collector.api import create_api
from otel_costattr_collector.store import Store

from otel_costattr import cli
from otel_costattr.errors import BadInput

PERIOD: dict[str, Any] = {"start_date": "2024-10-01", "end_date": "2024-10-31"}


@pytest.fixture
def books(store: Store) -> Books:
    """An empty ledger."""
    return Books(store)


def told(books: Books, *owners: dict[str, str]) -> None:
    """Book a call for each of these owners, an hour apart from 1 October."""
    spans = [
        call(place, at_ns=OCTOBER + place * 3600 * 10**9, copy=False, **owner)
        for place, owner in enumerate(owners, start=1)
    ]
    books.take(spans)


def complete(books: Books, **more: Any) -> Amended:
    """Complete the sessions of October."""
    return complete_sessions(books.store, books.bookings, FromSessions(**PERIOD, **more))


def owned(books: Books, *names: str) -> dict[tuple[str, ...], int]:
    """Count calls by some dimensions."""
    keys = ", ".join(names)
    rows = books.store.query(
        f"SELECT {keys}, sum(calls) FROM ledger GROUP BY {keys} HAVING sum(calls) != 0"
    ).rows
    return {row[:-1]: row[-1] for row in rows}


def test_a_later_span_names_the_owner_of_its_session(books: Books) -> None:
    """Earlier and later lines without a tenant get it; the user that a line has stays its own."""
    told(
        books,
        {"session": "s"},
        {"session": "s", "tenant": "acme", "user": "u1"},
        {"session": "s", "tenant": "acme", "user": "u2"},
        {"session": "other"},
    )
    preview = complete(books, dry_run=True)
    assert owned(books, "session", "tenant")[("s", "")] == 1
    found = complete(books)

    assert (preview.changed, preview.booked, found.changed, found.booked) == (1, 0, 1, 2)
    assert owned(books, "session", "tenant") == {("s", "acme"): 3, ("other", ""): 1}
    assert [(one.dimension, one.before, one.after, one.lines) for one in preview.owners] == [
        ("tenant", "", "acme", 1)
    ]
    assert preview.owners[0].amount_usd == "0.00027"
    assert preview.left == {"sessions with several values of user": 1}
    assert preview.sessions == ["s: several values of user"]
    assert books.total() == 4 * CALL


def test_again_it_changes_nothing(books: Books) -> None:
    """Lines that were completed lack nothing more."""
    told(books, {"session": "s"}, {"session": "s", "tenant": "acme"})
    complete(books)
    again = complete(books)

    assert (again.looked_at, again.changed, again.booked) == (0, 0, 0)


def test_a_session_with_two_tenants_is_left_alone(books: Books) -> None:
    """Not even its plan is filled; it is named."""
    told(
        books,
        {"session": "s", "tenant": "acme", "plan": "pro"},
        {"session": "s", "tenant": "globex"},
        {"session": "s"},
        {"session": "t", "tenant": "initech"},
        {"session": "t"},
    )
    found = complete(books)

    assert found.left == {"sessions with several tenants": 1}
    assert found.sessions == ["s: several tenants"]
    assert owned(books, "session", "tenant", "plan") == {
        ("s", "acme", "pro"): 1,
        ("s", "globex", ""): 1,
        ("s", "", ""): 1,
        ("t", "initech", ""): 2,
    }


def test_a_tenant_that_was_taken_back_is_no_contradiction(books: Books) -> None:
    """What stands decides: a line that was reattributed from globex to acme is acme's."""
    told(books, {"session": "s", "tenant": "globex"}, {"session": "s"})
    reattribute(books.store, books.bookings, Owners(csv="match,set\ntenant=globex,tenant=acme\n"))
    found = complete(books)

    assert (found.changed, found.left) == (1, {})
    assert owned(books, "tenant") == {("acme",): 2}


def test_only_the_dimensions_that_are_asked_for_are_filled(books: Books) -> None:
    """The tenants of a session count even where only the user is filled."""
    told(books, {"session": "s"}, {"session": "s", "tenant": "acme", "user": "u"})
    found = complete(books, dimensions=["user"])

    assert found.changed == 1
    assert owned(books, "tenant", "user") == {("", "u"): 1, ("acme", "u"): 1}


def test_sessions_of_a_closed_month_are_completed_in_the_open_one(books: Books) -> None:
    """A late line of the session that is dated later tells its tenant, too; once."""
    told(books, {"session": "s"})
    books.close()
    before = books.sums(IN_OCTOBER)
    books.take([call(9, at_ns=OCTOBER + DAY_NS, session="s", tenant="acme")])

    found, again = complete(books), complete(books)

    assert (found.changed, found.closed, again.changed) == (1, ["2024-10"], 0)
    assert books.sums(IN_OCTOBER) == before
    assert owned(books, "tenant") == {("acme",): 2}


@pytest.mark.parametrize(
    ("bound", "message"),
    [("MOST_SESSIONS", "too many sessions"), ("MOST_CHANGES", "more than 0 lines change")],
)
def test_too_much_at_once_is_refused(
    books: Books, monkeypatch: pytest.MonkeyPatch, bound: str, message: str
) -> None:
    """The message says what to do."""
    told(books, {"session": "s"}, {"session": "s", "tenant": "acme"})
    monkeypatch.setattr(sessions, bound, 0)
    with pytest.raises(BadInput, match=message):
        complete(books)


OWNERS = st.fixed_dictionaries(
    {
        "session": st.sampled_from(["", "s", "t"]),
        "tenant": st.sampled_from(["", "", "acme", "globex"]),
        "user": st.sampled_from(["", "u1", "u2"]),
    }
)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(owners=st.lists(OWNERS, min_size=1, max_size=7))
def test_what_is_filled_is_what_the_session_says(
    store: Store, owners: Sequence[dict[str, str]]
) -> None:
    """A second implementation in plain Python over random sessions; the total stays."""
    emptied(store)
    books = Books(store)
    told(books, *owners)
    complete(books)

    values = {
        (session, name): {o[name] for o in owners if o["session"] == session and o[name]}
        for session, name in itertools.product(("s", "t"), ("tenant", "user"))
    }
    expected: dict[tuple[str, ...], int] = {}
    for owner in owners:
        session = owner["session"]
        now = dict(owner)
        if session and len(values[session, "tenant"]) < 2:
            for name in ("tenant", "user"):
                if not now[name] and len(values[session, name]) == 1:
                    (now[name],) = values[session, name]
        key = (session, now["tenant"], now["user"])
        expected[key] = expected.get(key, 0) + 1

    assert owned(books, "session", "tenant", "user") == expected
    assert books.total() == len(owners) * CALL


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--csv", "owners.csv", "--from", "2024-10-01"], "--csv: periods and conditions stand"),
        (["--from-sessions", "--from", "2024-10-01"], "--from-sessions: name the period"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message says which."""
    assert cli.main(service.COMMANDS, ["reattribute", *words]) != 0
    assert message in capsys.readouterr().err


def test_the_command_prints_what_moves(
    books: Books, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By dimension and value, with the sessions that were left alone."""
    told(
        books,
        {"session": "s"},
        {"session": "s", "tenant": "acme"},
        {"session": "t", "tenant": "acme", "user": "u"},
        {"session": "t", "tenant": "globex"},
    )
    words = "reattribute --from-sessions --from 2024-10-01 --to 2024-10-31 --dimension tenant"
    words += " --dimension user"
    with api_at(create_api(books.store, bookings=books.bookings)) as url:
        monkeypatch.setenv("COSTATTR_URL", url)
        assert cli.main(service.COMMANDS, words.split()) == 0
    printed = capsys.readouterr().out

    assert "tenant: (nobody) -> acme: 1 lines, 0.00027 USD" in printed
    assert "1 left alone: sessions with several tenants\n  session t: several tenants" in printed
    assert "2 lines booked" in printed
