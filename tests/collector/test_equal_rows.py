"""An application without our library is attributed and priced like one with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from collector.served import Served, serving
from opentelemetry import baggage, context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.processor.baggage import BaggageSpanProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from otel_costattr_collector.store import embedded
from wire import CALL

from otel_costattr import CostSpanProcessor, attribution

OWNERS = (("acme", "chat", "v3"), ("acme", "search", "v1"), ("globex", "chat", "v2"))
KEYS = ("tenant", "feature", "promptVersion")

COMPARED = """
    SELECT tenant, feature, prompt_version, status, reasons, provider, model, response_model,
        operation, scope_name, service_name, lines, calls, usage_calls, input_tokens,
        output_tokens, cache_read_tokens, input_usd, output_usd, amount_usd, list_usd,
        price_entry, price_book, price_rule, rates
    FROM ledger
    WHERE startsWith(response_id, {app:String})
    ORDER BY response_id
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_plain_exporter_and_stock_baggage_give_the_same_rows(protocol: str, tmp_path: Path) -> None:
    """Owner, price and counts are equal; only ids, times and where owners were found differ."""
    data = tmp_path / "data"
    with serving(data, "--settle-seconds", "0", "--wrapper-settle-seconds", "0") as served:
        plain_application(served, protocol)
        our_application(served, protocol)
    with embedded(data / "clickhouse") as store:
        plain, ours = (store.query(COMPARED, {"app": app}).rows for app in ("plain", "ours"))

    assert len(plain) == len(OWNERS)
    assert [row[:3] for row in plain] == list(OWNERS)
    assert plain == ours


def plain_application(served: Served, protocol: str) -> None:
    """Call models under the stock processors alone, the owner in baggage."""
    copied = BaggageSpanProcessor(lambda key: key in KEYS)
    provider = provider_with(copied, BatchSpanProcessor(exporter(served, protocol)))
    for number, owner in enumerate(OWNERS):
        carried = context.get_current()
        for key, value in zip(KEYS, owner, strict=True):
            carried = baggage.set_baggage(key, value, carried)
        token = context.attach(carried)
        try:
            call(provider, f"plain-{number:04d}")
        finally:
            context.detach(token)
    provider.shutdown()


def our_application(served: Served, protocol: str) -> None:
    """Call the same models under our processor, the owner said in place."""
    inner = BatchSpanProcessor(exporter(served, protocol))
    provider = provider_with(CostSpanProcessor(inner))
    for number, (tenant, feature, version) in enumerate(OWNERS):
        with attribution(tenant=tenant, feature=feature, prompt_version=version):
            call(provider, f"ours-{number:04d}")
    provider.shutdown()


def provider_with(*processors: SpanProcessor) -> TracerProvider:
    """Return a provider of the service `app`."""
    provider = TracerProvider(resource=Resource.create({"service.name": "app"}))
    for processor in processors:
        provider.add_span_processor(processor)
    return provider


def call(provider: TracerProvider, response_id: str) -> None:
    """Trace one call of a model."""
    attributes: Any = {**CALL, "gen_ai.response.id": response_id}
    with provider.get_tracer("tests").start_as_current_span("chat", attributes=attributes):
        pass


def exporter(served: Served, protocol: str) -> SpanExporter:
    """Return the stock exporter of a protocol."""
    if protocol == "grpc":
        return GrpcExporter(endpoint=served.urls["grpc"], insecure=True)
    return HttpExporter(endpoint=f"{served.urls['http']}/v1/traces")
