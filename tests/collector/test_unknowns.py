"""What has no price is never shown as 0: in the ledger, the API and the report alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from collector.served import Served, run, serving
from plain_http import HTTP
from wire import CALL, traces, wire_span

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

BEFORE_ANY_PRICE_NS = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 10**9
OPTIONS = ("--settle-seconds", "0", "--wrapper-settle-seconds", "0", "--max-age-days", "3650")
EMBEDDING = {
    "gen_ai.request.model": "text-embedding-3-small",
    "gen_ai.response.model": "text-embedding-3-small",
}
UNKNOWN = {"gen_ai.request.model": "gpt-nobody", "gen_ai.response.model": "gpt-nobody"}

# Each call: its tenant, the reason, and the bounds of 1,000 tokens in and 200 out, if any.
REASONS = {
    "before": "no_price_at_time",
    "no-rate": "no_rate",
    "unknown": "unknown_model",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A collector that was sent one call with a price and three without."""
    moment = {"start_time_unix_nano": BEFORE_ANY_PRICE_NS}
    spans = [
        wire_span({**CALL, "tenant": "priced"}, number=1),
        wire_span({**CALL, **UNKNOWN, "tenant": "unknown"}, number=2),
        wire_span(
            {**CALL, "tenant": "before"},
            number=3,
            **moment,
            end_time_unix_nano=moment["start_time_unix_nano"] + 1,
        ),
        wire_span({**CALL, **EMBEDDING, "tenant": "no-rate"}, number=4),
    ]
    with serving(tmp_path_factory.mktemp("unknowns") / "data", *OPTIONS) as running:
        assert running.post(traces(*spans).SerializeToString()).status_code == 200
        running.settled(calls=len(spans))
        yield running


def test_the_ledger_says_why_and_between_what(served: Served) -> None:
    """A row each, `unpriced` with its reason, no amount, and bounds where somebody can say."""
    sql = (
        "SELECT tenant, status, reason, amount_usd, list_usd, least_usd > 0 AND most_usd >= least_usd"
        " FROM ledger WHERE tenant != 'priced' ORDER BY tenant FORMAT JSONCompact"
    )
    rows = HTTP.post(served.urls["sql"], content=sql).json()["data"]

    assert [row[:5] for row in rows] == [
        [tenant, "unpriced", reason, None, None] for tenant, reason in sorted(REASONS.items())
    ]
    assert all(row[5] for row in rows)


def test_the_api_shows_no_cost_but_bounds(served: Served) -> None:
    """`total_cost` is null, and the bounds stand beside it."""
    found = {row["entity_id"]: row for row in served.costs(group_by="tenant")["data"]}

    assert found["priced"]["total_cost"] == "0.00027"
    for tenant in REASONS:
        row = found[tenant]
        assert (row["total_cost"], row["calls"], row["unpriced_calls"]) == (None, 1, 1)
        assert 0 < float(row["least_cost"]) <= float(row["most_cost"])


def test_the_api_lists_the_reasons(served: Served) -> None:
    """Grouped by reason each unpriced call stands under its own."""
    rows = served.costs(group_by="status,reason")["data"]
    found = {tuple(row["dimensions"].values()): row["total_cost"] for row in rows}

    assert found == {
        ("priced", ""): "0.00027",
        **{("unpriced", reason): None for reason in REASONS.values()},
    }


def test_the_report_shows_no_zero(served: Served) -> None:
    """The table says `unknown`, JSON has null, and the bounds are beside both."""
    rows = {row["dimensions"]["tenant"]: row for row in report(served, "json")["data"]}
    table = str(report(served, "table"))

    for tenant in REASONS:
        assert rows[tenant]["total_cost"] is None
        line = next(line.split() for line in table.splitlines() if line.split()[:1] == [tenant])
        assert line == [
            tenant,
            "1",
            "unknown",
            "1,000",
            "200",
            "1",
            rows[tenant]["least_cost"],
            rows[tenant]["most_cost"],
        ]


def report(served: Served, form: str) -> Any:
    """Run `costattr report` by tenant."""
    done = run("report", "--by", "tenant", "--format", form, "--url", served.urls["api"])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if form == "json" else done.stdout
