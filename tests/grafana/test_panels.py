"""Every panel, as Grafana sends it, over a month on the engine itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

import month
import pytest
from allocation.places import insert, shared
from fastapi import FastAPI
from fastapi.testclient import TestClient
from grafana.boards import BOARDS
from grafana.named import Named
from grafana.panels import Board, Panel
from grafana.sql import MEASURES, NOBODY, Spend, title_of
from grafana.variables import values_sql
from grafana_plugin import ALL, Value, View, seconds, sent
from otel_costattr_collector import queries, spend
from otel_costattr_collector.allocation.placing import placed
from otel_costattr_collector.sql import Guard
from otel_costattr_collector.store import Store

pytestmark = [
    pytest.mark.no_cover,  # the same lines as other tests, many times over
    pytest.mark.timeout(60),  # whoever comes first plants the month
]

PANELS = [
    pytest.param(panel, id=f"{board.name}-{panel.title}")
    for board in BOARDS
    for panel in board.panels
]
SPEND = [param for param in PANELS if isinstance(param.values[0].asks, Spend)]  # type: ignore[union-attr]
NAMED = [param for param in PANELS if isinstance(param.values[0].asks, Named)]  # type: ignore[union-attr]
DIMENSIONS = (
    "feature",
    "tenant",
    "prompt",
    "prompt_version",
    "provider",
    "model",
    "agent",
    "workflow",
)
CHOSEN: Mapping[str, Value] = {
    "tz": "UTC",
    "grain": "1 HOUR",
    "measure": "direct",
    "against": "7 DAY",
    "environment": (ALL,),
    "data_mode": ("real",),
    "session": "",
    **dict.fromkeys(DIMENSIONS, (ALL,)),
}
HOUR_S = 3600
DAY_S = 24 * HOUR_S
ONE_PART = Decimal("1e-9")

Shown = Callable[[Panel], tuple[dict[str, Any], ...]]


def _view(since: str, until: str, **chosen: Value) -> View:
    return View(since_s=seconds(since), until_s=seconds(until), values={**CHOSEN, **chosen})


DAYS = _view("2026-10-19T00:00:00Z", "2026-10-29T00:00:00Z")


def _rows(store: Store, panel: Panel, view: View) -> tuple[dict[str, Any], ...]:
    return store.query(sent(panel.text, view)).mappings()


@pytest.fixture(scope="module")
def shown(seeded: Store) -> Shown:
    """Gives what a panel shows of these days; each query is asked once."""
    asked = cache(lambda text: seeded.query(sent(text, DAYS)).mappings())
    return lambda panel: asked(panel.text)


def _panel(board: str, title: str) -> Panel:
    (found,) = (
        panel for one in BOARDS for panel in one.panels if (one.name, panel.title) == (board, title)
    )
    return found


def _answer(
    store: Store, asked: Spend, since_s: int, until_s: int, **filters: str
) -> tuple[dict[str, Any], dict[tuple[str, ...], dict[str, Any]]]:
    """Ask the API's own question; return the total and the rows by their dimensions."""
    question = spend.Question(
        group_by=asked.by,
        since=spend.Edge(ns=since_s * 10**9, day=None),
        until=spend.Edge(ns=until_s * 10**9, day=None),
        filters={
            **({} if asked.every_mode else {"data_mode": "real"}),
            **dict(asked.where),
            **filters,
        },
        limit=10_000,
    )
    sql, parameters = spend.ask(question)
    total, rows, _ = spend.total_and_rows(store.query(sql, parameters), question)
    return total, {tuple(row["dimensions"].values()): row for row in rows}


def _share(part: Any, whole: Any) -> Any:
    if part is None or not whole:
        return None
    return Decimal(part) / Decimal(whole)


def _expected(measure: str, row: Mapping[str, Any]) -> Any:
    """Work out a measure from a row of the API, independently of the panels' SQL."""
    with_price = row["priced_calls"] + row["estimated_calls"]
    return {
        "cost": row["total_cost"],
        "list_cost": row["list_cost"],
        "reported_cost": row["reported_cost"],
        "calls": row["calls"],
        "unpriced": row["unpriced_calls"],
        "estimated": row["estimated_calls"],
        "duplicates": row["duplicates"],
        "cost_per_call": _share(row["total_cost"], with_price),
        "input_per_call": _share(row["input_tokens"], row["usage_calls"]),
        "output_per_call": _share(row["output_tokens"], row["usage_calls"]),
        "cached_share": _share(row["cache_read_tokens"], row["input_tokens"]),
        "failed_share": _share(row["failed_calls"], row["calls"]),
        "unpriced_share": _share(row["unpriced_calls"], row["calls"]),
        "estimated_share": _share(row["estimated_calls"], row["calls"]),
        "owned_share": _share(row["attributed_calls"], row["calls"]),
    }[measure]


def _agrees(shown: Any, expected: Any) -> bool:
    if shown is None or expected is None:
        return shown is None and expected is None
    return abs(Decimal(str(shown)) - Decimal(expected)) <= ONE_PART


def _key(asked: Spend, row: Mapping[str, Any]) -> tuple[str, ...]:
    shown = (row[title_of(name)] for name in asked.by)
    return tuple("" if value == NOBODY else value for value in shown)


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_shows_rows(shown: Shown, panel: Panel) -> None:
    """Nothing on a dashboard is empty over a month that has everything."""
    assert shown(panel)


@pytest.mark.parametrize("panel", PANELS)
def test_the_endpoint_admits_a_panel(guard: Guard, panel: Panel) -> None:
    """What the guard of the embedded endpoint would refuse is on no dashboard."""
    guard.admit(sent(panel.text, DAYS), parameters={}, asked={}, default_format="Native")


@pytest.mark.parametrize("panel", SPEND)
def test_a_panel_says_what_the_named_query_says(seeded: Store, shown: Shown, panel: Panel) -> None:
    """Each number equals the one worked out from the API's answer to the same question."""
    asked = panel.asks
    assert isinstance(asked, Spend)
    rows = shown(panel)
    if asked.over_time:
        start = rows[len(rows) // 2]["time"]
        since_s = int(start.timestamp())
        rows = tuple(row for row in rows if row["time"] == start)
        total, answer = _answer(seeded, asked, since_s, since_s + HOUR_S)
    else:
        total, answer = _answer(seeded, asked, DAYS.since_s, DAYS.until_s)

    for row in rows:
        expected = total if asked.total else answer[_key(asked, row)]
        for name in asked.measures:
            assert _agrees(row[MEASURES[name].title], _expected(name, expected)), (name, row)
    assert asked.total or len(rows) == min(len(answer), asked.limit)


@pytest.mark.parametrize("panel", NAMED)
def test_a_panel_of_another_query_says_what_that_says(
    seeded: Store, shown: Shown, panel: Panel
) -> None:
    """Its columns are those of the named query, asked with plain words."""
    asked = panel.asks
    assert isinstance(asked, Named)
    parts = {
        name: text
        for name, text in _plain_parts(DAYS, asked.query, asked.by).items()
        if name in dict(asked.parts)
    } | ({"keys": ", ".join(asked.by), "dimensions": _dimensions(asked)} if asked.by else {})
    answer = seeded.query(queries.render(asked.query, parts)).mappings()
    expected = [row for row in answer if not asked.totals or bool(row["is_total"]) is asked.total]
    rows = shown(panel)

    assert rows
    for row, other in zip(rows, expected, strict=False):
        for column in asked.columns:
            if column.name in other:
                assert row[column.title] == other[column.name], (column.title, row)


def _dimensions(asked: Named) -> str:
    return ", ".join(f"spent.{name} AS {name}" for name in asked.by)


def _plain_parts(view: View, query: str, by: tuple[str, ...] = ()) -> dict[str, str]:
    week_s = 7 * DAY_S

    def between(since_s: int, until_s: int) -> str:
        edges = (f"fromUnixTimestamp64Nano({s * 10**9}, 'UTC')" for s in (since_s, until_s))
        return "spent.event_ns >= {} AND spent.event_ns < {}".format(*edges)

    period = between(view.since_s, view.until_s)
    real = "spent.data_mode IN ('', 'real')"
    filters = {"ledger_against_rollups": period, "compare": real, "margins": period}
    return {
        "after": "toDate('2026-10-29')" if query == "margins" else period,
        "before": between(view.since_s - week_s, view.until_s - week_s),
        "windows": "1",
        "seen": "true",
        "filter": filters.get(query, f"{period} AND {real}"),
        "days": "spent.day >= '2026-10-19' AND spent.day < '2026-10-29'",
        "quarters": "spent.bucket >= '2026-10-19 00:00:00' AND spent.bucket < '2026-10-29 00:00:00'",
        "limit": "1000",
        "source": "ledger",
        "owners": "true",
        "outcome_dimensions": "'' AS plan" if by == ("plan",) else f"spent.{''.join(by)}",
        "outcomes": "false" if by == ("plan",) else period,
        "first": "toDate('2026-10-19')",
        "now": f"toDateTime({view.until_s - 1}, 'UTC')",
    }


def test_the_rollups_are_held_against_every_line(seeded: Store) -> None:
    """Nothing is apart, and what is held against each rollup is every line of these days."""
    everything = _plain_parts(DAYS, "ledger_against_rollups")["filter"]
    rows = _rows(seeded, _panel("quality", "Ledger against rollups"), DAYS)
    lines = seeded.query(f"SELECT sum(lines) FROM ledger AS spent WHERE {everything}").rows[0][0]

    assert [row["Rollup"] for row in rows] == [
        "spend_by_feature_15m",
        "spend_by_session",
        "spend_by_tenant_day",
    ]
    for row in rows:
        assert row["Lines"] == lines
        assert (row["Lines apart"], row["Calls apart"], row["Tokens apart"]) == (0, 0, 0)
        assert row["Cost apart"] == 0


@pytest.mark.parametrize(
    ("incident", "title", "heading"),
    [
        pytest.param(month.SPIKE, "5. Prompt versions", "Prompt version", id="spike"),
        pytest.param(month.ABUSE, "4. Users", "User", id="abuse"),
        pytest.param(month.STORM, "8. Retries", "Feature", id="storm"),
    ],
)
def test_triage_names_the_driver_first(
    seeded: Store, incident: month.Incident, title: str, heading: str
) -> None:
    """The first row of the table that looks at the right dimension is the planted cause."""
    view = View(
        since_s=incident.since_s,
        until_s=incident.since_s + incident.hours * HOUR_S,
        values=CHOSEN,
    )
    first = _rows(seeded, _panel("triage", title), view)[0]

    assert first[heading] == incident.owner[heading.lower().replace(" ", "_")]


def test_a_choice_filters(seeded: Store) -> None:
    """Chosen features, the unknown one among them, and an environment are what is shown."""
    panel = _panel("features", "Features")
    view = _view(
        "2026-10-19T00:00:00Z",
        "2026-10-29T00:00:00Z",
        feature=("chat", NOBODY),
        environment=("staging",),
    )
    rows = _rows(seeded, panel, view)

    assert {"chat", NOBODY} == {row["Feature"] for row in rows}
    assert isinstance(panel.asks, Spend)
    _, answer = _answer(seeded, panel.asks, DAYS.since_s, DAYS.until_s, environment="staging")
    for row in rows:
        assert row["Cost"] == answer[_key(panel.asks, row)]["total_cost"]


@pytest.mark.parametrize(
    ("zone", "since"),
    [
        pytest.param("Asia/Kathmandu", "2026-10-19T18:15:00Z", id="45-minutes"),
        pytest.param("Asia/Kolkata", "2026-10-19T18:30:00Z", id="30-minutes"),
        pytest.param("Europe/Berlin", "2026-10-24T22:00:00Z", id="25-hours"),
    ],
)
def test_a_day_is_one_of_the_chosen_zone(seeded: Store, zone: str, since: str) -> None:
    """With a step of a day each bar starts at midnight there, on the day of the change as well."""
    panel = _panel("overview", "Cost by feature over time")
    length_s = 25 * HOUR_S if zone == "Europe/Berlin" else DAY_S
    start_s = seconds(since)
    view = View(
        since_s=start_s - DAY_S,
        until_s=start_s + 2 * DAY_S,
        values={**CHOSEN, "tz": zone, "grain": "1 DAY"},
    )
    rows = [row for row in _rows(seeded, panel, view) if row["time"].timestamp() == start_s]
    assert isinstance(panel.asks, Spend)
    _, answer = _answer(seeded, panel.asks, start_s, start_s + length_s)

    assert rows
    for row in rows:
        assert row["Cost"] == answer[_key(panel.asks, row)]["total_cost"]


@pytest.mark.parametrize(
    "name", sorted({name for board in BOARDS for name in (*board.values, "environment")})
)
def test_a_variable_offers_what_there_is(seeded: Store, guard: Guard, name: str) -> None:
    """The values of a variable are those of the period, never the empty one."""
    sql = sent(values_sql(name), DAYS)
    values = [value for (value,) in seeded.query(sql).rows]

    assert values
    assert "" not in values
    guard.admit(sql, parameters={}, asked={}, default_format="Native")


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_a_board_has_each_variable_that_its_panels_name(board: Board) -> None:
    """A variable that nobody defines would be sent to ClickHouse as it stands."""
    given = {name: CHOSEN[name] for name in ("tz", "grain", "measure", "environment", "data_mode")}
    given |= dict.fromkeys(board.values, (ALL,)) | dict.fromkeys(board.texts, "")
    given |= {"against": "7 DAY"} if board.compares else {}
    view = View(since_s=0, until_s=1, values=given)

    for panel in board.panels:
        assert sent(panel.text, view)


@pytest.mark.parametrize("measure", ["direct", "fully_loaded"])
def test_the_measure_that_is_chosen_is_shown(
    store: Store, store_api: FastAPI, measure: str
) -> None:
    """A shared cost of 12 USD goes to acme: direct it is nobody's, fully loaded acme's."""
    shift = (shared("-12", pool="gpu", name="2"), shared("12", pool="gpu", name="3", tenant="acme"))
    moved = (placed(line, entry="allocation") for line in shift)
    insert(store, shared("12", pool="gpu"), *moved, shared("1", pool="", tenant="acme"))
    view = _view("2026-10-01T00:00:00Z", "2026-10-03T00:00:00Z", measure=measure)
    rows = _rows(store, _panel("margins", "Cost by tenant"), view)
    words = {"start_date": "2026-10-01", "end_date": "2026-10-02", "measure": measure}
    with TestClient(store_api) as client:
        answer = client.get("/v1/analytics/costs", params=words).json()

    shown = {row["Tenant"].replace(NOBODY, ""): row["Cost"] for row in rows}
    assert shown == {row["entity_id"]: Decimal(row["total_cost"] or 0) for row in answer["data"]}
    assert shown["acme"] == (1 if measure == "direct" else 13)
