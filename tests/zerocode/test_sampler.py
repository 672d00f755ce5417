"""Cost without traces: what a sampler drops is still counted, by one compact record a call."""

from decimal import Decimal
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    TraceIdRatioBased,
)
from processor.tracing import CALL, SCOPE

from otel_costattr import CostSpanProcessor, Span, assess_all, attribution, shipped_book
from otel_costattr.errors import BadSettings
from otel_costattr.sampler import CallLog, CostSampler

CALL_USD = Decimal("0.00027")
CALLS = 300


class Pipeline:
    """A provider with a sampler, and what comes out of it.

    Attributes:
        tracer: Makes spans.
        processor: The processor.
        exported: Spans that were exported.
        records: Log records that were written.
    """

    def __init__(self, sampler: Sampler, *, attribute_only: bool = False) -> None:
        self._logs = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        logs = LoggerProvider()
        logs.add_log_record_processor(SimpleLogRecordProcessor(self._logs))
        self._spans = InMemorySpanExporter()
        inner = SimpleSpanProcessor(self._spans)
        self.processor = CostSpanProcessor(
            None if attribute_only else inner, unsampled=CallLog(logs)
        )
        provider = TracerProvider(sampler=CostSampler(sampler))
        provider.add_span_processor(self.processor)
        if attribute_only:
            provider.add_span_processor(inner)
        self.tracer = provider.get_tracer(SCOPE, "1.3b0")

    @property
    def exported(self) -> list[Span]:
        """Return them as the collector decodes them."""
        return [
            Span(
                trace_id=f"{span.context.trace_id:032x}",
                span_id=f"{span.context.span_id:016x}",
                name=span.name,
                start_ns=span.start_time or 0,
                end_ns=span.end_time or 0,
                attributes={**(span.attributes or {})},  # type: ignore[dict-item]
                scope_name=SCOPE,
                scope_version="1.3b0",
            )
            for span in self._spans.get_finished_spans()
            if span.context is not None
        ]

    @property
    def records(self) -> list[Span]:
        """Return them as the collector decodes them."""
        return [self._record(done.log_record) for done in self._logs.get_finished_logs()]

    def _record(self, record: Any) -> Span:
        return Span(
            trace_id=f"{record.trace_id:032x}",
            span_id=f"{record.span_id:016x}",
            name=record.event_name,
            start_ns=record.timestamp,
            end_ns=record.timestamp,
            attributes={**record.attributes},
            scope_name=SCOPE,
            scope_version="1.3b0",
            signal="log",
        )

    def call(self, **attributes: Any) -> None:
        """Make one model call."""
        with self.tracer.start_as_current_span(
            "chat gpt-4o-mini", attributes={**CALL, **attributes}
        ):
            pass


@pytest.mark.parametrize("attribute_only", [True, False])
def test_one_percent_of_traces_is_all_of_the_cost(*, attribute_only: bool) -> None:
    """Under a 1 % sampler exported spans and records add up to every call, each counted once."""
    pipeline = Pipeline(ParentBased(TraceIdRatioBased(0.01)), attribute_only=attribute_only)
    for number in range(CALLS):
        with attribution(tenant="acme" if number % 3 else "globex"):
            pipeline.call(**{"gen_ai.response.id": f"chatcmpl-{number:06}"})

    spans = [*pipeline.exported, *pipeline.records]
    assert len(pipeline.exported) < CALLS / 10
    assert len(spans) == CALLS
    assessed = assess_all(spans, book=shipped_book())
    totals = {"acme": Decimal(0), "globex": Decimal(0)}
    for each in assessed:
        assert each.total_usd is not None
        totals[each.owner.values["tenant"]] += each.total_usd
    assert totals == {"acme": 200 * CALL_USD, "globex": 100 * CALL_USD}
    assert pipeline.processor.statistics().failures == {}
    assert pipeline.processor.statistics().open_spans == 0


def test_record_has_no_text() -> None:
    """The record carries counts, names and the owner, and no prompt or answer."""
    pipeline = Pipeline(ALWAYS_OFF)
    with attribution(tenant="acme", tags={"region": "eu"}):
        pipeline.call(
            **{
                "gen_ai.input.messages": "secret prompt",
                "gen_ai.prompt.0.content": "secret prompt",
                "output.value": "secret answer",
                "gen_ai.response.id": "x" * 5000,
            }
        )

    (record,) = pipeline.records
    assert record.attributes == {
        **CALL,
        "costattr.tenant": "acme",
        "costattr.tag.region": "eu",
    }
    assert pipeline.exported == []


@pytest.mark.parametrize(
    ("inner", "name", "attributes", "decision"),
    [
        (ALWAYS_ON, "chat", CALL, Decision.RECORD_AND_SAMPLE),
        (ALWAYS_OFF, "x", CALL, Decision.RECORD_ONLY),
        (ALWAYS_OFF, "openai.chat", None, Decision.RECORD_ONLY),
        (ALWAYS_OFF, "GET /chats", {"http.request.method": "GET"}, Decision.DROP),
    ],
)
def test_decisions(inner: Sampler, name: str, attributes: Any, decision: Decision) -> None:
    """Only model calls that would be dropped are recorded; every other decision stands."""
    assert CostSampler(inner).should_sample(None, 1, name, None, attributes).decision is decision


def test_names_are_configurable() -> None:
    """An instrumentation that says little at the start needs a pattern for its names."""
    sampler = CostSampler(ALWAYS_OFF, names=("my-llm-*",))

    assert sampler.should_sample(None, 1, "my-llm-call").decision is Decision.RECORD_ONLY
    assert sampler.get_description() == "CostSampler{AlwaysOffSampler}"


def test_other_spans_are_not_written() -> None:
    """A span that is recorded by name and proves to be no call, or that nobody knows, is no record."""
    pipeline = Pipeline(ALWAYS_OFF)
    foreign = TracerProvider(sampler=CostSampler(ALWAYS_OFF))
    foreign.add_span_processor(pipeline.processor)
    with attribution(tenant="acme"):
        foreign.get_tracer("my.app").start_span("chat with a colleague").end()

    assert pipeline.records == []
    assert pipeline.processor.statistics().open_spans == 0
    assert isinstance(trace.get_current_span(), trace.NonRecordingSpan)


def test_old_logs_api_is_refused() -> None:
    """Where the Logs API cannot write events, it is said at construction and not by lost costs."""

    class Old:
        def get_logger(self, name: str) -> "Old":
            """Answer itself, whatever the name."""
            assert name
            return self

        def emit(self, record: object) -> None:
            """Take a record, as the Logs API did before it knew events."""

    with pytest.raises(BadSettings, match="newer"):
        CallLog(Old())
