"""Every panel and alert through clickhouse-go, the driver of Grafana's data source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import month
import pytest
from collector.served import Served, serving
from grafana.alerts import RULES, Rule
from grafana.boards import BOARDS
from grafana.panels import Board
from grafana_plugin import ALL, View, seconds, sent
from interop.parts import CLIENT, read_with_go
from otel_costattr_collector import store as stores
from wire import calls, traces

LINES = 20_000
VALUES: dict[str, str | tuple[str, ...]] = {
    "tz": "UTC",
    "grain": "1 DAY",
    "measure": "direct",
    "against": "7 DAY",
    "environment": (ALL,),
    "data_mode": ("real",),
    "session": "",
    **{name: (ALL,) for board in BOARDS for name in board.values},
}
VIEW = View(
    since_s=seconds("2026-10-19T00:00:00Z"),
    until_s=seconds("2026-10-29T00:00:00Z"),
    values=VALUES,
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A collector with a month of calls."""
    assert CLIENT.is_file(), "run make interop"
    data: Path = tmp_path_factory.mktemp("served") / "data"
    with stores.embedded(data / "clickhouse") as store:
        store.migrate()
        month.plant(store, LINES)
        month.plant_audit(store)
        month.plant_money(store)
    with serving(data, "--settle-seconds", "0") as running:
        yield running


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_every_panel_is_read(served: Served, board: Board) -> None:
    """Each panel's rows, while telemetry is written."""
    for number, panel in enumerate(board.panels):
        answer = served.post(traces(*calls(10, first=1 + 10 * number)).SerializeToString())
        assert answer.status_code == 200
        assert read_with_go(sent(panel.text, VIEW), url=served.urls["sql"]), panel.title


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_alert_is_read(served: Served, rule: Rule) -> None:
    """Each rule's rows, as the server of Grafana asks."""
    view = View(since_s=VIEW.until_s - rule.period_s, until_s=VIEW.until_s)

    assert read_with_go(sent(rule.sql, view, in_alert=True), url=served.urls["sql"])


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT version()",
        "SHOW DATABASES",
        'SHOW TABLES FROM "costattr"',
        'DESC TABLE "costattr"."ledger"',
        "SELECT name, type FROM system.columns WHERE table = 'ledger'",
    ],
)
def test_the_query_editor_finds_tables_and_columns(served: Served, sql: str) -> None:
    """What the data source asks to offer names."""
    assert read_with_go(sql, url=served.urls["sql"])
