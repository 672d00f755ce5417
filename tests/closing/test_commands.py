"""`costattr close`, `reopen` and `closed`: what they print, wait for and return."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

import pytest
from closing.books import NOW_NS, OCTOBER, Books, call
from listening import api_at
from otel_costattr_collector import api
from otel_costattr_collector import cli as service
from otel_costattr_collector.closing.closer import Closer
from otel_costattr_collector.commands import close
from otel_costattr_collector.ledger import encode, lines_of_all
from otel_costattr_collector.store import Store

from otel_costattr import cli
from otel_costattr.assess import assess_all
from otel_costattr.pricing import shipped_book

Run: TypeAlias = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def ways() -> list[list[str]]:
    """What is on its way, one answer a question; then nothing."""
    return []


@pytest.fixture
def books(store: Store) -> Books:
    """A ledger with one call of October."""
    found = Books(store)
    found.take([call(1, at_ns=OCTOBER, tenant="acme")])
    return found


@pytest.fixture
def run(
    books: Books,
    ways: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Run]:
    """Run a command against the API over these books; its exit code and what it printed."""
    monkeypatch.setattr(close, "STEP_S", 0.01)
    monkeypatch.setattr(api, "Closer", partial(Closer, clock=lambda: NOW_NS))
    made = api.create_api(
        books.store,
        bookings=books.bookings,
        on_their_way=lambda _: ways.pop(0) if ways else [],
    )
    with api_at(made) as url:
        monkeypatch.setenv("COSTATTR_URL", url)

        def command(words: str) -> tuple[int, str, str]:
            code = cli.main(service.COMMANDS, words.split())
            printed = capsys.readouterr()
            return code, printed.out, printed.err

        yield command


def test_a_month_is_closed_once_nothing_of_it_is_on_its_way(
    run: Run, ways: list[list[str]]
) -> None:
    """What it waits for is said once; closing again tells when it was."""
    ways += [["2 spans of it are still settling"]] * 3
    code, out, err = run("close 2024-10 --who ann")

    assert (code, out) == (0, "2024-10 is closed: 1 calls, 0.00027 USD\n")
    assert err.count("2 spans of it are still settling: waiting") == 1
    assert run("close 2024-10")[1].startswith("2024-10 was closed on 2024-12-05T")


def test_who_waits_too_long_is_told(run: Run, ways: list[list[str]]) -> None:
    """Nothing is closed then."""
    ways += [["2 spans of it are still settling"]] * 3
    code, _, err = run("close 2024-10 --wait 0")

    assert code != 0
    assert "2024-10 cannot be closed yet" in err
    assert run("closed")[:2] == (0, "no month is closed\n")


def test_a_month_that_changed_is_shown_and_is_exit_code_1(run: Run, books: Books) -> None:
    """Another writer that did not know yet booked one more call."""
    run("close 2024-10 --who ann --note done")
    assert run("closed")[0] == 0
    lines = lines_of_all(assess_all([call(9, at_ns=OCTOBER)], book=shipped_book()))
    books.store.insert(encode(lines, batch_id=99, recorded_ns=NOW_NS))
    code, out, _ = run("closed")

    assert code == 1
    assert out.splitlines() == [
        "2024-10  1 calls, 0.00027 USD, NOW 2 calls, 0.00054 USD",
        "  2024-12-05T00:00:00Z  2024-10 closed by ann: done",
    ]


def test_answers_are_json_if_asked(run: Run) -> None:
    """As the API gives them."""
    closed = json.loads(run("close 2024-10 --json")[1])
    listed = json.loads(run("closed --json")[1])
    opened = json.loads(run("reopen 2024-10 --json")[1])

    assert closed["record"]["month"] == listed["closed"][0]["month"] == "2024-10"
    assert opened["record"]["action"] == "reopen"


def test_a_late_call_says_why_it_has_a_later_date(run: Run, books: Books) -> None:
    """`costattr explain` names the moment and the closed month; reports name closed months."""
    run("close 2024-10")
    books.take([call(9, at_ns=OCTOBER, tenant="acme")])
    (row,) = books.store.query("SELECT line_id FROM ledger WHERE toYYYYMM(event_ns) = 202412").rows

    explained = run(f"explain {row[0]}")[1]
    report = run("report --by tenant")[1]
    assert "happened 2024-10-01T00:00:00.000000000Z in 2024-10, which is closed" in explained
    assert "Closed: 2024-10. What is learned of them later stands in an open month." in report
