"""The ingest path put together, and what the last run left finished first."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Final

from otel_costattr.attribution import DEFAULT_RULES, OwnerRules
from otel_costattr.costs import is_cost
from otel_costattr.model import ModelCall, Span
from otel_costattr.pricing import PriceBook, shipped_book
from otel_costattr.usage import read

from ..amendments.amender import Amender
from ..amendments.contracts import Contracts
from ..amendments.heads import heads_of_spans
from ..closing.calendar import ClosedMonths
from ..costs.lines import CostLines
from ..journal import Journal
from ..metrics import Metrics
from ..patience import patiently
from ..settings import Settings
from ..store import Store
from ..telemetry import Trace, no_trace
from .assessor import Assessor
from .cardinality import Fold, learn_values
from .freezer import Freezer
from .inserter import Inserter, Inserts
from .memory import Memory
from .parked import PARKED_FOLDER, Parked
from .pipeline import Pipeline
from .recovery import Marker, insert_frozen, load_calls, load_seen, pending_again
from .repair import Repairs
from .seen import Seen
from .settling import Settling
from .turns import Turns

JOURNAL_FOLDER: Final = "journal"
_NS: Final = 10**9
_LINKS_PER_CALL: Final = 2
RELOADED_CALLS: Final = 20_000
"""Calls that are learned from the ledger at the start, which takes about two seconds."""

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingest:
    """The ingest path of a running service.

    Attributes:
        pipeline: Takes spans.
        journal: Keeps them.
        marker: Tells the next start how this run ended.
        events: Posted events of the last run that are on their way to the ledger.
        costs: Costs of the last run that are, each with the tenant of its sender's key.
    """

    pipeline: Pipeline
    journal: Journal
    marker: Marker
    events: tuple[Span, ...] = ()
    costs: tuple[tuple[Span, str], ...] = ()

    def close(self) -> None:
        """Close the journal and note that the run ended well."""
        self.journal.close()
        self.marker.clear()


def open_ingest(
    settings: Settings,
    store: Store,
    metrics: Metrics,
    *,
    book: PriceBook,
    rules: OwnerRules,
    fold: Fold,
    cost_lines: CostLines | None = None,
    amending: Lock | None = None,
    closed: ClosedMonths | None = None,
    trace: Trace = no_trace,
) -> Ingest:
    """Finish what the last run had frozen, bring the tables up to date, and return the path.

    Args:
        settings: What to do and where.
        store: Where the ledger is.
        metrics: Where everything is counted.
        book: Prices.
        rules: How owners are found.
        fold: Bounds the values of dimensions; learns what the ledger has of today and yesterday.
        cost_lines: Prices costs that are no call; None leaves them out.
        amending: Held by whoever amends lines.
        closed: The calendar that lines are dated by; None if nothing is ever closed.
        trace: Makes spans around what is done.

    Raises:
        StoreError: The tables cannot be brought up to date.
        PermanentError: The journal's folder holds something else.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    journal = Journal(
        settings.data / JOURNAL_FOLDER,
        segment_bytes=settings.journal_segment_bytes,
        max_bytes=settings.journal_max_bytes,
        min_free_bytes=settings.min_free_bytes,
    )
    parked = Parked(settings.data / PARKED_FOLDER)
    marker = Marker(settings.data)
    finish_last_run(settings, store, journal, parked, marker)
    marker.set()
    applied = migrated(store)
    if applied:
        _log.info("applied migrations: %s", ", ".join(applied))
    learn_values(store, fold, limit=settings.max_values_per_dimension)
    seen = Seen(settings.remembered_spans)
    load_seen(store, seen, limit=settings.remembered_spans // 2)
    memory = new_memory(settings)
    load_calls(store, memory, limit=min(settings.remembered_calls, RELOADED_CALLS))
    events = tuple(
        span
        for waiting in journal.state.waiting.values()
        for span in waiting.record.spans
        if span.signal == "event"
    )
    costs = tuple(
        (span, waiting.record.key_tenant)
        for waiting in journal.state.waiting.values()
        for span in waiting.record.spans
        if is_cost(span)
    )
    pipeline = build_pipeline(
        settings,
        store=store,
        metrics=metrics,
        journal=journal,
        parked=parked,
        seen=seen,
        memory=memory,
        book=book,
        rules=rules,
        cost_lines=cost_lines,
        amender=Amender(
            partial(heads_of_spans, store), books=Contracts(store, book).books, lock=amending
        ),
        fold=fold,
        closed=closed,
        trace=trace,
    )
    return Ingest(pipeline=pipeline, journal=journal, marker=marker, events=events, costs=costs)


def finish_last_run(
    settings: Settings, store: Store, journal: Journal, parked: Parked, marker: Marker
) -> None:
    """Insert the blocks of the last run, under the schema that they were made for.

    Raises:
        StoreError: The engine refused a repair.
    """
    repairs = Repairs(settings.data / JOURNAL_FOLDER, store)
    embedded = settings.clickhouse is None
    if embedded and journal.state.blocks:
        blocks = [block for block, _ in journal.state.blocks.values()]
        repairs.repair(blocks, memory_was_lost=marker.memory_was_lost())
    count = insert_frozen(
        journal,
        lambda block: store.insert(block, token=repairs.token_of(block)),
        parked.add_block,
    )
    if count:
        _log.info("%d blocks of the last run are in the ledger or parked", count)
    repairs.finished()


def migrated(store: Store) -> tuple[str, ...]:
    """Bring the tables up to date, waiting for a server that does not answer yet.

    Raises:
        PermanentError: They cannot be.
    """
    for attempt in patiently("the schema", worth=lambda error: "another process" not in str(error)):
        with attempt:
            return store.migrate()
    raise AssertionError("patiently() ends with a result or an error")


def open_fold(settings: Settings, store: Store, metrics: Metrics) -> Fold:
    """Return the bound on values, which has seen none yet."""
    limit = settings.max_values_per_dimension
    return Fold(limit=limit, zone=store.layout.time_zone, metrics=metrics)


def new_memory(settings: Settings) -> Memory:
    """Return an empty memory of the size that the settings say."""
    return Memory(
        max_calls=settings.remembered_calls,
        max_links=_LINKS_PER_CALL * settings.remembered_calls,
    )


def build_pipeline(
    settings: Settings,
    *,
    store: Inserts,
    metrics: Metrics,
    journal: Journal,
    parked: Parked,
    seen: Seen,
    memory: Memory,
    book: PriceBook | None = None,
    rules: OwnerRules = DEFAULT_RULES,
    cost_lines: CostLines | None = None,
    amender: Amender | None = None,
    fold: Fold | None = None,
    closed: ClosedMonths | None = None,
    trace: Trace = no_trace,
) -> Pipeline:
    """Put the path together over a journal, with what it still holds on its way.

    Args:
        settings: Windows and limits.
        store: Where blocks go.
        metrics: Where everything is counted.
        journal: Holds the spans.
        parked: Takes what is refused for good.
        seen: Spans that were taken before.
        memory: Calls that were counted before.
        book: Prices; None for the shipped ones.
        rules: How owners are found.
        cost_lines: Prices costs that are no call; None leaves them out.
        amender: Amends what late spans are about; None leaves that, for tests.
        fold: Bounds the values of dimensions; None for no bound.
        closed: The calendar that lines are dated by; None if nothing is ever closed.
        trace: Makes spans around what is done.
    """
    turns = Turns()
    freezer = Freezer(
        journal=journal,
        settling=Settling(
            settle_ns=round(settings.settle_seconds * _NS),
            wrapper_settle_ns=round(settings.wrapper_settle_seconds * _NS),
            read=partial(_read, turns),
        ),
        assessor=Assessor(
            book=book or shipped_book(),
            metrics=metrics,
            memory=memory,
            rules=rules,
            costs=cost_lines,
            amender=amender,
            fold=fold,
            give_way=turns.give_way,
            estimate=settings.estimate_usage,
        ),
        parked=parked,
        clock=time.time_ns,
        closed=closed,
    )
    for items in pending_again(journal, seen):
        freezer.arrive(items)
    pipeline = Pipeline(
        journal=journal,
        seen=seen,
        freezer=freezer,
        inserter=Inserter(
            store=store, journal=journal, parked=parked, metrics=metrics, trace=trace
        ),
        parked=parked,
        metrics=metrics,
        max_waiting=settings.max_waiting_spans,
        max_settling=settings.max_settling_spans,
        settle_seconds=settings.settle_seconds,
        turns=turns,
        trace=trace,
    )
    metrics.watch(
        "lag_seconds",
        "How long ago the oldest span was acknowledged that no block took yet.",
        lambda: pipeline.lag_seconds,
    )
    if amender is not None:
        amender.watch(pipeline.in_flight)
    watched = {
        "settling_spans": ("Acknowledged spans that no block took yet.", "settling"),
        "frozen_blocks": ("Blocks that are not in the ledger yet.", "frozen"),
        "parked": ("Blocks and spans that were refused for good: somebody must look.", "parked"),
        "journal_bytes": ("Size of the journal.", "journal_bytes"),
    }
    for name, (description, attribute) in watched.items():
        metrics.watch(name, description, _reader(pipeline, attribute))
    return pipeline


def _read(turns: Turns, span: Span) -> ModelCall | None:
    """Read what a span says of a call; one that says it is a cost says nothing of a call."""
    turns.give_way()
    return None if is_cost(span) else read(span)


def _reader(pipeline: Pipeline, attribute: str) -> Callable[[], float]:
    return lambda: float(getattr(pipeline.statistics(), attribute))
