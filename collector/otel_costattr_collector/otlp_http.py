"""OTLP over HTTP: protobuf and JSON, answered in the format of the request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from .access import AccessError
from .codec import Format, Signal, error_body, error_status, format_of, success_body
from .errors import TooLarge, UnsupportedFormat, answer_to, told
from .ingest import Receiver
from .ingest.receiver import Request

_MEDIA: Final[Mapping[Format, str]] = MappingProxyType(
    {"protobuf": "application/x-protobuf", "json": "application/json"}
)
_SIGNALS: Final[tuple[Signal, ...]] = ("traces", "logs", "metrics")


def create_http_app(
    receiver: Receiver, *, retry_after_seconds: int, more: Sequence[Route] = ()
) -> Starlette:
    """Return the ASGI application with `POST /v1/traces`, `/v1/logs` and `/v1/metrics`.

    Args:
        receiver: Takes the requests.
        retry_after_seconds: The hint for senders that should slow down.
        more: Further routes of the same port.
    """
    return Starlette(
        routes=[
            Route(
                f"/v1/{signal}",
                _endpoint(receiver, signal, retry_after_seconds),
                methods=["POST"],
            )
            for signal in _SIGNALS
        ]
        + list(more)
    )


def _endpoint(
    receiver: Receiver, signal: Signal, retry_after_seconds: int
) -> Callable[[HttpRequest], Awaitable[Response]]:
    async def endpoint(http: HttpRequest) -> Response:
        format_: Format = "json"
        try:
            tenant = receiver.admit("http", signal, http.headers.items())
            format_ = format_of(http.headers.get("content-type", ""))
            request = Request(
                door="http",
                signal=signal,
                body=await read_body(http, receiver.max_body_bytes),
                format=format_,
                encoding=http.headers.get("content-encoding", ""),
                key_tenant=tenant,
            )
            decoded = await receiver.receive(request)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception as error:  # noqa: BLE001 - every error has its answer
            return _refusal(error, format_, retry_after_seconds)
        return Response(success_body(signal, decoded, format_), media_type=_MEDIA[format_])

    return endpoint


async def read_body(http: HttpRequest, max_bytes: int) -> bytes:
    """Return the body of a request as received.

    Raises:
        TooLarge: It has more than `max_bytes`.
    """
    declared = http.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise TooLarge(f"the body is larger than {max_bytes} bytes")
    chunks: list[bytes] = []
    size = 0
    async for chunk in http.stream():
        size += len(chunk)
        if size > max_bytes:
            raise TooLarge(f"the body is larger than {max_bytes} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _refusal(error: Exception, format_: Format, retry_after_seconds: int) -> Response:
    answer = answer_to(error)
    hint = retry_after_seconds if answer.retry else None
    status = error_status(answer.grpc_code.value[0], told(error), retry_after_seconds=hint)
    headers = {} if hint is None else {"retry-after": str(hint)}
    if isinstance(error, AccessError):
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, AccessError | TooLarge | UnsupportedFormat):
        headers["connection"] = "close"
    return Response(
        error_body(status, format_),
        status_code=answer.http_status,
        media_type=_MEDIA[format_],
        headers=headers,
    )
