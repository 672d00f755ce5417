"""The ingest path over a real journal and a store that fails on demand, for tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from otel_costattr_collector.amendments.amender import Amender
from otel_costattr_collector.closing.calendar import ClosedMonths
from otel_costattr_collector.codec import Decoder
from otel_costattr_collector.ingest import Submission
from otel_costattr_collector.ingest.parked import Parked
from otel_costattr_collector.ingest.pipeline import Pipeline
from otel_costattr_collector.ingest.seen import Seen
from otel_costattr_collector.ingest.setup import build_pipeline, new_memory
from otel_costattr_collector.journal import Journal
from otel_costattr_collector.ledger import Block
from otel_costattr_collector.metrics import Metrics
from otel_costattr_collector.settings import Settings
from wire import NOW_NS, traces

from otel_costattr.model import Span
from otel_costattr.usage import is_genai


@dataclass(slots=True)
class FakeStore:
    """Keeps blocks by token, as the engine does.

    Attributes:
        attempts: Every block that was sent, with its token.
        tables: Token to the block that was applied.
        before: Raised before a block is applied, one an attempt.
        after: Raised after a block was applied, one an attempt.
        open: Inserts wait while it is not set.
    """

    attempts: list[tuple[str, bytes]] = field(default_factory=list)
    tables: dict[str, Block] = field(default_factory=dict)
    before: list[Exception] = field(default_factory=list)
    after: list[Exception] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.open.set()

    def insert(self, block: Block, *, token: str = "") -> None:
        """Apply a block unless its token was seen."""
        self.open.wait()
        self.attempts.append((token, block.data))
        if self.before:
            raise self.before.pop(0)
        self.tables.setdefault(token, block)
        if self.after:
            raise self.after.pop(0)

    @property
    def rows(self) -> int:
        """Rows in the tables."""
        return sum(block.rows for block in self.tables.values())

    def holds(self, words: str) -> int:
        """How often `words` stand in the tables."""
        return sum(block.data.count(words.encode()) for block in self.tables.values())


@dataclass(slots=True, kw_only=True)
class Path_:  # noqa: N801 - a path of spans, not of files
    """What a test works with.

    Attributes:
        pipeline: Under test.
        store: Behind it.
        metrics: What was counted.
        parked: What was refused for good.
    """

    pipeline: Pipeline
    store: FakeStore
    metrics: Metrics
    parked: Parked

    async def send(self, *spans: WireSpan, key_tenant: str = "") -> None:
        """Submit spans as one request and return once it is acknowledged."""
        decoded = decoded_of(*spans)
        submission = Submission(spans=decoded, received_ns=NOW_NS, key_tenant=key_tenant)
        await self.pipeline.submit(submission, len(decoded))

    def count(self, name: str, **labels: str) -> float:
        """Return a counter's value, 0 if it never counted."""
        return self.metrics.registry.get_sample_value(name, labels) or 0


def decoded_of(*spans: WireSpan) -> tuple[Span, ...]:
    """Return what the codec makes of spans on the wire."""
    decoder = Decoder(wanted=is_genai)
    return decoder.decode(
        "traces", traces(*spans).SerializeToString(), "protobuf", now_ns=NOW_NS
    ).spans


@asynccontextmanager
async def opened(
    data: Path,
    store: FakeStore,
    *,
    drain: bool = True,
    amender: Amender | None = None,
    closed: ClosedMonths | None = None,
    **settings: object,
) -> AsyncIterator[Path_]:
    """Run the path over a folder; without `drain` it ends as if the process were killed."""
    chosen = Settings.model_validate(
        {"data": data, "settle_seconds": 0, "wrapper_settle_seconds": 0, **settings}
    )
    journal = Journal(
        data / "journal",
        max_bytes=chosen.journal_max_bytes,
        segment_bytes=chosen.journal_segment_bytes,
    )
    metrics, parked = Metrics(), Parked(data / "parked", clock=lambda: NOW_NS)
    pipeline = build_pipeline(
        chosen,
        store=store,
        metrics=metrics,
        journal=journal,
        parked=parked,
        seen=Seen(1000),
        memory=new_memory(chosen),
        amender=amender,
        closed=closed,
    )
    for block, segment in journal.state.blocks.values():
        asyncio.get_running_loop().create_task(pipeline.take(block, segment))
    pipeline.start()
    path = Path_(pipeline=pipeline, store=store, metrics=metrics, parked=parked)
    try:
        yield path
    finally:
        if not drain:
            store.before = [RuntimeError("the process is gone")] * 1000
            store.open.set()
        await pipeline.drain(timeout_s=10 if drain else 0)
        journal.close()
        store.before = []
