"""Builds OTLP requests for tests: protobuf messages and the same as OTLP/JSON."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from otel_costattr.model import Attributes, AttributeValue
from otel_costattr.testing import START_NS

NOW_NS = START_NS + 60 * 10**9
"""A minute after the start of the built spans."""

CALL: Attributes = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 200,
}
"""One chat call: 1,000 tokens in, 200 out."""


def wire_span(attributes: Attributes = CALL, *, number: int = 1, **fields: object) -> Span:
    """Build a span as it is on the wire, with ids made from `number`."""
    base: dict[str, object] = {
        "trace_id": number.to_bytes(16, "big"),
        "span_id": number.to_bytes(8, "big"),
        "name": "chat gpt-4o-mini",
        "start_time_unix_nano": START_NS,
        "end_time_unix_nano": START_NS + 10**9,
        "attributes": pairs(attributes),
    }
    return Span(**(base | fields))  # type: ignore[arg-type]


def calls(count: int, *, first: int = 1, attributes: Attributes = CALL) -> list[Span]:
    """Build `count` spans of one call each, with response ids and span ids counted from `first`."""
    return [
        wire_span({**attributes, "gen_ai.response.id": f"r-{number}"}, number=number)
        for number in range(first, first + count)
    ]


def traces(*spans: Span, resource: Attributes | None = None) -> ExportTraceServiceRequest:
    """Build one export request of spans that share resource and scope."""
    scope = ScopeSpans(scope=InstrumentationScope(name="tests", version="1.0"), spans=spans)
    of_resource = ResourceSpans(
        resource=Resource(attributes=pairs(resource or {"service.name": "tests"})),
        scope_spans=[scope],
    )
    return ExportTraceServiceRequest(resource_spans=[of_resource])


def logs(*records: LogRecord) -> ExportLogsServiceRequest:
    """Build one export request of log records."""
    scope = ScopeLogs(scope=InstrumentationScope(name="tests"), log_records=records)
    return ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[scope])])


def pairs(attributes: Attributes) -> list[KeyValue]:
    """Build attributes as they are on the wire."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def any_value(value: AttributeValue) -> AnyValue:  # noqa: PLR0911 - one return a kind
    """Build one attribute value as it is on the wire."""
    match value:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case Mapping():
            return AnyValue(kvlist_value=KeyValueList(values=pairs(value)))
        case Sequence():
            return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))


_IDS = {"traceId", "spanId", "parentSpanId"}


def otlp_json(message: Message) -> bytes:
    """Return a request as OTLP/JSON: like protobuf's JSON, but with ids in hex."""
    return json.dumps(_hex_ids(MessageToDict(message))).encode()


def _hex_ids(value: object) -> object:
    if isinstance(value, dict):
        return {
            key: base64.b64decode(item).hex() if key in _IDS else _hex_ids(item)
            for key, item in value.items()
        }
    return [_hex_ids(item) for item in value] if isinstance(value, list) else value


def gzipped(body: bytes) -> bytes:
    """Return a gzip stream of `body`."""
    return gzip.compress(body, compresslevel=1)
