"""What a sender gets back: the responses of OTLP, whole and partial success, and errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from .decoder import Format
from .intake import Decoded, Signal

_RESPONSES: Final[Mapping[Signal, tuple[Callable[[], Any], str]]] = MappingProxyType(
    {
        "traces": (ExportTraceServiceResponse, "rejected_spans"),
        "logs": (ExportLogsServiceResponse, "rejected_log_records"),
        "metrics": (ExportMetricsServiceResponse, "rejected_data_points"),
    }
)


def success_body(signal: Signal, decoded: Decoded, format_: Format) -> bytes:
    """Return the body of a success: empty, or saying how many were rejected and why."""
    make, counter = _RESPONSES[signal]
    response = make()
    rejected = sum(decoded.rejected.values())
    if rejected:
        setattr(response.partial_success, counter, rejected)
        response.partial_success.error_message = decoded.message
    return _written(response, format_)


def error_status(code: int, message: str, *, retry_after_seconds: int | None) -> Status:
    """Return a `google.rpc.Status`, with a `RetryInfo` where the sender may try again.

    Args:
        code: The number of the gRPC status.
        message: What was wrong.
        retry_after_seconds: How long to wait; None where trying again is no use.
    """
    status = Status(code=code, message=message)
    if retry_after_seconds is not None:
        hint = RetryInfo(retry_delay=Duration(seconds=retry_after_seconds))
        status.details.add().Pack(hint)
    return status


def error_body(status: Status, format_: Format) -> bytes:
    """Return the status in the format of the request."""
    return _written(status, format_)


def _written(message: Message, format_: Format) -> bytes:
    if format_ == "protobuf":
        return message.SerializeToString()
    return MessageToJson(message, indent=None).encode()
