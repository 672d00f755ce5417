"""A support desk that serves three customers, as an application with cost attribution.

Two things were added to a usual OpenTelemetry set-up: `CostSpanProcessor` around the exporter's
processor, and `attribution(...)` where the application knows for whom it works.

    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317 python examples/support_desk.py

It talks to the real API when OPENAI_API_KEY is set, and to OPENAI_BASE_URL if that is set too.
"""

from __future__ import annotations

from typing import Final

from openai import NotFoundError, OpenAI
from openai.types.chat import ChatCompletionMessageParam
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otel_costattr import CostSpanProcessor, attribution

HANDBOOK: Final = "You answer for the support desk. Be kind, be brief, quote the policy. " * 120


def main() -> None:
    """Serve one round of requests of each customer and flush their spans."""
    provider = TracerProvider(resource=Resource.create({"service.name": "support-desk"}))
    provider.add_span_processor(CostSpanProcessor(BatchSpanProcessor(OTLPSpanExporter())))
    trace.set_tracer_provider(provider)
    OpenAIInstrumentor().instrument()

    client = OpenAI(max_retries=0)
    serve_acme(client)
    serve_globex(client)
    serve_initech(client)
    provider.shutdown()


def serve_acme(client: OpenAI) -> None:
    """Chat on two versions of the prompt: the second carries the handbook, which is cached."""
    with attribution(tenant="acme", feature="chat", session="s-1", user="u-812"):
        with attribution(prompt_version="v1"):
            answer(client, "Where is my order?")
            answer(client, "And when will it arrive?")
        with attribution(prompt_version="v2"):
            answer(client, "Where is my order?", system=HANDBOOK)
            answer(client, "May I send it back?", system=HANDBOOK)


def serve_globex(client: OpenAI) -> None:
    """Stream an answer, search by embeddings and plan with a model that reasons."""
    with attribution(tenant="globex", session="s-2"):
        with attribution(feature="chat", prompt_version="v2"):
            stream(client, "Where is my order?")
        with attribution(feature="search"):
            client.embeddings.create(model="text-embedding-3-small", input=["refund", "return"])
        with attribution(feature="planner", prompt_version="v1", agent="planner"):
            client.chat.completions.create(
                model="o4-mini",
                messages=[{"role": "user", "content": "Plan the return of three parcels."}],
            )


def serve_initech(client: OpenAI) -> None:
    """One chat, and one call that fails because its model does not exist."""
    with attribution(tenant="initech", feature="chat", prompt_version="v1", session="s-3"):
        answer(client, "Can I change the address?")
        try:
            answer(client, "Hello?", model="gpt-4o-mini-that-never-was")
        except NotFoundError as refused:
            print(f"as planned, one call failed: {refused.status_code}")


def answer(
    client: OpenAI, question: str, *, system: str = "Be brief.", model: str = "gpt-4o-mini"
) -> None:
    """Ask one question and wait for the answer."""
    messages: list[ChatCompletionMessageParam] = [
        {"role": "system", "content": system},
        {"role": "user", "content": question},
    ]
    client.chat.completions.create(model=model, messages=messages)


def stream(client: OpenAI, question: str) -> None:
    """Ask one question and read the answer as it is written."""
    chunks = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": question}],
        stream=True,
        stream_options={"include_usage": True},
    )
    for _ in chunks:
        pass


if __name__ == "__main__":
    main()
