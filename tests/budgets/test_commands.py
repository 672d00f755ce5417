"""`costattr budgets` against a real API: set, see how they stand, end."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import uvicorn
from assessed import assessed, priced, unpriced
from fastapi import FastAPI
from otel_costattr_collector.budgets.anomalies import Anomalies
from otel_costattr_collector.cli import COMMANDS
from otel_costattr_collector.ledger import encode, lines_of
from otel_costattr_collector.store import Store

from otel_costattr import cli

DAY_NS = 86_400 * 10**9
FILE = """
[[budgets]]
id = "all"
period = "day"
amount_usd = 10

[[budgets.thresholds]]
percent = 50
action = "degrade"
model = "gpt-4o-mini"
"""
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(
    store_api: FastAPI, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Runs `costattr budgets` against the store's API."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        config = uvicorn.Config(store_api, log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        monkeypatch.setenv("COSTATTR_URL", url)

        def runs(*words: str) -> tuple[int, str]:
            code = cli.main(COMMANDS, ["budgets", *words])
            return code, capsys.readouterr().out

        yield runs
        server.should_exit = True
        thread.join()


def _spend(store: Store, start_ns: int, amount: str, number: int) -> None:
    price = priced({"input": 1_000_000}, {"input": Decimal(amount)})
    lines = lines_of(assessed(number, start_ns=start_ns, price=price))
    store.insert(encode(lines, batch_id=number, recorded_ns=start_ns))


def test_budgets_are_set_shown_and_ended(run: Run, store: Store, tmp_path: Path) -> None:
    """6 of 10 USD today, one call without a price; then 10 more, and the exit code is 1."""
    path = tmp_path / "budgets.toml"
    path.write_text(FILE)
    now = time.time_ns()
    assert run("status") == (0, "no budgets\n")
    assert run("apply", str(path)) == (0, "1 accepted, 0 known already\n")
    assert run("apply", str(path)) == (0, "0 accepted, 1 known already\n")
    _spend(store, now - DAY_NS, "4", 1)
    _spend(store, now, "6", 2)
    store.insert(encode(lines_of(unpriced(3, start_ns=now)), batch_id=3, recorded_ns=now))

    code, text = run("status", "--explain")
    assert code == 0
    assert text.startswith("all: 6.00 of 10.00 USD (60 %)")
    assert "degrade to gpt-4o-mini" in text
    assert "1 calls without a price are in no amount" in text
    assert json.loads(run("status", "--json", "--budget", "all")[1])["data"][0]["spent"] == "6"
    _spend(store, now, "10", 4)
    assert run("status")[0] == 1
    assert run("end", "all") == (0, "1 accepted, 0 known already\n")
    assert run("status") == (0, "no budgets\n")


def test_days_out_of_the_ordinary_are_printed(run: Run, store: Store) -> None:
    """20 USD yesterday after ten days of 4; nothing before it was looked at."""
    assert run("anomalies") == (0, "nothing out of the ordinary\n")
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    yesterday = noon - timedelta(days=1)
    for number in range(1, 12):
        start = noon - timedelta(days=number)
        _spend(store, int(start.timestamp()) * 10**9, "20" if number == 1 else "4", number)
    assert len(Anomalies(store).look(yesterday.date())) == 3

    _, text = run("anomalies", "--from", str(yesterday.date()), "--to", str(yesterday.date()))
    assert (
        f"{yesterday.date()}  tenant acme: 20.00 USD, 4.00 usual (+56.0 spreads, 10 of days)"
        in text
    )
    assert run("anomalies", "--to", "2026-01-01")[1] == "nothing out of the ordinary\n"
