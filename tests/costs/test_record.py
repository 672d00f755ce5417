"""`record_cost`: told once, owned by whoever owns the calls, never in the host's way."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from otel_costattr import CostSpanExporter, CostSpanProcessor, attribution, record_cost, recording
from otel_costattr.attribution import Identities, OwnerRules
from otel_costattr.costs import NAME, SCOPE
from otel_costattr.sampler import CALL_NAMES, CostSampler

HASHING = OwnerRules(
    identities=Identities(hashed=frozenset({"user"}), key=b"0123456789abcdef", key_id="k1")
)


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Costs end here, through a processor that hashes users."""
    found = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(CostSpanProcessor(SimpleSpanProcessor(found), rules=HASHING))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield found
    provider.shutdown()


def only(exporter: InMemorySpanExporter) -> ReadableSpan:
    """Return the one span that was exported."""
    (span,) = exporter.get_finished_spans()
    return span


def test_a_cost_is_a_short_span_with_what_it_is_and_who_owns_it(
    exporter: InMemorySpanExporter,
) -> None:
    """The context owns it, what is said in place counts first, people are hashed."""
    with attribution(tenant="acme", step="search", user="anna"):
        assert record_cost(
            Decimal("0.0125"),
            id="c-1",
            cost_type="api_usage",
            source="serp",
            description="web search",
            step="fetch",
            tags={"region": "eu"},
            at_ns=5,
        )

    span = only(exporter)
    assert (span.name, span.start_time, span.end_time) == (NAME, 5, 5)
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name == SCOPE
    assert span.attributes is not None
    told = dict(span.attributes)
    assert str(told.pop("costattr.user")).startswith("h:k1:")
    assert told == {
        "costattr.cost.id": "c-1",
        "costattr.cost.amount_usd": "0.0125",
        "costattr.cost.type": "api_usage",
        "costattr.cost.source": "serp",
        "costattr.cost.description": "web search",
        "costattr.tenant": "acme",
        "costattr.step": "fetch",
        "costattr.tag.region": "eu",
    }


def test_a_quantity_is_told_for_the_price_book(exporter: InMemorySpanExporter) -> None:
    """Source, metric and quantity, an entity of any type as tag."""
    record_cost(
        source="elevenlabs", metric="characters", quantity=1200, entity_type="bot", entity_id="b-1"
    )
    assert only(exporter).attributes == {
        "costattr.cost.source": "elevenlabs",
        "costattr.cost.metric": "characters",
        "costattr.cost.quantity": "1200",
        "costattr.tag.entity.bot": "b-1",
    }


def test_mistakes_are_logged_once_and_the_cost_still_told(
    exporter: InMemorySpanExporter,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A word for an amount and an owner of no name harm nobody."""
    monkeypatch.setattr(recording, "_logged", set())
    for _ in range(2):
        assert record_cost("a lot", tennant="acme")

    assert [span.attributes for span in exporter.get_finished_spans()] == [
        {"costattr.cost.amount_usd": "a lot"}
    ] * 2
    assert len(caplog.records) == 2


def test_whatever_fails_the_host_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of telemetry is logged, and False."""

    def broken(_: str) -> None:
        raise RuntimeError("no telemetry")

    monkeypatch.setattr(recording, "_logged", set())
    monkeypatch.setattr(trace, "get_tracer", broken)
    assert not record_cost(1)
    assert "no telemetry" in caplog.text


def test_without_telemetry_nothing_is_recorded() -> None:
    """The API alone records no span, and says so."""
    assert not record_cost(1)


def test_an_exporter_of_ours_protects_people_of_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """An e-mail address never leaves."""
    found = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(CostSpanProcessor())
    provider.add_span_processor(SimpleSpanProcessor(CostSpanExporter(found, rules=HASHING)))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    with attribution(tenant="other"):
        record_cost(1, tenant="anna@example.com", user="anna")

    assert only(found).attributes is not None
    assert dict(only(found).attributes or {}).keys() == {
        "costattr.cost.amount_usd",
        "costattr.user",
    }


def test_a_sampler_of_ours_records_costs_that_another_drops() -> None:
    """A cost is recorded like a model call, other spans are not."""
    tracer = TracerProvider(sampler=CostSampler(ALWAYS_OFF, names=CALL_NAMES)).get_tracer("tests")
    assert tracer.start_span(NAME).is_recording()
    assert not tracer.start_span("GET /").is_recording()
