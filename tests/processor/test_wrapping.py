"""CostSpanProcessor(inner): a copy with owner and cost goes on, everything else untouched."""

import pickle
import threading
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode
from processor.tracing import CALL, CALL_USD, SCOPE, Keep, KeepExported, call, ours, tracer

from otel_costattr import attribution
from otel_costattr.guest import override
from otel_costattr.preview import LateAttributes
from otel_costattr.processor import CostSpanProcessor

PRICED = {"cost.status": "priced", "cost.total_usd": CALL_USD}


def test_owner_and_cost() -> None:
    """A model call carries the owner of the context that it started in, and its cost."""
    inner = Keep()
    spans = tracer(CostSpanProcessor(inner))
    with attribution(tenant="acme", feature="chat", tags={"region": "eu"}):
        span = spans.start_span("chat")
    span.set_attributes(CALL)
    span.end()

    (ended,) = inner.ended
    attributes = ended.attributes or {}
    assert ours(ended) == {
        "tenant": "acme",
        "feature": "chat",
        "tag.region": "eu",
        **PRICED,
    }
    assert Decimal(str(attributes["costattr.cost.exact_usd"])) == Decimal("0.00027")
    assert attributes["costattr.price.entry"]
    assert attributes["costattr.price.book"]
    assert attributes["gen_ai.usage.input_tokens"] == 1000


def test_everything_else_is_kept() -> None:
    """The copy has the context, parent, resource, events, links, kind, status, times and scope."""
    plain, inner = Keep(), Keep()
    spans = tracer(plain, CostSpanProcessor(inner))
    parent = trace.set_span_in_context(
        trace.NonRecordingSpan(SpanContext(7, 8, is_remote=True, trace_flags=trace.TraceFlags(1)))
    )
    span = spans.start_span(
        "chat",
        context=parent,
        kind=SpanKind.CLIENT,
        links=[Link(SpanContext(1, 2, is_remote=True), {"why": "retry"})],
        start_time=1_790_000_000_000_000_000,
    )
    span.set_attributes(CALL)
    span.add_event("retry", {"n": 1}, timestamp=1_790_000_000_500_000_000)
    span.set_status(Status(StatusCode.ERROR, "cut"))
    span.end(end_time=1_790_000_001_000_000_000)

    (before,), (after,) = plain.ended, inner.ended
    for name in ("name", "context", "parent", "resource", "kind", "start_time", "end_time"):
        assert getattr(before, name) == getattr(after, name), name
    assert before.instrumentation_scope == after.instrumentation_scope
    assert (after.status.status_code, after.status.description) == (StatusCode.ERROR, "cut")
    assert [(event.name, event.timestamp) for event in after.events] == [
        ("retry", 1_790_000_000_500_000_000)
    ]
    assert [link.context.span_id for link in after.links] == [2]
    assert dict(before.attributes or {}) == CALL
    assert "costattr.cost.status" in after.to_json()
    assert (after.dropped_attributes, after.dropped_events, after.dropped_links) == (0, 0, 0)


def test_dropped_counts_are_kept() -> None:
    """The copy still says how many attributes, events and links the SDK dropped."""
    inner = Keep()
    limits = SpanLimits(max_span_attributes=7, max_events=1, max_links=1)
    spans = tracer(CostSpanProcessor(inner), span_limits=limits)
    links = [Link(SpanContext(1, number, is_remote=True)) for number in (1, 2, 3)]
    span = spans.start_span("chat", links=links)
    span.set_attributes({"a": 1, "b": 2, "c": 3})
    span.set_attributes(CALL)
    span.add_event("one")
    span.add_event("two")
    span.end()

    (ended,) = inner.ended
    assert (ended.dropped_attributes, ended.dropped_events, ended.dropped_links) == (2, 1, 2)
    assert len(ended.events) == 1
    assert ours(ended)["cost.status"] == "priced"


def test_other_spans_pass_untouched() -> None:
    """A span that is no GenAI span is handed on as the very object that ended."""
    plain, inner = Keep(), Keep()
    for scope in ("my.app", "opentelemetry.instrumentation.httpx"):
        spans = tracer(plain, CostSpanProcessor(inner), scope=scope)
        with attribution(tenant="acme"), spans.start_as_current_span("work", kind=SpanKind.SERVER):
            spans.start_span("GET", attributes={"http.request.method": "GET"}).end()

    assert [id(span) for span in plain.ended] == [id(span) for span in inner.ended]
    assert inner.started == ["work", "GET"] * 2


def test_spans_beside_a_call_pass_untouched() -> None:
    """A span that has no call below it passes untouched while others have one."""
    plain, inner = Keep(), Keep()
    provider = TracerProvider()
    for processor in (plain, CostSpanProcessor(inner)):
        provider.add_span_processor(processor)
    with provider.get_tracer("my.app").start_as_current_span("work"):
        call(provider.get_tracer(SCOPE))
        provider.get_tracer("my.app").start_span("beside").end()

    assert [span.name for span in inner.ended[1:]] == ["beside", "work"]
    assert inner.ended[1] is plain.ended[1]


def test_genai_spans_that_are_no_call() -> None:
    """A tool's span gets its owner and no cost."""
    inner = Keep()
    with attribution(tenant="acme"):
        span = tracer(CostSpanProcessor(inner)).start_span("execute_tool")
        span.set_attribute("gen_ai.operation.name", "execute_tool")
        span.end()

    assert ours(inner.ended[0]) == {"tenant": "acme"}


def test_unknown_is_not_zero() -> None:
    """A call of an unknown model says why it has no cost, and shows no zero."""
    inner = Keep()
    unknown = {"gen_ai.request.model": "nobody-1", "gen_ai.response.model": "nobody-1"}
    call(tracer(CostSpanProcessor(inner)), unknown)

    assert ours(inner.ended[0]) == {"cost.status": "unpriced", "cost.reason": "unknown_model"}


def test_wrapper_is_a_duplicate() -> None:
    """Of two spans that describe one call the first to end has the cost, the other says so."""
    inner = Keep()
    spans = tracer(CostSpanProcessor(inner))
    same = {"gen_ai.response.id": "chatcmpl-123456"}
    with (
        spans.start_as_current_span("chat", attributes={**CALL, **same}),
        tracer(CostSpanProcessor(inner), scope="my.app").start_as_current_span("between"),
    ):
        call(spans, same)

    leaf, between, wrapper = inner.ended
    assert ours(leaf)["cost.status"] == "priced"
    assert ours(between) == {}
    assert ours(wrapper)["cost.status"] == "duplicate_of"
    assert "cost.total_usd" not in ours(wrapper)
    assert leaf.context is not None
    assert ours(wrapper)["cost.duplicate_of"].endswith(f"{leaf.context.span_id:016x}")


CALLS = {"my.framework": CALL, SCOPE: CALL}


@pytest.mark.parametrize("read_at_once", [True, False])
def test_ancestry_passes_through_other_spans(*, read_at_once: bool) -> None:
    """A wrapper without a response id does not count, whenever the spans below it are read."""
    inner = Keep()
    provider = TracerProvider()
    provider.add_span_processor(CostSpanProcessor(inner))

    def read() -> None:
        if read_at_once:
            ours(inner.ended[-1])

    def nested(*scopes: str) -> None:
        span = provider.get_tracer(scopes[0]).start_span("x", attributes=CALLS.get(scopes[0], {}))
        with trace.use_span(span):
            if scopes[1:]:
                nested(*scopes[1:])
        span.end()
        read()

    nested("my.framework", "my.app", "my.tool", SCOPE)

    statuses = [ours(span).get("cost.status") for span in inner.ended]
    assert statuses == ["priced", None, None, "duplicate_of"]


def test_claims_under_our_prefix_are_replaced() -> None:
    """What somebody else wrote under `costattr.` never passes for ours, an owner excepted."""
    inner = Keep()
    call(
        tracer(CostSpanProcessor(inner)),
        {
            "costattr.tenant": "acme",
            "costattr.cost.total_usd": 0.0,
            "costattr.cost.invented": "x",
            "costattr.price.entry": "free",
        },
    )

    assert ours(inner.ended[0]) == {"tenant": "acme", **PRICED}
    assert (inner.ended[0].attributes or {})["costattr.price.entry"] != "free"


def test_explicit_parent_context() -> None:
    """The owner is that of the context which the span is started with, if one is given."""
    inner = Keep()
    with attribution(tenant="acme"):
        elsewhere = context.get_current()
    span = tracer(CostSpanProcessor(inner)).start_span("chat", context=elsewhere)
    span.set_attributes(CALL)
    span.end()

    assert ours(inner.ended[0])["tenant"] == "acme"


def test_unsampled_spans_are_left_alone() -> None:
    """A span that is not sampled never reaches the inner processor."""
    inner = Keep()
    processor = CostSpanProcessor(inner)
    with attribution(tenant="acme"):
        call(tracer(processor, sampler=ALWAYS_OFF))

    assert inner.ended == []
    assert processor.statistics().open_spans == 0


def test_baggage_counts_below_what_was_said_in_place() -> None:
    """Baggage owns what nothing better owns, and the span says which is which."""
    inner = Keep()
    spans = tracer(CostSpanProcessor(inner))
    token = context.attach(baggage.set_baggage("tenant", "b", baggage.set_baggage("feature", "f")))
    with attribution(tenant="acme"):
        call(spans)
    context.detach(token)

    assert ours(inner.ended[0])["tenant"] == "acme"
    assert ours(inner.ended[0])["feature"] == "f"
    assert ours(inner.ended[0])["owner.source"] == "feature=baggage"


def test_inner_methods_are_forwarded() -> None:
    """Every method that the SDK calls reaches the inner processor, `_on_ending` included."""
    inner = Keep()
    processor = CostSpanProcessor(inner)
    processor._on_ending(tracer().start_span("x"))  # type: ignore[arg-type]

    assert processor.force_flush(7) is False
    processor.shutdown()
    assert inner.calls == [("_on_ending", "x"), ("force_flush", 7), "shutdown"]


def test_inner_without_on_ending() -> None:
    """An inner processor of an SDK that does not know `_on_ending` is fine."""
    processor = CostSpanProcessor(object())  # type: ignore[arg-type]

    processor._on_ending(tracer().start_span("x"))  # type: ignore[arg-type]


class Broken(SpanProcessor):
    """Fails whenever a span starts or ends."""

    @override
    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Fail."""
        raise RuntimeError(span.name, parent_context)

    @override
    def on_end(self, span: ReadableSpan) -> None:
        """Fail."""
        raise RuntimeError(span.name)


def test_errors_of_the_inner_processor_stay_its_own() -> None:
    """The guard stands around our code only: what the inner processor raises is not swallowed."""
    processor = CostSpanProcessor(Broken())
    span: Any = tracer().start_span("x")

    with pytest.raises(RuntimeError):
        processor.on_start(span)
    with pytest.raises(RuntimeError):
        processor.on_end(span)
    assert processor.statistics().failures == {}


def test_assessed_once_by_many_readers() -> None:
    """However many threads read the copy's attributes, the call is assessed once."""
    inner = Keep()
    processor = CostSpanProcessor(inner)
    call(tracer(processor))
    meet = threading.Barrier(8)
    seen: list[object] = []

    def read() -> None:
        meet.wait()
        seen.append(dict(inner.ended[0].attributes or {}))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [seen[0]] * 8
    assert processor.statistics().assessed == {"priced": 1}


def test_late_attributes_behave_like_attributes() -> None:
    """The copy's attributes can be counted, shown, copied and pickled."""
    inner = Keep()
    call(tracer(CostSpanProcessor(inner)))
    attributes: Any = inner.ended[0].attributes

    assert len(attributes) == len(list(attributes)) > len(CALL)
    assert "costattr.cost.status" in repr(attributes)
    assert pickle.loads(pickle.dumps(attributes.copy())) == attributes  # noqa: S301
    late = LateAttributes(lambda: {"a": 1})
    assert pickle.loads(pickle.dumps(late)) == {"a": 1}  # noqa: S301


def test_behind_a_simple_processor() -> None:
    """Exporters behind the inner processor see owner and cost."""
    exporter = KeepExported()
    with attribution(tenant="acme"):
        call(tracer(CostSpanProcessor(SimpleSpanProcessor(exporter))))

    assert ours(exporter.spans[0]) == {"tenant": "acme", **PRICED}
