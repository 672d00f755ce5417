"""How each error looks to a sender: one table from error to gRPC and HTTP status.

    BadTelemetry
    ├── TooLarge             a body above the limit, before or after decompression
    └── UnsupportedFormat    a content type or encoding that OTLP does not have
    RetryableError
    ├── Overloaded           queues are full; nothing was kept, try again
    └── ShuttingDown         the process stops; nothing was kept, try again

Bad input is permanent, all else may be retried: an error of ours must never make a sender drop
its spans.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import grpc

from otel_costattr.errors import BadInput, BadTelemetry, PermanentError, RetryableError

from .access.errors import AccessError, Forbidden, Unauthenticated


class TooLarge(BadTelemetry):
    """The body is larger than the limit."""


class UnsupportedFormat(BadTelemetry):
    """The content type or encoding is none that OTLP has."""


class Overloaded(RetryableError):  # noqa: N818 - named by what it says, as the tree above
    """A queue is full: nothing of the request was kept."""


class ShuttingDown(RetryableError):  # noqa: N818 - likewise
    """The process is stopping: nothing of the request was kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a sender is told.

    Attributes:
        grpc_code: The gRPC status.
        http_status: The HTTP status.
        retry: Whether the same request may succeed later; the hint of how long to wait goes along.
        reason: A bounded name for metrics.
    """

    grpc_code: grpc.StatusCode
    http_status: int
    retry: bool
    reason: str


_ANSWERS: Final[tuple[tuple[type[Exception], Answer], ...]] = (
    (
        Unauthenticated,
        Answer(
            grpc_code=grpc.StatusCode.UNAUTHENTICATED,
            http_status=401,
            retry=False,
            reason="unauthenticated",
        ),
    ),
    (
        Forbidden,
        Answer(
            grpc_code=grpc.StatusCode.PERMISSION_DENIED,
            http_status=403,
            retry=False,
            reason="forbidden",
        ),
    ),
    (
        TooLarge,
        Answer(
            grpc_code=grpc.StatusCode.RESOURCE_EXHAUSTED,
            http_status=413,
            retry=False,
            reason="too_large",
        ),
    ),
    (
        UnsupportedFormat,
        Answer(
            grpc_code=grpc.StatusCode.UNIMPLEMENTED,
            http_status=415,
            retry=False,
            reason="unsupported_format",
        ),
    ),
    (
        BadInput,
        Answer(
            grpc_code=grpc.StatusCode.INVALID_ARGUMENT,
            http_status=400,
            retry=False,
            reason="bad_input",
        ),
    ),
    (
        Overloaded,
        Answer(
            grpc_code=grpc.StatusCode.RESOURCE_EXHAUSTED,
            http_status=429,
            retry=True,
            reason="overloaded",
        ),
    ),
    (
        ShuttingDown,
        Answer(
            grpc_code=grpc.StatusCode.UNAVAILABLE,
            http_status=503,
            retry=True,
            reason="shutting_down",
        ),
    ),
    (
        PermanentError,
        Answer(
            grpc_code=grpc.StatusCode.INTERNAL,
            http_status=500,
            retry=False,
            reason="refused_by_store",
        ),
    ),
    (
        Exception,
        Answer(
            grpc_code=grpc.StatusCode.UNAVAILABLE,
            http_status=503,
            retry=True,
            reason="internal",
        ),
    ),
)


def answer_to(error: Exception) -> Answer:
    """Return what a sender is told about `error`; what is unknown may be retried."""
    return next(answer for kind, answer in _ANSWERS if isinstance(error, kind))


def told(error: Exception) -> str:
    """Return the words for the sender: what was wrong with the input, or nothing of our inside."""
    if isinstance(error, BadInput | AccessError | Overloaded | ShuttingDown):
        return str(error)
    return "the collector could not keep the request; see its log"
