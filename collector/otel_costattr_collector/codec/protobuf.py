"""The protobuf wire format: parsed by the protobuf library, walked once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from otel_costattr.errors import BadTelemetry
from otel_costattr.model import Attributes, Event, Span

from .intake import (
    Intake,
    Malformed,
    checked_span_id,
    checked_trace_id,
    flagged,
    kept_events,
)
from .messages import message_class
from .quick import QuickSpan
from .token_points import points_of

_TRACES: Final = message_class("Traces")
_LOGS: Final = message_class("Logs")
_ERROR: Final = 2
_Build: TypeAlias = Callable[[Any, Attributes, tuple[str, str], Intake], Span]


def walk_traces(body: bytes, intake: Intake) -> None:
    """Take every span of an `ExportTraceServiceRequest`.

    Raises:
        BadTelemetry: The bytes are no such message.
    """
    request = _TRACES()
    _parse(request, body, "ExportTraceServiceRequest")
    _walk(request, intake, _span)


def walk_logs(body: bytes, intake: Intake) -> None:
    """Take every record of an `ExportLogsServiceRequest`.

    Raises:
        BadTelemetry: The bytes are no such message.
    """
    request = _LOGS()
    _parse(request, body, "ExportLogsServiceRequest")
    _walk(request, intake, _log)


def _walk(request: Any, intake: Intake, build: _Build) -> None:
    for of_resource in request.resources:
        try:
            resource = intake.attributes(of_resource.resource.attributes)
        except Malformed as problem:
            raise BadTelemetry(f"a resource is malformed: {problem}") from problem
        for of_scope in of_resource.scopes:
            scope = (of_scope.scope.name, of_scope.scope.version)
            intake.received += len(of_scope.items)
            for wire in of_scope.items:
                try:
                    intake.add(build(wire, resource, scope, intake))
                except Malformed as problem:
                    intake.reject(problem)


def count_metrics(body: bytes, intake: Intake) -> None:
    """Count the data points of an `ExportMetricsServiceRequest` and keep those of tokens.

    Raises:
        BadTelemetry: The bytes are no such message.
    """
    request = ExportMetricsServiceRequest()
    _parse(request, body, "ExportMetricsServiceRequest")
    for of_resource in request.resource_metrics:
        resource = of_resource.resource.attributes
        for of_scope in of_resource.scope_metrics:
            intake.received += sum(map(_data_points, of_scope.metrics))
            for metric in of_scope.metrics:
                intake.points += points_of(metric, resource, of_scope.scope.name)


def _parse(message: Any, body: bytes, name: str) -> None:
    try:
        message.ParseFromString(body)
    except DecodeError as error:
        raise BadTelemetry(f"the body is no protobuf {name}: {error}") from error


def _data_points(metric: Metric) -> int:
    kind = metric.WhichOneof("data")
    return len(getattr(metric, kind).data_points) if kind else 0


def _span(wire: Any, resource: Attributes, scope: tuple[str, str], intake: Intake) -> Span:
    start_ns, end_ns, moved = intake.times(wire.start_time_unix_nano, wire.end_time_unix_nano)
    made = QuickSpan(
        checked_trace_id(wire.trace_id.hex()),
        checked_span_id(wire.span_id.hex()),
        checked_span_id(wire.parent_span_id.hex(), optional=True),
        wire.name,
        start_ns,
        end_ns,
        flagged(intake.attributes(wire.attributes), moved),
        _events(wire.events, intake) if wire.events else (),
        scope,
        resource,
        wire.HasField("status") and wire.status.code == _ERROR,
        "span",
    )
    return cast("Span", made)


def _events(events: Any, intake: Intake) -> tuple[Event, ...]:
    return kept_events(
        [
            Event(
                name=event.name,
                time_ns=event.time_unix_nano,
                attributes=intake.attributes(event.attributes),
            )
            for event in events
        ]
    )


def _log(wire: Any, resource: Attributes, scope: tuple[str, str], intake: Intake) -> Span:
    at_ns = wire.time_unix_nano or wire.observed_time_unix_nano
    at_ns, _, moved = intake.times(at_ns, at_ns)
    attributes = intake.attributes(wire.attributes)
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
