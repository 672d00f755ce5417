"""One application, attributed in two ways: by our processor, or by stock OpenTelemetry alone.

python two_ways.py processor|baggage grpc|http
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from openai import OpenAI
from opentelemetry import baggage, context, trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.processor.baggage import BaggageSpanProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otel_costattr import CostSpanProcessor, attribution

KEYS = frozenset({"tenant", "feature", "promptVersion"})


@contextmanager
def in_baggage(*, tenant: str, feature: str, prompt_version: str) -> Iterator[None]:
    """Carry the owner as an existing set-up does: in baggage, under bare names."""
    owned = context.get_current()
    owner = {"tenant": tenant, "feature": feature, "promptVersion": prompt_version}
    for key, value in owner.items():
        owned = baggage.set_baggage(key, value, owned)
    token = context.attach(owned)
    try:
        yield
    finally:
        context.detach(token)


def main() -> None:
    """Make three calls of two tenants and flush their spans."""
    way, protocol = sys.argv[1:]
    exporter = GrpcExporter() if protocol == "grpc" else HttpExporter()
    batches = BatchSpanProcessor(exporter)
    provider = TracerProvider()
    if way == "processor":
        provider.add_span_processor(CostSpanProcessor(batches))
    else:
        provider.add_span_processor(BaggageSpanProcessor(KEYS.__contains__))
        provider.add_span_processor(batches)
    trace.set_tracer_provider(provider)
    OpenAIInstrumentor().instrument()
    owned = attribution if way == "processor" else in_baggage

    client = OpenAI(max_retries=0)
    with owned(tenant="acme", feature="chat", prompt_version="v1"):
        ask(client, "gpt-4o-mini")
        ask(client, "o4-mini")
    with owned(tenant="globex", feature="search", prompt_version="v2"):
        client.embeddings.create(model="text-embedding-3-small", input="refund")
    provider.shutdown()


def ask(client: OpenAI, model: str) -> None:
    """Make one chat call."""
    client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Where is my order?"}]
    )


if __name__ == "__main__":
    main()
