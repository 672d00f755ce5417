"""The month's calls as OTLP requests, and the collector's path that takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from company.seed import CALLS, CONTRACT, PROVIDER, Call
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans
from otel_costattr_collector.amendments.amender import Amender
from otel_costattr_collector.amendments.contracts import Contracts
from otel_costattr_collector.amendments.heads import heads_of_spans
from otel_costattr_collector.codec import Decoder
from otel_costattr_collector.ingest import Submission
from otel_costattr_collector.ingest.parked import Parked
from otel_costattr_collector.ingest.pipeline import Pipeline
from otel_costattr_collector.ingest.seen import Seen
from otel_costattr_collector.ingest.setup import build_pipeline, new_memory
from otel_costattr_collector.journal import Journal
from otel_costattr_collector.metrics import Metrics
from otel_costattr_collector.settings import Settings
from otel_costattr_collector.store import Store
from wire import wire_span

from otel_costattr.model import Attributes
from otel_costattr.pricing import PriceBook, read_overlay, shipped_book
from otel_costattr.usage import is_genai

JULY_NS = int(datetime(2026, 7, 1, 6, tzinfo=UTC).timestamp()) * 10**9
LIBRARIES = ("opentelemetry.instrumentation.openai_v2", "a.framework.of.their.own")
_AT_ONCE = 300


def book() -> PriceBook:
    """The prices that the collector runs with: published ones under the first contract."""
    return shipped_book().with_overlay(read_overlay(CONTRACT, source="contract.toml"))


def attributes_of(call: Call) -> Attributes:
    """Write what the span of a call says."""
    told = {
        "costattr.feature": call.feature,
        "costattr.prompt": f"{call.feature}-prompt",
        "costattr.prompt_version": call.version,
        "session.id": call.session,
        "costattr.tenant": call.tenant if call.told else "",
        "costattr.plan": call.plan if call.told else "",
        "costattr.tag.split.feature": "chat=2&search=1" if call.shared else "",
    }
    counts = {
        "gen_ai.usage.input_tokens": call.sent,
        "gen_ai.usage.cache_read.input_tokens": call.cached,
        "gen_ai.usage.output_tokens": call.produced,
    }
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": PROVIDER[call.model],
        "gen_ai.request.model": call.model,
        "gen_ai.response.model": call.model,
        "gen_ai.response.id": f"resp-{call.number}",
        **{name: value for name, value in told.items() if value},
        **({name: count for name, count in counts.items() if count} if call.counted else {}),
    }


def request_of(calls: Sequence[Call], library: str) -> ExportTraceServiceRequest:
    """Make one export request of calls that one library tells of."""
    first = 1 + LIBRARIES.index(library) * 10**6
    spans = []
    for call in calls:
        start_ns = int(call.at.timestamp()) * 10**9
        spans.append(
            wire_span(
                attributes_of(call),
                number=call.number,
                span_id=(first + call.number).to_bytes(8, "big"),
                start_time_unix_nano=start_ns,
                end_time_unix_nano=start_ns + 10**9,
            )
        )
    scope = ScopeSpans(scope=InstrumentationScope(name=library, version="1"), spans=spans)
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[scope])])


def _requests(told: str) -> Iterator[ExportTraceServiceRequest]:
    """Make the requests of the first library, or those of copies that come at once or late."""
    calls = [call for call in CALLS if not told or call.twice == told]
    library = LIBRARIES[bool(told)]
    for start in range(0, len(calls), _AT_ONCE):
        yield request_of(calls[start : start + _AT_ONCE], library)


def send(store: Store, folder: Path) -> None:
    """Bring the month to the ledger: decoded, journaled, settled, assessed, inserted."""
    asyncio.run(_send(store, folder))


async def _send(store: Store, folder: Path) -> None:
    settings = Settings(data=folder, settle_seconds=0.2, wrapper_settle_seconds=0.2)
    journal = Journal(
        folder / "journal",
        max_bytes=settings.journal_max_bytes,
        segment_bytes=settings.journal_segment_bytes,
    )
    pipeline = build_pipeline(
        settings,
        store=store,
        metrics=Metrics(),
        journal=journal,
        parked=Parked(folder / "parked"),
        seen=Seen(10_000),
        memory=new_memory(settings),
        book=book(),
        amender=Amender(partial(heads_of_spans, store), books=Contracts(store, book()).books),
    )
    pipeline.start()
    sent_again = next(_requests(""))
    await _submit(pipeline, *_requests(""), *_requests("at once"), sent_again)
    await _idle(pipeline)
    await _submit(pipeline, *_requests("late"))
    await pipeline.drain(timeout_s=10)
    journal.close()


async def _submit(pipeline: Pipeline, *requests: ExportTraceServiceRequest) -> None:
    decoder = Decoder(wanted=is_genai)
    for request in requests:
        body = request.SerializeToString()
        spans = decoder.decode("traces", body, "protobuf", now_ns=JULY_NS).spans
        await pipeline.submit(Submission(spans=spans, received_ns=JULY_NS), len(spans))


async def _idle(pipeline: Pipeline) -> None:
    while pipeline.statistics().settling or pipeline.statistics().frozen:  # noqa: ASYNC110 - no event says so
        await asyncio.sleep(0.01)
