"""What takes telemetry, as one record, and the limits that all of it holds to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from grpc.aio import Server as GrpcServer

from .access import KEYS_FILE, Gate, refuse_open_binding
from .access.binding import is_loopback
from .codec import Limits
from .events import EventDoor
from .ingest import Receiver
from .servers import AsgiServer
from .settings import Settings

_NS: Final = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What takes telemetry.

    Attributes:
        receiver: Behind both.
        grpc: The gRPC server.
        grpc_port: Where it listens.
        http: The HTTP server.
        unix: The same on a Unix socket, or None.
        events: Takes posted events, on two ports.
    """

    receiver: Receiver
    grpc: GrpcServer
    grpc_port: int
    http: AsgiServer
    unix: AsgiServer | None
    events: EventDoor


def limits_of(settings: Settings) -> Limits:
    """Return how much one span may carry, and when it may have started."""
    return Limits(
        max_attributes=settings.max_attributes,
        max_value_chars=settings.max_value_chars,
        max_depth=settings.max_depth,
        max_age_ns=settings.max_age_days * 86_400 * _NS,
        max_ahead_ns=round(settings.max_ahead_seconds * _NS),
    )


def open_gate(settings: Settings) -> Gate:
    """Return the gate over the keys in the data folder.

    Raises:
        BadSettings: Strangers could reach a server that has no keys.
    """
    keys = settings.data / KEYS_FILE
    refuse_open_binding(settings.host, keys)
    return Gate(
        keys,
        open_without_keys=is_loopback(settings.host),
        read_min_group=settings.read_min_group,
    )
