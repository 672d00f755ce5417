"""The protobuf wire format: parsed by the protobuf library, walked once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from otel_costattr.errors import BadTelemetry
from otel_costattr.model import Attributes, AttributeValue, Event, Span

from .intake import (
    Intake,
    Malformed,
    checked_span_id,
    checked_trace_id,
    flagged,
    kept_events,
)


def walk_traces(body: bytes, intake: Intake) -> None:
    """Take every span of an `ExportTraceServiceRequest`.

    Raises:
        BadTelemetry: The bytes are no such message.
    """
    request = ExportTraceServiceRequest()
    _parse(request, body)
    for of_resource in request.resource_spans:
        resource = _attributes(of_resource.resource.attributes, intake)
        for of_scope in of_resource.scope_spans:
            scope = (of_scope.scope.name, of_scope.scope.version)
            intake.received += len(of_scope.spans)
            for wire in of_scope.spans:
                try:
                    intake.add(_span(wire, resource, scope, intake))
                except Malformed as problem:
                    intake.reject(problem)


def walk_logs(body: bytes, intake: Intake) -> None:
    """Take every record of an `ExportLogsServiceRequest`.

    Raises:
        BadTelemetry: The bytes are no such message.
    """
    request = ExportLogsServiceRequest()
    _parse(request, body)
    for of_resource in request.resource_logs:
        resource = _attributes(of_resource.resource.attributes, intake)
        for of_scope in of_resource.scope_logs:
            scope = (of_scope.scope.name, of_scope.scope.version)
            intake.received += len(of_scope.log_records)
            for wire in of_scope.log_records:
                try:
                    intake.add(_log(wire, resource, scope, intake))
                except Malformed as problem:
                    intake.reject(problem)


def count_metrics(body: bytes, intake: Intake) -> None:
    """Count the data points of an `ExportMetricsServiceRequest`.

    Raises:
        BadTelemetry: The bytes are no such message.
    """
    request = ExportMetricsServiceRequest()
    _parse(request, body)
    for of_resource in request.resource_metrics:
        for of_scope in of_resource.scope_metrics:
            intake.received += sum(map(_data_points, of_scope.metrics))


def _parse(message: Any, body: bytes) -> None:
    try:
        message.ParseFromString(body)
    except DecodeError as error:
        name = type(message).__name__
        raise BadTelemetry(f"the body is no protobuf {name}: {error}") from error


def _data_points(metric: Metric) -> int:
    kind = metric.WhichOneof("data")
    return len(getattr(metric, kind).data_points) if kind else 0


def _span(wire: WireSpan, resource: Attributes, scope: tuple[str, str], intake: Intake) -> Span:
    start_ns, end_ns, moved = intake.times(wire.start_time_unix_nano, wire.end_time_unix_nano)
    return Span(
        trace_id=checked_trace_id(wire.trace_id.hex()),
        span_id=checked_span_id(wire.span_id.hex()),
        parent_span_id=checked_span_id(wire.parent_span_id.hex(), optional=True),
        name=wire.name,
        start_ns=start_ns,
        end_ns=end_ns,
        attributes=flagged(_attributes(wire.attributes, intake), moved),
        events=_events(wire.events, intake) if wire.events else (),
        scope_name=scope[0],
        scope_version=scope[1],
        resource=resource,
        failed=wire.status.code == Status.STATUS_CODE_ERROR,
    )


def _events(events: Iterable[WireSpan.Event], intake: Intake) -> tuple[Event, ...]:
    return kept_events(
        [
            Event(
                name=event.name,
                time_ns=event.time_unix_nano,
                attributes=_attributes(event.attributes, intake),
            )
            for event in events
        ]
    )


def _log(wire: LogRecord, resource: Attributes, scope: tuple[str, str], intake: Intake) -> Span:
    at_ns = wire.time_unix_nano or wire.observed_time_unix_nano
    at_ns, _, moved = intake.times(at_ns, at_ns)
    attributes = _attributes(wire.attributes, intake)
    return Span(
        trace_id=checked_trace_id(wire.trace_id.hex(), optional=True),
        span_id=checked_span_id(wire.span_id.hex(), optional=True),
        name=wire.event_name or str(attributes.get("event.name") or ""),
        start_ns=at_ns,
        end_ns=at_ns,
        attributes=flagged(attributes, moved),
        scope_name=scope[0],
        scope_version=scope[1],
        resource=resource,
        signal="log",
    )


def _attributes(pairs: Iterable[KeyValue], intake: Intake) -> dict[str, AttributeValue]:
    reducer = intake.reducer
    found: dict[str, AttributeValue] = {}
    for pair in pairs:
        key = pair.key
        reduce = reducer(key)
        if reduce is not None:
            found[key] = reduce(_value(pair.value, intake, 1))
    return intake.fewer(found)


def _value(value: AnyValue, intake: Intake, depth: int) -> AttributeValue:
    return _READERS.get(value.WhichOneof("value"), _nothing)(value, intake, depth)


def _nothing(_value: AnyValue, _intake: Intake, _depth: int) -> AttributeValue:
    return None


def _text(value: AnyValue, intake: Intake, _depth: int) -> AttributeValue:
    return intake.text(value.string_value)


def _bytes(value: AnyValue, intake: Intake, _depth: int) -> AttributeValue:
    return intake.octets(value.bytes_value)


def _array(value: AnyValue, intake: Intake, depth: int) -> AttributeValue:
    if not intake.deeper(depth):
        return None
    return tuple(_value(item, intake, depth + 1) for item in value.array_value.values)


def _mapping(value: AnyValue, intake: Intake, depth: int) -> AttributeValue:
    if not intake.deeper(depth):
        return None
    return {pair.key: _value(pair.value, intake, depth + 1) for pair in value.kvlist_value.values}


_Reader = Callable[[AnyValue, Intake, int], AttributeValue]
_READERS: Final[Mapping[str | None, _Reader]] = MappingProxyType(
    {
        "string_value": _text,
        "bool_value": lambda value, _intake, _depth: value.bool_value,
        "int_value": lambda value, _intake, _depth: value.int_value,
        "double_value": lambda value, _intake, _depth: value.double_value,
        "bytes_value": _bytes,
        "array_value": _array,
        "kvlist_value": _mapping,
    }
)
