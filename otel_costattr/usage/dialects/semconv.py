"""OpenTelemetry's own conventions, for every emitter that follows them without ways of its own."""

from __future__ import annotations

from typing import Final

from otel_costattr.usage.reader import Dialect

GENERIC: Final = Dialect(name="gen_ai", page="any emitter of `gen_ai.*`, all generations")

GENAI: Final = Dialect(
    name="otel_genai",
    scopes=("opentelemetry.instrumentation.genai.*",),
    page="opentelemetry-instrumentation-genai-*",
)

GOOGLE_GENAI: Final = Dialect(
    name="otel_google_genai",
    scopes=("opentelemetry.instrumentation.google_genai",),
    page="opentelemetry-instrumentation-google-genai",
)

OPENAI_V2: Final = Dialect(
    name="otel_openai_v2",
    scopes=("opentelemetry.instrumentation.openai_v2", "opentelemetry.util.genai.handler"),
    page="opentelemetry-instrumentation-openai-v2, with and without the opt-in",
)

BOTOCORE: Final = Dialect(
    name="otel_botocore",
    scopes=("opentelemetry.instrumentation.botocore*",),
    page="opentelemetry-instrumentation-botocore on Bedrock",
)
