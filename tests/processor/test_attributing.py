"""CostSpanProcessor() and CostSpanExporter(inner): owners at the start, costs on the way out."""

import pytest
from opentelemetry import baggage, context
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.trace import SpanKind
from processor.tracing import CALL, CALL_USD, Keep, KeepExported, call, ours, tracer

from otel_costattr import attribution
from otel_costattr.attribution import Identities, OwnerRules, hash_identity
from otel_costattr.processor import CostSpanExporter, CostSpanProcessor

KEY = b"sixteen bytes, ok"


def test_owner_is_written_at_the_start() -> None:
    """Without an inner processor the owner is on the span itself, for every sibling to see."""
    sibling = Keep()
    with attribution(tenant="acme", tags={"region": "eu"}):
        call(tracer(sibling, CostSpanProcessor()))

    assert ours(sibling.ended[0]) == {
        "tenant": "acme",
        "tag.region": "eu",
    }


def test_nothing_is_written_without_an_owner() -> None:
    """Where nobody said anything the span stays as it is."""
    sibling = Keep()
    call(tracer(sibling, CostSpanProcessor()))

    assert dict(sibling.ended[0].attributes or {}) == CALL


@pytest.mark.parametrize(
    ("scope", "kind"),
    [
        ("my.app", SpanKind.SERVER),
        ("my.app", SpanKind.PRODUCER),
        ("my.app", SpanKind.CONSUMER),
        ("opentelemetry.instrumentation.httpx", SpanKind.CLIENT),
        ("opentelemetry.instrumentation.sqlalchemy", SpanKind.CLIENT),
    ],
)
def test_spans_that_are_surely_no_call_are_left_alone(scope: str, kind: SpanKind) -> None:
    """Servers, queues, HTTP clients and databases carry no owner of ours."""
    sibling = Keep()
    with attribution(tenant="acme"):
        tracer(sibling, CostSpanProcessor(), scope=scope).start_span("x", kind=kind).end()

    assert ours(sibling.ended[0]) == {}


def test_exporter_adds_cost_to_the_owner_on_the_span() -> None:
    """The wrapped exporter sees what the wrapped processor would have handed on."""
    exporter = KeepExported()
    costs = CostSpanExporter(exporter)
    spans = tracer(CostSpanProcessor(), SimpleSpanProcessor(costs))
    with attribution(tenant="acme"):
        call(spans)
        spans.start_span("GET", attributes={"http.request.method": "GET"}).end()

    assert ours(exporter.spans[0]) == {
        "tenant": "acme",
        "cost.status": "priced",
        "cost.total_usd": CALL_USD,
    }
    assert "costattr.cost.status" in exporter.spans[0].to_json()
    assert exporter.spans[0].dropped_attributes == 0
    assert costs.statistics().assessed == {"priced": 1}


def test_exporter_forwards() -> None:
    """Other spans, results, flush and shutdown go through the wrapped exporter unchanged."""
    sibling, exporter = Keep(), KeepExported()
    costs = CostSpanExporter(exporter)
    tracer(sibling, scope="my.app").start_span("work").end()

    assert costs.export(sibling.ended) is SpanExportResult.SUCCESS
    assert exporter.spans[0] is sibling.ended[0]
    assert costs.force_flush(7)
    costs.shutdown()
    assert exporter.calls == [("force_flush", 7), "shutdown"]


def test_without_inner_there_is_nothing_to_forward() -> None:
    """The attributing processor ends, flushes and shuts down without effect."""
    processor = CostSpanProcessor()
    call(tracer(processor))

    assert processor.force_flush()
    processor.shutdown()
    assert processor.statistics().assessed == {}


HOSTILE = {
    "usage": "gen_ai.usage.input_tokens=1",
    "cost": "operation.cost=0,costattr.cost.total_usd=0,costattr.cost.status=priced",
    "long": f"tenant={'x' * 4000}",
    "huge": f"tenant={'x' * 10_000}",
    "control": "feature=a%00b,tenant=a%0ab",
    "tags": f"costattr.tag.{'x' * 100}=1",
}
COUNTED = {
    "usage": (1, {}),
    "cost": (3, {}),
    "long": (0, {"too_long": 1}),
    "huge": (0, {}),  # the propagator drops the whole header
    "control": (0, {"bad_characters": 2}),
    "tags": (0, {"bad_name": 1}),
}


@pytest.mark.parametrize("header", HOSTILE)
@pytest.mark.parametrize("wrapping", [True, False], ids=["wrapping", "attributing"])
def test_hostile_baggage_changes_nothing_but_is_counted(header: str, *, wrapping: bool) -> None:
    """A stranger's header changes neither owner nor cost, and shows in the statistics."""
    sibling, inner = Keep(), Keep()
    processor = CostSpanProcessor(inner) if wrapping else CostSpanProcessor()
    spans = tracer(processor, sibling)
    call(spans)
    token = context.attach(W3CBaggagePropagator().extract({"baggage": HOSTILE[header]}))
    call(spans)
    context.detach(token)

    before, after = inner.ended if wrapping else sibling.ended
    assert dict(before.attributes or {}) == dict(after.attributes or {})
    statistics = processor.statistics()
    assert (statistics.baggage_ignored, statistics.refused) == COUNTED[header]


def test_same_baggage_again() -> None:
    """Spans under the same baggage are owned alike, and each is counted."""
    sibling = Keep()
    processor = CostSpanProcessor()
    token = context.attach(
        W3CBaggagePropagator().extract({"baggage": "tenant=acme,other=1,promptVersion=v3"})
    )
    for _ in range(3):
        call(tracer(processor, sibling))
    context.detach(token)

    owner = {"tenant": "acme", "prompt_version": "v3", "owner.source": "baggage"}
    assert [ours(span) for span in sibling.ended] == [owner] * 3
    assert processor.statistics().baggage_ignored == 3


def test_any_object_in_baggage() -> None:
    """Baggage set in process may hold any object; what is no text is refused and counted."""
    sibling = Keep()
    processor = CostSpanProcessor()
    token = context.attach(baggage.set_baggage("tenant", ["a"], baggage.set_baggage("x", {})))
    call(tracer(processor, sibling))
    context.detach(token)

    assert ours(sibling.ended[0]) == {}
    assert processor.statistics().refused == {"wrong_type": 1}
    assert processor.statistics().failures == {}


@pytest.mark.parametrize("wrapping", [True, False], ids=["wrapping", "attributing"])
def test_people_are_hashed_in_process(*, wrapping: bool) -> None:
    """With a key, users are hashed before anything is written on a span."""
    rules = OwnerRules(identities=Identities(hashed=frozenset({"user"}), key=KEY, key_id="k1"))
    sibling, inner = Keep(), Keep()
    processor = CostSpanProcessor(inner if wrapping else None, rules=rules)
    with attribution(user="u-812"):
        call(tracer(processor, sibling))

    (ended,) = inner.ended if wrapping else sibling.ended
    assert ours(ended)["user"] == hash_identity("u-812", key=KEY, key_id="k1")


@pytest.mark.parametrize("wrapping", [True, False], ids=["wrapping", "attributing"])
def test_emails_are_not_written(*, wrapping: bool) -> None:
    """An e-mail address never gets on a span by our doing, and the drop is counted."""
    sibling, inner = Keep(), Keep()
    processor = CostSpanProcessor(inner if wrapping else None)
    with attribution(user="bob@example.com", tenant="acme"):
        call(tracer(processor, sibling))

    (ended,) = inner.ended if wrapping else sibling.ended
    assert "bob@" not in repr(dict(ended.attributes or {}))
    assert ours(ended)["tenant"] == "acme"
    assert processor.statistics().refused == {"email": 1}
