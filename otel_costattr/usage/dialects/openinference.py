"""OpenInference (Arize), smolagents included."""

from __future__ import annotations

import re
from typing import Final

from otel_costattr.model import AttributeValue, Role
from otel_costattr.usage.keys import GEN_AI, TextField, keys_of
from otel_costattr.usage.objects import parse
from otel_costattr.usage.reader import Dialect, Reading
from otel_costattr.usage.vendors import vendor

_C: Final = "llm.token_count."
_P: Final = f"{_C}prompt_details."
_O: Final = f"{_C}completion_details."

KEYS: Final = keys_of(
    {
        "kind": ("openinference.span.kind",),
        "provider": ("llm.provider", "llm.system"),
        "request_model": ("llm.request.model_name",),
        "response_model": ("llm.response.model_name", "llm.model_name", "embedding.model_name", "reranker.model_name"),
        "input": (f"{_C}prompt",),
        "output": (f"{_C}completion",),
        "total": (f"{_C}total",),
        "cache_read": (f"{_P}cache_read", f"{_P}cache_input"),
        "cache_write": (f"{_P}cache_write",),
        "input_audio": (f"{_P}audio",),
        "reasoning": (f"{_O}reasoning",),
        "output_audio": (f"{_O}audio",),
        "cost": ("llm.cost.total",),
        "finish": ("llm.finish_reason",),
    },
    GEN_AI,
)  # fmt: skip

_ROLES: Final = {"LLM": "chat", "EMBEDDING": "embeddings", "RERANKER": "rerank"}
_ID: Final = re.compile(r'"id"\s*:\s*"((?:chatcmpl|cmpl|resp|msg|gen)[-_][\w.-]{4,120})"')
_TIER: Final = re.compile(r'"service_tier"\s*:\s*"([a-z_]{2,32})"')
HEAD_CHARS: Final = 4096
TAIL_CHARS: Final = 4096


def _role(reading: Reading) -> Role | None:
    operation = _ROLES.get(reading.text("kind").upper())
    if operation is None:
        return "aggregate"
    if "operation" not in reading.fields:
        reading.put("operation", operation, "openinference.span.kind")
    return "call"


def _refine(reading: Reading) -> None:
    attributes = reading.span.attributes
    _from_output(reading, attributes.get("output.value"))
    for name in ("llm.invocation_parameters", "embedding.invocation_parameters"):
        _from_parameters(reading, attributes.get(name), name)
    _uses(reading, attributes.get("metadata"))


def digest(output: str) -> str:
    """Reduce an output to what is read from it: the response's id and tier, and no content."""
    ends = output if len(output) <= HEAD_CHARS + TAIL_CHARS else (
        f"{output[:HEAD_CHARS]} {output[-TAIL_CHARS:]}"
    )  # fmt: skip
    identity, tier = _ID.search(ends), _TIER.search(ends)
    parts = [f'"id":"{identity[1]}"'] if identity else []
    parts += [f'"service_tier":"{tier[1]}"'] if tier else []
    return f"{{{','.join(parts)}}}" if parts else ""


def _from_output(reading: Reading, output: AttributeValue) -> None:
    if not isinstance(output, str):
        return
    found = parse(digest(output))
    if not found:
        return
    identity = found.get("id")
    if "response_id" not in reading.fields and isinstance(identity, str):
        # In OpenAI's answers `msg_` is an item of a response, in Anthropic's the response itself.
        whose = vendor(reading.text("provider"), reading.text("response_model"))
        if identity.startswith("msg") == (whose in {"anthropic", "bedrock"}):
            reading.put("response_id", identity, "output.value:id")
    if "service_tier" not in reading.fields and isinstance(found.get("service_tier"), str):
        reading.put("service_tier", str(found["service_tier"]), "output.value:service_tier")


def _from_parameters(reading: Reading, value: AttributeValue, name: str) -> None:
    found = parse(value)
    if not found:
        return
    for key, target in _PARAMETERS:
        said = found.get(key)
        if target not in reading.fields and (said is True or (isinstance(said, str) and said)):
            reading.put(target, said, f"{name}:{key}")


_PARAMETERS: Final[tuple[tuple[str, TextField], ...]] = (
    ("model", "request_model"),
    ("stream", "stream"),
    ("service_tier", "requested_service_tier"),
)


def _uses(reading: Reading, value: AttributeValue) -> None:
    """Count server-side tools, which the Anthropic instrumentation puts into metadata."""
    if not isinstance(value, str) or "server_tool_use" not in value:
        return
    found = (parse(value) or {}).get("server_tool_use")
    if isinstance(found, dict):
        reading.claims.add("web_search", found.get("web_search_requests"), "metadata:web_search")
        reading.claims.add("web_fetch", found.get("web_fetch_requests"), "metadata:web_fetch")


DIALECT: Final = Dialect(
    name="openinference",
    scopes=("openinference.*",),
    marks=("openinference.span.kind",),
    keys=KEYS,
    role=_role,
    refine=_refine,
    page="openinference-instrumentation-*",
)

SMOLAGENTS: Final = Dialect(
    name="smolagents",
    scopes=("openinference.instrumentation.smolagents",),
    keys=KEYS,
    role=_role,
    refine=_refine,
    page="smolagents through OpenInference",
)
