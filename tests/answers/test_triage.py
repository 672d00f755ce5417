"""Triage: the planted driver comes first, under its right name; the note is filled in."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path

import month
import pytest
from assessed import RATES, assessed, priced
from fastapi.testclient import TestClient
from month import INCIDENTS
from otel_costattr_collector import store as stores
from otel_costattr_collector.analytics.notes import cell, triage_note, usd
from otel_costattr_collector.analytics.triage import Triage, triage
from otel_costattr_collector.analytics.windows import HOUR_NS, windows_around
from otel_costattr_collector.api import create_api
from otel_costattr_collector.ledger import encode, lines_of
from otel_costattr_collector.schema import Layout
from otel_costattr_collector.spend import Question, edge
from otel_costattr_collector.store import Store

from otel_costattr.model import Assessment, Unit
from otel_costattr.testing import START_NS

GOLDEN = Path(__file__).parent / "golden"
QUESTION = Question(group_by=("tenant",))
DAY_NS = 24 * HOUR_NS


@pytest.fixture(scope="module")
def found_in(spiked_store: Store) -> Callable[[str], Triage]:
    """Gives what triage finds around an incident; it looks once."""
    return cache(lambda name: _triage(spiked_store, INCIDENTS[name].around))


@pytest.mark.parametrize("name", INCIDENTS)
@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_the_planted_driver_is_named_first(found_in: Callable[[str], Triage], name: str) -> None:
    """Each incident of the month is found from an instant inside it, with its cause."""
    incident = INCIDENTS[name]

    found = found_in(name)

    first = found.drivers[0]
    start, end = (ns // 10**9 for ns in found.windows.after)
    assert start <= incident.since_s < incident.since_s + incident.hours * 3600 <= end
    assert incident.owner.items() <= first.values.items()
    assert first.hypothesis == incident.hypothesis
    assert first.explained > Decimal("0.7")


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_the_planted_drivers_are_named_first_among_ten_million_calls(chdb_folder: Path) -> None:
    """The same on the full month."""
    with stores.embedded(chdb_folder, layout=Layout(database="answers_10m")) as store:
        store.migrate()
        month.plant(store, 10_000_000)
        for incident in INCIDENTS.values():
            first = _triage(store, incident.around).drivers[0]
            assert incident.owner.items() <= first.values.items()
            assert first.hypothesis == incident.hypothesis


@pytest.mark.parametrize("name", INCIDENTS)
@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_note_is_the_one_on_file(found_in: Callable[[str], Triage], name: str) -> None:
    """The note reads as the reviewed one; WRITE_GOLDEN=1 writes it anew."""
    text = triage_note(found_in(name), time_zone="UTC")

    path = GOLDEN / f"triage-{name}.md"
    if os.environ.get("WRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text("utf-8")


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_api_finds_the_same_and_writes_the_note(spiked_store: Store) -> None:
    """Over HTTP the drivers, their split and the note come along; the split sums to the change."""
    with TestClient(create_api(spiked_store)) as client:
        body = client.get(
            "/v1/analytics/triage", params={"around": INCIDENTS["spike"].around}
        ).json()

    assert body["drivers"][0]["values"] == {"prompt_version": "v7", "feature": "search"}
    split = [Decimal(amount) for amount in body["drivers"][0]["split"].values()]
    assert sum(split) > Decimal(body["delta"]) / 2
    assert body["note"] == (GOLDEN / "triage-spike.md").read_text("utf-8")


def _triage(store: Store, around: str) -> Triage:
    windows = windows_around(store, QUESTION, edge(around, "UTC").ns)
    return triage(store, QUESTION, windows)


def _calls(number: int, start_ns: int, count: int, **fields: object) -> list[Assessment]:
    return [
        assessed(number * 1000 + at, start_ns=start_ns + at * 10**9, **fields)  # type: ignore[arg-type]
        for at in range(count)
    ]


def _fill(store: Store, *groups: list[Assessment]) -> None:
    lines = [line for group in groups for one in group for line in lines_of(one)]
    store.insert(encode(lines, batch_id=1, recorded_ns=START_NS))


OWNER = {"tenant": "acme", "feature": "chat", "user": "u-1"}
DEAR = {name: rate * 3 for name, rate in RATES.items()}
COUNTS: Mapping[Unit, int] = {"input": 1000, "output": 200}


@pytest.mark.parametrize(
    ("after", "hypothesis"),
    [
        pytest.param({"count": 30}, "volume", id="three times the calls"),
        pytest.param({"counts": {"input": 1000, "output": 2000}}, "efficiency", id="long answers"),
        pytest.param({"price": priced(COUNTS, DEAR)}, "price", id="three times the rates"),
        pytest.param(
            {"price": replace(priced(COUNTS, DEAR), model="gpt-4o")}, "routing", id="dear model"
        ),
    ],
)
def test_a_rise_everywhere_has_a_name(
    store: Store, after: dict[str, object], hypothesis: str
) -> None:
    """Where no owner stands out, the split of the whole names the cause."""
    start = START_NS // HOUR_NS * HOUR_NS
    owner = {"tenant": "acme", "feature": "chat"}
    fields = {"count": 10, "owner": owner, **after}
    _fill(
        store,
        *[_calls(day, start - day * DAY_NS, 10, owner=owner) for day in (1, 2, 3)],
        _calls(9, start, **fields),  # type: ignore[arg-type]
    )

    windows = windows_around(store, QUESTION, start)
    first = triage(store, QUESTION, windows).drivers[0]

    assert first.hypothesis == hypothesis
    assert sum(first.split.values()) == first.change["delta"]


def test_a_quiet_hour_has_no_driver(store: Store) -> None:
    """Spend at its usual level is nothing to explain, and the note says so."""
    start = START_NS // HOUR_NS * HOUR_NS
    _fill(store, *[_calls(day, start - day * DAY_NS, 10) for day in range(3)])

    found = triage(store, QUESTION, windows_around(store, QUESTION, start))

    assert found.drivers == ()
    assert "Spend is not above its usual level" in triage_note(found, time_zone="Asia/Kathmandu")


def test_an_empty_ledger_has_no_driver(store: Store) -> None:
    """Nothing is known and nothing is made up."""
    found = triage(store, QUESTION, windows_around(store, QUESTION, START_NS))

    assert found.drivers == ()
    assert "no older data" in found.windows.rule


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (None, "unknown"),
        (Decimal(0), "0"),
        (Decimal("1234.5678"), "1,234.57"),
        (Decimal("0.00042199"), "0.0004220"),
        (Decimal("-0.5"), "-0.5000"),
    ],
)
def test_amounts_are_short_for_people(amount: Decimal | None, words: str) -> None:
    """Cents from a dollar up, else four digits that count; unknown is a word."""
    assert usd(amount) == words


def test_a_value_cannot_break_the_table() -> None:
    """Whatever an application sends as a name stays inside its cell."""
    assert cell("a|b`c\nd") == "`a b c d`"
    assert cell("") == "(unknown)"
