"""Metrics against calls: differences and running totals count once, and never as cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from collector.served import serving
from fastapi import FastAPI
from fastapi.testclient import TestClient
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from otel_costattr_collector.codec.token_points import TokenPoint
from otel_costattr_collector.ledger import encode, lines_of
from otel_costattr_collector.metrics import Metrics
from otel_costattr_collector.store import Store
from otel_costattr_collector.token_metrics import TokenTally
from wire import CALL, traces, wire_span

from otel_costattr import assess, shipped_book
from otel_costattr.errors import RetryableError
from otel_costattr.testing import START_NS, chat_span

DAY_NS = 86_400 * 10**9
DAYS = ("2026-09-21", "2026-09-22", "2026-09-23")
POINT = TokenPoint(
    service_name="api",
    provider="openai",
    model="gpt-4o-mini",
    token_type="input",
    series="a" * 16,
    start_ns=START_NS - 60 * 10**9,
    time_ns=START_NS,
    tokens=1000,
    cumulative=False,
)
TOTAL = replace(POINT, cumulative=True)


def tally(store: Store) -> TokenTally:
    """Return a tally whose clock stands two days after the built spans."""
    return TokenTally(store, Metrics(), clock=lambda: (START_NS + 2 * DAY_NS) / 1e9)


def by_day(
    store: Store, store_api: FastAPI, points: list[TokenPoint], *, flush_each: bool = False
) -> dict[str, int]:
    """Add points and return the tokens of each day."""
    counted = tally(store)
    for point in points:
        counted.add([point], "")
        if flush_each:
            counted.flush()
    counted.flush()
    with TestClient(store_api) as client:
        rows = client.get("/v1/analytics/metrics-coverage").json()["data"]
    return {row["day"]: row["metric_tokens"] for row in rows}


def test_a_difference_counts_once_though_it_is_resent(store: Store, store_api: FastAPI) -> None:
    """1,000 and 500 tokens of two intervals, the first one sent again."""
    later = replace(POINT, start_ns=POINT.time_ns, time_ns=START_NS + 10**9, tokens=500)

    assert by_day(store, store_api, [POINT, later, POINT], flush_each=True) == {DAYS[0]: 1500}


@pytest.mark.parametrize("flush_each", [False, True])
def test_a_running_total_counts_its_growth_from_day_to_day(
    store: Store, store_api: FastAPI, *, flush_each: bool
) -> None:
    """400, then 1,000 on the first day; 1,000 again on the second; 2,500 on the third."""
    told = [(0, 400), (1, 1000), (DAY_NS, 1000), (2 * DAY_NS, 2500), (1, 1000)]
    points = [replace(TOTAL, time_ns=START_NS + ns, tokens=tokens) for ns, tokens in told]

    assert by_day(store, store_api, points, flush_each=flush_each) == {DAYS[0]: 1000, DAYS[2]: 1500}


def test_a_restart_of_the_sender_begins_a_new_total(store: Store, store_api: FastAPI) -> None:
    """1,000 tokens, a restart with a new start, and one that nobody announced: 1,000 + 300 + 50."""
    again = replace(TOTAL, start_ns=START_NS + 1, time_ns=START_NS + 2, tokens=300)
    fallen = replace(again, time_ns=START_NS + 3, tokens=50)

    assert by_day(store, store_api, [TOTAL, again, fallen]) == {DAYS[0]: 1350}


def test_a_total_that_began_before_we_saw_it_counts_from_then(
    store: Store, store_api: FastAPI
) -> None:
    """A service that ran for a week reports 900,000, then 901,000: 1,000 of them are of today."""
    old = replace(TOTAL, start_ns=START_NS - 7 * DAY_NS, tokens=900_000)

    points = [old, replace(old, time_ns=START_NS + 1, tokens=901_000)]
    assert by_day(store, store_api, points) == {DAYS[0]: 1000}


def test_calls_explain_the_tokens_of_their_own_service_and_model_only(
    store: Store, store_api: FastAPI
) -> None:
    """1,000 in and 200 out of 1,500 in and 200 out; nothing of another service; no cost."""
    span = chat_span({"gen_ai.request.model": "gpt-4o-mini"}, resource={"service.name": "api"})
    twice = [span, chat_span(number=2, resource={"service.name": "unmeasured"})]
    made = [found for one in twice if (found := assess(one, book=shipped_book()))]
    lines = [line for one in made for line in lines_of(one)]
    store.insert(encode(lines, batch_id=1, recorded_ns=START_NS))
    counted = tally(store)
    counted.add(
        [
            replace(POINT, tokens=1500),
            replace(POINT, token_type="output", series="b" * 16, tokens=200),
            replace(POINT, service_name="dark", series="c" * 16, tokens=300),
        ],
        "",
    )
    counted.flush()

    with TestClient(store_api) as client:
        found = client.get("/v1/analytics/metrics-coverage").json()
        period = {"start_date": DAYS[0], "end_date": DAYS[0]}
        today = client.get("/v1/analytics/metrics-coverage", params=period).json()
        later = client.get("/v1/analytics/metrics-coverage", params={"start_date": DAYS[1]}).json()
        part = client.get(
            "/v1/analytics/metrics-coverage", params={"start_date": "2026-09-21T10:00:00Z"}
        )
        quality = client.get("/v1/analytics/quality", params=period).json()

    assert found["total"]["metric_tokens"] == 2000
    assert found["total"]["explained_tokens"] == 1200
    assert Decimal(found["total"]["explained_share"]) == Decimal("0.6")
    explained = {row["service_name"]: row["explained_tokens"] for row in found["data"]}
    assert explained == {"api": 1200, "dark": 0}
    assert today["total"] == found["total"]
    assert (later["total"]["metric_tokens"], later["total"]["explained_share"]) == (0, None)
    assert part.status_code == 400
    gate = next(gate for gate in quality["gates"] if gate["name"] == "metrics")
    assert (gate["state"], gate["measured"]) == ("fail", "0.6")


def test_a_tenants_key_sees_what_came_with_it_only(store: Store, store_api: FastAPI) -> None:
    """What others measured is no part of a tenant's check."""
    counted = tally(store)
    counted.add([POINT], "acme")
    counted.add([replace(POINT, series="d" * 16)], "")
    counted.flush()

    with TestClient(store_api) as client:
        found = client.get("/v1/analytics/metrics-coverage", params={"where": "tenant=acme"}).json()

    assert found["total"]["metric_tokens"] == 1000


def test_points_without_a_day_or_room_are_counted_out(store: Store) -> None:
    """A time in 1970 or in a year says nothing of a day."""
    counted = TokenTally(store, metrics := Metrics(), clock=lambda: START_NS / 1e9)

    counted.add([replace(POINT, time_ns=0), replace(POINT, time_ns=START_NS + 366 * DAY_NS)], "")

    left_out = "costattr_metric_data_points_left_out_total"
    assert metrics.registry.get_sample_value(left_out) == 2


def test_what_the_store_did_not_take_is_written_later_and_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bytes under the same token, however often the answer was lost."""
    counted = tally(store)
    counted.add([POINT], "")
    append = store.append

    def lost(table: str, data: bytes, *, token: str) -> None:
        append(table, data, token=token)
        raise RetryableError("the answer was lost")

    monkeypatch.setattr(store, "append", lost)
    with pytest.raises(RetryableError):
        counted.flush()
    monkeypatch.setattr(store, "append", append)
    counted.add([replace(POINT, time_ns=START_NS + 1, tokens=7)], "")
    counted.flush()
    counted.flush()

    sql = "SELECT sum(added) FROM token_metrics"
    assert store.query(sql).rows == ((1007,),)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_what_a_real_exporter_measures_is_held_against_real_spans(tmp_path: Path) -> None:
    """The SDK's histogram over HTTP, one of its two calls with a span: half is explained."""
    now_ns = int(datetime.now(UTC).timestamp()) * 10**9
    with serving(tmp_path / "data", "--settle-seconds", "0") as served:
        exporter = OTLPMetricExporter(endpoint=f"{served.urls['http']}/v1/metrics")
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
        provider = MeterProvider(
            metric_readers=[reader], resource=Resource.create({"service.name": "api"})
        )
        usage = provider.get_meter("tests").create_histogram("gen_ai.client.token.usage")
        for _ in range(2):
            for kind, tokens in (("input", 1000), ("output", 200)):
                usage.record(
                    tokens,
                    {
                        "gen_ai.token.type": kind,
                        "gen_ai.request.model": "gpt-4o-mini",
                        "gen_ai.provider.name": "openai",
                    },
                )
        span = wire_span(CALL, start_time_unix_nano=now_ns, end_time_unix_nano=now_ns + 1)
        served.post(traces(span, resource={"service.name": "api"}).SerializeToString())
        provider.shutdown()
        assert served.stop() == 0
    with serving(tmp_path / "data") as served:
        total = served.get("/v1/analytics/metrics-coverage").json()["total"]
        costs = served.costs()

    assert (total["metric_tokens"], total["explained_tokens"]) == (2400, 1200)
    assert costs["total"]["calls"] == 1
