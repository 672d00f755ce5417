"""Applications that use one model client under one or two real instrumentations.

Runs in `.envs/live`, which has the instrumentations, and prints as JSON what the processor said
of each span that carries a cost. Spans also go to the collector that the environment names.

    python applications.py SCENARIO
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_costattr import CostSpanProcessor, attribution

MODEL = "gpt-4o-mini"
CLAUDE = "claude-sonnet-4-5"
QUESTION: list[Any] = [{"role": "user", "content": "Where is my order?"}]


def chat_and_stream() -> None:
    """Two calls of the OpenAI client: one waits for the answer, one streams it."""
    from openai import OpenAI  # noqa: PLC0415 - after it was instrumented

    client = OpenAI(max_retries=0)
    client.chat.completions.create(model=MODEL, messages=QUESTION)
    chunks = client.chat.completions.create(
        model=MODEL, messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    for _ in chunks:
        pass


def traceloop() -> None:
    """Instrument with Traceloop's package."""
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor  # noqa: PLC0415

    OpenAIInstrumentor().instrument()
    chat_and_stream()


def official() -> None:
    """Instrument with OpenTelemetry's own package."""
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor  # noqa: PLC0415

    OpenAIInstrumentor().instrument()
    chat_and_stream()


def openinference() -> None:
    """Instrument with OpenInference."""
    from openinference.instrumentation.openai import OpenAIInstrumentor  # noqa: PLC0415

    OpenAIInstrumentor().instrument()
    chat_and_stream()


def logfire() -> None:
    """Instrument with Logfire, which writes to the provider that is set."""
    import logfire as package  # noqa: PLC0415
    from openai import OpenAI  # noqa: PLC0415

    package.configure(send_to_logfire=False, console=False)
    tracing = trace.get_tracer_provider()
    for processor in PROCESSORS:
        tracing.add_span_processor(processor)  # type: ignore[attr-defined]
    client = OpenAI(max_retries=0)
    package.instrument_openai(client)
    client.chat.completions.create(model=MODEL, messages=QUESTION)
    client.chat.completions.create(model=MODEL, messages=QUESTION)


def langchain_and_openai() -> None:
    """Instrument LangChain and the OpenAI client below it: each call is told of twice."""
    from langchain_openai import ChatOpenAI  # noqa: PLC0415
    from openinference.instrumentation.langchain import LangChainInstrumentor  # noqa: PLC0415
    from openinference.instrumentation.openai import OpenAIInstrumentor  # noqa: PLC0415

    LangChainInstrumentor().instrument()
    OpenAIInstrumentor().instrument()
    model = ChatOpenAI(model=MODEL, max_retries=0)
    model.invoke("Where is my order?")
    model.invoke("And when will it arrive?")


def langchain_and_traceloop() -> None:
    """Instrument LangChain with one project's package and the client with another's."""
    from langchain_openai import ChatOpenAI  # noqa: PLC0415
    from openinference.instrumentation.langchain import LangChainInstrumentor  # noqa: PLC0415
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor  # noqa: PLC0415

    LangChainInstrumentor().instrument()
    OpenAIInstrumentor().instrument()
    model = ChatOpenAI(model=MODEL, max_retries=0)
    model.invoke("Where is my order?")
    model.invoke("And when will it arrive?")


def pydantic_ai() -> None:
    """Run an agent whose framework tells of the run and of each call."""
    from pydantic_ai import Agent  # noqa: PLC0415
    from pydantic_ai.models.openai import OpenAIChatModel  # noqa: PLC0415

    Agent.instrument_all()
    agent = Agent(OpenAIChatModel(MODEL))
    agent.run_sync("Where is my order?")
    agent.run_sync("And when will it arrive?")


def anthropic_twice() -> None:
    """Use the Anthropic client, which traces itself, under OpenInference as well."""
    from anthropic import Anthropic  # noqa: PLC0415
    from openinference.instrumentation.anthropic import AnthropicInstrumentor  # noqa: PLC0415

    AnthropicInstrumentor().instrument()
    client = Anthropic(max_retries=0)
    for _ in range(2):
        client.messages.create(model=CLAUDE, max_tokens=300, messages=QUESTION)


SCENARIOS: Mapping[str, Callable[[], None]] = {
    function.__name__: function
    for function in (
        traceloop,
        official,
        openinference,
        logfire,
        langchain_and_openai,
        langchain_and_traceloop,
        pydantic_ai,
        anthropic_twice,
    )
}

MEMORY = InMemorySpanExporter()
PROCESSORS = (
    CostSpanProcessor(SimpleSpanProcessor(MEMORY)),
    CostSpanProcessor(BatchSpanProcessor(OTLPSpanExporter())),
)


def main() -> None:
    """Run one scenario as one tenant and print what its spans cost."""
    scenario = sys.argv[1]
    if scenario != "logfire":
        provider = TracerProvider()
        for processor in PROCESSORS:
            provider.add_span_processor(processor)
        trace.set_tracer_provider(provider)
    with attribution(tenant=scenario, feature="live"):
        SCENARIOS[scenario]()
    for processor in PROCESSORS:
        processor.force_flush()
    costs = [
        {"scope": span.instrumentation_scope and span.instrumentation_scope.name, **attributes}
        for span in MEMORY.get_finished_spans()
        if (attributes := _cost(dict(span.attributes or {})))
    ]
    print(json.dumps(costs))


def _cost(attributes: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in attributes.items() if name.startswith("costattr.")}


if __name__ == "__main__":
    main()
