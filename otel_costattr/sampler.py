"""Cost without traces: model calls that a sampler drops are still recorded, though not exported.

`CostSampler` records them, and `CostSpanProcessor(..., unsampled=CallLog(...))` writes what each
used as one compact log record, so that 1 % of the traces still tell 100 % of the cost.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final, cast

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, NonRecordingSpan, SpanKind, TraceState

from otel_costattr.attribution.names import TAG_PREFIX
from otel_costattr.attribution.rules import DEFAULT_RULES, OwnerRules
from otel_costattr.costs import NAME as COST_NAME
from otel_costattr.costs import names as cost_names
from otel_costattr.errors import BadSettings
from otel_costattr.guest import override
from otel_costattr.model import Attributes
from otel_costattr.usage import looks_like_genai
from otel_costattr.usage.dialects import DIALECTS
from otel_costattr.usage.reader import INFERENCE_DETAILS

CALL_NAMES: Final = (
    *("chat", "chat *", "text_completion*", "embeddings*", "generate_content*", "responses *"),
    *("openai.*", "anthropic.*", "cohere.*", "bedrock.*", "gemini.*", "mistral*", "ollama.*"),
    *("ChatCompletion", "CreateEmbedding*", "Messages", "Chat Completion with *"),
)
"""How instrumentations name spans of model calls; some say no more than that at the start."""

MAX_TEXT_CHARACTERS: Final = 4096

_ANSWERS: Final = frozenset({"output.value", "genkit:output"})
"""Objects that hold usage beside the answer's text."""


class CostSampler(Sampler):
    """Lets another sampler decide what is exported, and records dropped model calls all the same.

    A sampler sees what a span has when it starts. A call is recognised by its first attributes or
    by its name; an instrumentation that says neither at the start needs a pattern in `names`.
    """

    def __init__(self, inner: Sampler, *, names: tuple[str, ...] = CALL_NAMES) -> None:
        """Keep the sampler that decides.

        Args:
            inner: Decides what is exported, such as `ParentBased(TraceIdRatioBased(0.01))`.
            names: Patterns of span names (`*`, `?`) that mean a model call.
        """
        self._inner = inner
        self._names = names

    @override
    def should_sample(  # noqa: PLR0917 - the SDK's signature
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Any = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Decide as the inner sampler does, but record a model call instead of dropping it."""
        found = self._inner.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )
        if found.decision is not Decision.DROP or not self._is_call(name, attributes or {}):
            return found
        return SamplingResult(Decision.RECORD_ONLY, attributes, found.trace_state)

    @override
    def get_description(self) -> str:
        """Name this sampler and the one inside."""
        return f"CostSampler{{{self._inner.get_description()}}}"

    def _is_call(self, name: str, attributes: Attributes) -> bool:
        return name == COST_NAME or looks_like_genai("", name, attributes) or self._is_named(name)

    def _is_named(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self._names)


class CallLog:
    """Writes what a call used as one compact log record, without any prompt or answer.

    The record is an event `gen_ai.client.inference.operation.details` with the trace and span id of
    the call and its start as time stamp, which the collector prices like a span, once.
    """

    def __init__(self, provider: object, *, rules: OwnerRules = DEFAULT_RULES) -> None:
        """Find out whether this OpenTelemetry can write events.

        Args:
            provider: A `LoggerProvider` of the OpenTelemetry SDK.
            rules: What else of a span names its owner.

        Raises:
            BadSettings: The Logs API of the installed version is too old to write events.
        """
        self._provider = cast("Any", provider)
        emit = self._provider.get_logger("otel_costattr").emit
        if "event_name" not in inspect.signature(emit).parameters:
            raise BadSettings(
                "CallLog needs a Logs API that writes events: opentelemetry-sdk 1.39 or newer"
            )
        self._kept = frozenset(
            {
                *(name for dialect in DIALECTS for name in dialect.keys),
                *(name for dialect in DIALECTS for name, _ in dialect.objects),
                *rules.known,
                *cost_names.ALL,
            }
            - _ANSWERS
        )

    def write(self, span: ReadableSpan, owner: Mapping[str, str]) -> None:
        """Write one call.

        Args:
            span: The span of the call, which has ended.
            owner: Its owner as attributes.
        """
        scope = span.instrumentation_scope
        logger = self._provider.get_logger(
            scope.name if scope is not None else "", scope.version if scope is not None else None
        )
        context = span.get_span_context()
        attributes = {
            name: value
            for name, value in (span.attributes or {}).items()
            if self._keeps(name, value)
        }
        logger.emit(
            timestamp=span.start_time,
            observed_timestamp=span.end_time,
            context=trace.set_span_in_context(NonRecordingSpan(context)) if context else None,
            attributes={**attributes, **owner},
            event_name=COST_NAME if span.name == COST_NAME else INFERENCE_DETAILS,
        )

    def _keeps(self, name: str, value: object) -> bool:
        if name not in self._kept and not name.startswith(TAG_PREFIX):
            return False
        return isinstance(value, bool | int | float) or (
            isinstance(value, str) and len(value) <= MAX_TEXT_CHARACTERS
        )
