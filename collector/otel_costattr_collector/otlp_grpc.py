"""OTLP over gRPC: three services, one method each, bytes decoded off the event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final, cast

import grpc
from grpc.aio import Metadata, Server, ServicerContext

from .codec import Signal, error_status, success_body
from .errors import answer_to, told
from .ingest import Receiver
from .ingest.receiver import Request

_SERVICES: Final[Mapping[Signal, str]] = MappingProxyType(
    {
        "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
        "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
        "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
    }
)
_DETAILS: Final = "grpc-status-details-bin"

_Refusal = tuple[grpc.StatusCode, str, "Metadata"]
_Export = Callable[[bytes, "ServicerContext[bytes, bytes]"], Awaitable[bytes]]


def create_grpc_server(receiver: Receiver, *, retry_after_seconds: int) -> Server:
    """Return a server that has no port yet.

    Args:
        receiver: Takes the requests.
        retry_after_seconds: The hint for senders that should slow down.
    """
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", receiver.max_body_bytes),
            ("grpc.so_reuseport", 0),
        ]
    )
    for signal, service in _SERVICES.items():
        export = _exporter(receiver, signal, retry_after_seconds)
        method: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(export)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {"Export": method}),)
        )
    return server


def _exporter(receiver: Receiver, signal: Signal, retry_after_seconds: int) -> _Export:
    async def taken(body: bytes, context: ServicerContext[bytes, bytes]) -> bytes | _Refusal:
        try:
            tenant = receiver.admit("grpc", signal, _metadata(context))
            request = Request(door="grpc", signal=signal, body=body, key_tenant=tenant)
            return success_body(signal, await receiver.receive(request), "protobuf")
        except Exception as error:  # noqa: BLE001 - every error has its answer
            return _refusal(error, retry_after_seconds)

    async def export(body: bytes, context: ServicerContext[bytes, bytes]) -> bytes:
        answer = await taken(body, context)
        if not isinstance(answer, bytes):
            # The error of an abort and the call's context hold each other, and with them every
            # frame on the way: none may have the body, or what was refused piles up until a search
            # for cycles finds it.
            del body
            await context.abort(*answer)
        return answer

    return export


def _metadata(context: ServicerContext[bytes, bytes]) -> list[tuple[str, str | bytes]]:
    return [(str(name), value) for name, value in context.invocation_metadata() or ()]


def _refusal(error: Exception, retry_after_seconds: int) -> _Refusal:
    answer = answer_to(error)
    status = error_status(
        answer.grpc_code.value[0],
        told(error),
        retry_after_seconds=retry_after_seconds if answer.retry else None,
    )
    details = cast("Metadata", ((_DETAILS, status.SerializeToString()),))
    return answer.grpc_code, told(error), details
