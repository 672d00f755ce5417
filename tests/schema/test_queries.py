"""Named queries: which table answers, and what a question may change in a text."""

from __future__ import annotations

from datetime import date

import pytest
from otel_costattr_collector import queries, spend

from otel_costattr.errors import BadInput

QUARTER = 900 * 10**9


@pytest.mark.parametrize(
    ("words", "edges", "table"),
    [
        pytest.param({"tenant"}, (), "spend_by_tenant_day", id="tenant, ever"),
        pytest.param({"tenant"}, ("2026-11-20",), "spend_by_tenant_day", id="tenant, days"),
        pytest.param({"tenant"}, ("2026-11-20T10:15:00Z",), "ledger", id="tenant, quarter"),
        pytest.param(
            {"feature", "model"}, ("2026-11-20T10:15:00Z",), "spend_by_feature_15m", id="q"
        ),
        pytest.param({"feature"}, ("2026-11-20T10:16:00Z",), "ledger", id="feature, minute"),
        pytest.param({"tenant", "feature"}, (), "ledger", id="tenant and feature"),
        pytest.param({"tenant", "session"}, ("2026-11-20",), "spend_by_session", id="session"),
        pytest.param({"status"}, (), "spend_by_tenant_day", id="the smallest"),
        pytest.param({"user"}, (), "ledger", id="user"),
        pytest.param({"tags.plan"}, (), "ledger", id="tag"),
    ],
)
def test_the_smallest_table_that_can_answer_does(
    words: set[str], edges: tuple[str, ...], table: str
) -> None:
    """A rollup answers if it has the dimensions and its grain fits the period, else the ledger."""
    since = spend.edge(edges[0], "UTC") if edges else None
    question = spend.Question(group_by=tuple(sorted(words)), since=since, filters={})

    assert f"FROM {table} AS spent" in spend.ask(question)[0]


def test_a_filter_is_a_dimension_too() -> None:
    """Filtering by what a rollup lacks asks the ledger."""
    question = spend.Question(group_by=("tenant",), filters={"user": "u"})

    assert "FROM ledger AS spent" in spend.ask(question)[0]


@pytest.mark.parametrize(
    ("word", "zone", "edge", "day", "ns"),
    [
        pytest.param("1970-01-02", "UTC", "start", date(1970, 1, 2), 86_400 * 10**9, id="day"),
        pytest.param("1970-01-01", "UTC", "end", date(1970, 1, 2), 86_400 * 10**9, id="last day"),
        pytest.param(
            "1970-01-02", "Asia/Kathmandu", "start", date(1970, 1, 2), 66_600 * 10**9, id="zone"
        ),
        pytest.param(
            "1970-01-01T18:30:00Z",
            "Asia/Kathmandu",
            "start",
            date(1970, 1, 2),
            66_600 * 10**9,
            id="midnight elsewhere",
        ),
        pytest.param("1970-01-01T00:00:01+00:00", "UTC", "end", None, 10**9, id="instant"),
    ],
)
def test_an_edge_is_an_instant_and_perhaps_a_day(
    word: str, zone: str, edge: str, day: date | None, ns: int
) -> None:
    """A day begins at midnight of the reporting time zone; Kathmandu was 5:30 ahead in 1970."""
    found = spend.edge(word, zone, end=edge == "end")

    assert (found.day, found.ns) == (day, ns)


@pytest.mark.parametrize("limit", [0, 200_001])
def test_a_limit_out_of_range_is_refused(limit: int) -> None:
    """Answers have 1 to 200,000 rows."""
    with pytest.raises(BadInput, match="use 1 to 200000"):
        spend.ask(spend.Question(group_by=("tenant",), filters={}, limit=limit))


@pytest.mark.parametrize("name", ["nothing", "../migrations/0002_ledger", "spend.sql", ""])
def test_only_named_queries_are_read(name: str) -> None:
    """A name is a name, not a path."""
    with pytest.raises(BadInput, match="no query named"):
        queries.text(name)


def test_a_part_that_a_query_lacks_is_refused() -> None:
    """A replacement that would change nothing is a mistake."""
    with pytest.raises(BadInput, match="no part colour"):
        queries.render("spend", {"colour": "red"})


def test_the_engine_is_not_sent_comments() -> None:
    """What explains a query in its file is not read again by the engine with each question."""
    rendered = queries.render("margins")

    assert "--" in queries.text("margins")
    assert "--" not in rendered
    assert "/*" not in rendered


@pytest.mark.parametrize(
    ("keys", "condition"),
    [("tenant", "HAVING true AND"), ("tenant, plan", "HAVING grouping(plan) = is_total AND")],
    ids=["one dimension", "two dimensions"],
)
def test_sums_over_some_dimensions_are_left_out(keys: str, condition: str) -> None:
    """Rows between the finest and the total are left out where there are such rows."""
    assert condition in queries.render("spend", {"keys": keys})
