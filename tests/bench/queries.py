"""Every named query on a month of 10 million calls: p50 and p95, warm, one at a time.

The month is made inside ClickHouse by SQL, which takes three minutes on two cores; `BENCH_CALLS`
makes it smaller, `BENCH_MONTH` names a folder to keep it in: the next run uses what is there, its
rollups merged by then. A query is run seven times, a slow one as often as fits into ten seconds, at
least twice; those that a figure is held for 31 times. A tenth of the month beside it shows how the
month by tenant grows.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

import month
from bench.table import BenchRow
from otel_costattr_collector import queries, spend
from otel_costattr_collector.analytics.asking import (
    Asked,
    Compared,
    Grouped,
    UnitsAsked,
    question_of,
)
from otel_costattr_collector.analytics.catalogue import BY_QUERY, QUESTIONS, Named, sql_of
from otel_costattr_collector.analytics.triage import triage
from otel_costattr_collector.analytics.windows import windows_around
from otel_costattr_collector.schema import Layout
from otel_costattr_collector.spend import Question, edge
from otel_costattr_collector.store import Store, embedded

ROUNDS = 7
HELD_ROUNDS = 31
TIMES = 10
LEAST_ROUNDS = 2
BUDGET_S = 10
_PERIOD = {"start_date": "2026-10-01", "end_date": "2026-10-31"}
_HALVES = {"start_date": "2026-10-17", "end_date": "2026-10-31", "before_start": "2026-10-02", "before_end": "2026-10-16"}  # fmt: skip
_HOLD = {
    "top: a month by tenant": "p50 <= 25",
    "spend: a month by tenant": "p50 <= 25",
    "spend: one tenant by user": "p50 <= 100",
    "calls: one tenant's, the first 1,000": "p50 <= 100",
}


def rows() -> Iterable[BenchRow]:
    """Measure each query, the triage of one spike, and what the month weighs."""
    with _month() as store:
        for name, sql, parameters in _questions(store):
            yield from _timed(store, name, sql, parameters)
        yield _triaged(store)
        yield _weighed(store)
        yield from _merged(store)
        yield from _grown(store)


@contextmanager
def _month() -> Iterator[Store]:
    calls = int(os.environ.get("BENCH_CALLS", "10000000"))
    kept = os.environ.get("BENCH_MONTH")
    with tempfile.TemporaryDirectory() as folder, embedded(Path(kept or folder)) as store:
        _plant(store, calls)
        yield store


def _plant(store: Store, calls: int) -> None:
    store.migrate()
    if not store.query("SELECT count() FROM ledger").rows[0][0]:
        month.plant(store, calls)


def _merged(store: Store) -> Iterator[BenchRow]:
    """The month by tenant once the engine has merged its parts, as it does to months gone by."""
    store.command("OPTIMIZE TABLE spend_by_tenant_day FINAL")
    for name, sql, parameters in _by_tenant(store):
        yield from _timed(store, f"{name}, merged", sql, parameters)


def _grown(store: Store) -> Iterator[BenchRow]:
    """How much longer ten times the calls take, both merged."""
    (every,) = store.query("SELECT sum(calls) FROM ledger").rows[0]
    layout = Layout(database="tenth")
    with embedded(Path(store.where), layout=layout) as tenth:
        _plant(tenth, every // TIMES)
        tenth.command("OPTIMIZE TABLE spend_by_tenant_day FINAL")
        for name, sql, parameters in _by_tenant(store):
            pairs = [
                (_ms(store, sql, parameters), _ms(tenth, sql, parameters))
                for _ in range(HELD_ROUNDS)
            ]
            long, short = (_quantile(taken, 50) for taken in zip(*pairs, strict=True))
            yield BenchRow(
                what=f"{name}, {TIMES}x the calls", value=long / short, unit="x", hold="<= 2.5"
            )


def _questions(store: Store) -> Iterator[tuple[str, str, dict[str, object]]]:
    since, until = edge("2026-10-01", "UTC"), edge("2026-10-31", "UTC", end=True)
    yield from _by_tenant(store)
    asked = {
        "spend: a month by feature and version": Question(
            group_by=("feature", "prompt_version"), since=since, until=until
        ),
        "spend: one tenant by user": Question(
            group_by=("user",), since=since, until=until, filters={"tenant": "tenant-0007"}
        ),
        "spend_over_time: features by hour in Kathmandu": Question(
            group_by=("feature",),
            since=since,
            until=until,
            grain="hour",
            time_zone="Asia/Kathmandu",
        ),
    }
    for name, question in asked.items():
        yield (name, *spend.ask(question))
    own = Asked(**_PERIOD, where=["tenant=tenant-0007"])  # type: ignore[arg-type]
    yield "calls: one tenant's, the first 1,000", *_sql(store, "calls", own)
    sessions = UnitsAsked(**_PERIOD, per=["session"])  # type: ignore[arg-type]
    yield "unit_costs: a session", *_sql(store, "unit_costs", sessions)
    halves = Compared(**_HALVES, limit=20)  # type: ignore[arg-type]
    yield "movers: every dimension", *_sql(store, "movers", halves)
    for named in QUESTIONS:
        yield (named.query, *sql_of(named, words := _words(named), _asked(store, named, words)))
    yield "quality", queries.render("quality"), {}
    yield "ledger_against_rollups", queries.render("ledger_against_rollups"), {}


def _by_tenant(store: Store) -> Iterator[tuple[str, str, dict[str, object]]]:
    grouped = Grouped(**_PERIOD, group_by=["tenant"])  # type: ignore[arg-type]
    yield "spend: a month by tenant", *spend.ask(question_of(grouped, store.layout, tenant=""))
    yield "top: a month by tenant", *_sql(store, "top", grouped)


def _sql(store: Store, query: str, words: Asked) -> tuple[str, dict[str, object]]:
    named = BY_QUERY[query]
    question = question_of(words, store.layout, tenant="", default=named.group_by)
    return sql_of(named, words, question)


def _words(named: Named) -> Asked:
    words = _HALVES if named.asked is Compared else _PERIOD
    return named.asked.model_validate({**words, "limit": 20})


def _asked(store: Store, named: Named, words: Asked) -> Question:
    by = ("feature", "tenant", "model") if named.query == "movers" else named.group_by
    return question_of(words, store.layout, tenant="", default=by)


def _timed(store: Store, name: str, sql: str, parameters: dict[str, object]) -> Iterator[BenchRow]:
    store.query(sql, parameters)
    taken: list[float] = []
    hold = _HOLD.get(name.removesuffix(", merged"), "")
    rounds = HELD_ROUNDS if hold else ROUNDS
    while len(taken) < rounds and (len(taken) < LEAST_ROUNDS or sum(taken) < BUDGET_S * 1000):
        taken.append(_ms(store, sql, parameters))
    yield BenchRow(what=f"{name}, p50", value=_quantile(taken, 50), unit="ms", hold=hold)
    yield BenchRow(what=f"{name}, p95", value=_quantile(taken, 95), unit="ms")


def _ms(store: Store, sql: str, parameters: dict[str, object]) -> float:
    started = time.perf_counter()
    store.query(sql, parameters)
    return (time.perf_counter() - started) * 1000


def _quantile(taken: Sequence[float], percent: int) -> float:
    return quantiles(taken, n=100, method="inclusive")[percent - 1]


def _triaged(store: Store) -> BenchRow:
    question = Question(group_by=("tenant",))
    started = time.perf_counter()
    found = triage(
        store, question, windows_around(store, question, edge(month.SPIKE.around, "UTC").ns)
    )
    taken = time.perf_counter() - started
    first = found.drivers[0]
    return BenchRow(
        what=f"triage of a spike: {first.hypothesis} in {', '.join(first.values.values())}",
        value=taken,
        unit="s",
    )


def _weighed(store: Store) -> BenchRow:
    sql = (
        "SELECT sum(bytes_on_disk) / (SELECT sum(calls) FROM ledger) FROM system.parts"
        " WHERE active AND database = currentDatabase()"
    )
    return BenchRow(
        what="disk, all tables", value=store.query(sql).rows[0][0], unit="bytes/call", hold="<= 130"
    )
