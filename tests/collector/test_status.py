"""`costattr status`: what runs, how far the spans have come, and an exit code for machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from collector.served import run, serving
from otel_costattr_collector.ingest.settling import Settling, pending_of
from otel_costattr_collector.journal import SpansRecord
from otel_costattr_collector.metrics import Metrics
from otel_costattr_collector.status import Status
from wire import CALL, traces, wire_span

from otel_costattr.testing import chat_span
from otel_costattr.usage import read


def test_nothing_is_made_up_before_the_start_is_done() -> None:
    """No share of no call, no audit, no lag; the state says why."""
    status = Status(
        metrics=Metrics(),
        engine="embedded",
        pipeline=lambda: None,
        ports=dict,
        state=lambda: "starting",
        clock=lambda: 90.0,
        started=0.0,
    )

    found = status.figures()

    assert (found["state"], found["uptime_seconds"]) == ("starting", 90)
    assert found["started"] == "1970-01-01T00:00:00Z"
    assert (found["unpriced_share"], found["last_audit"], found["lag_seconds"]) == (None,) * 3


def test_the_lag_is_the_age_of_the_oldest_span_that_waits() -> None:
    """Of two that wait the older one counts, and none when both have left."""
    settling = Settling(settle_ns=10, wrapper_settle_ns=60, read=read)
    for number, received_ns in ((1, 500), (2, 600)):
        record = SpansRecord(
            number=number,
            received_ns=received_ns,
            key_tenant="",
            spans=(chat_span(number=number),),
        )
        settling.add(pending_of(record, 1))

    before = settling.oldest_ns
    settling.take(None, limit=10)

    assert (before, settling.oldest_ns) == (500, None)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_it_says_what_runs(tmp_path: Path) -> None:
    """Text for people, JSON for programs, 0 while it serves."""
    unknown = {**CALL, "gen_ai.response.model": "no-such", "gen_ai.request.model": "no-such"}
    with serving(tmp_path / "data", "--settle-seconds", "0") as served:
        served.post(traces(wire_span(), wire_span(unknown, number=2)).SerializeToString())
        served.settled(calls=2)
        command = ("status", "--url", served.urls["api"])
        done, as_json = run(*command), run(*command, "--json")
        lag = served.get("/metrics").text
        urls = served.urls

    found, text = json.loads(as_json.stdout), done.stdout
    assert (done.returncode, as_json.returncode) == (0, 0)
    assert found["ports"] == urls
    assert (found["state"], found["engine"]) == ("serving", "embedded")
    assert (found["accepted"]["traces"], found["unpriced_share"]) == (2, "0.5")
    assert {"waiting", "settling", "frozen", "parked", "journal_bytes"} <= found.keys()
    assert "50.00% of the calls" in text
    assert urls["grpc"] in text
    assert "costattr_lag_seconds" in lag


def test_without_a_collector_it_says_so() -> None:
    """One line, exit code 2 or 3, no traceback."""
    done = run("status", "--url", "http://127.0.0.1:9")

    assert done.returncode > 1
    assert "no collector answers" in done.stderr
