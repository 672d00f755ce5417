"""Spans of our own, when they are asked for: what the collector does with the spans of others."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from otel_costattr.errors import BadSettings

from .access.binding import is_loopback

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

SERVICE: Final = "otel-costattr"
_PATH: Final = "/v1/traces"
_log: Final = logging.getLogger(__name__)


class Trace(Protocol):
    """Makes a span around a block."""

    def __call__(self, name: str, **attributes: int | str) -> AbstractContextManager[None]:
        """Time a block under this name."""


def no_trace(name: str, **attributes: int | str) -> AbstractContextManager[None]:
    """Make no span."""
    del name, attributes
    return nullcontext()


class SelfTelemetry:
    """Sends our own spans to another endpoint, never to this process.

    Args:
        endpoint: Address of OTLP over HTTP; `/v1/traces` is added to a bare one.

    Raises:
        BadSettings: The address is none, or the exporter is not installed.
    """

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise BadSettings(f"self_telemetry = {endpoint!r}: use http://HOST:4318 of a collector")
        self._host: Final = parts.hostname
        self._port: Final = parts.port or (443 if parts.scheme == "https" else 80)
        url = endpoint if parts.path.strip("/") else endpoint.rstrip("/") + _PATH
        self._provider: Final = _provider(url)
        self._tracer: Final = self._provider.get_tracer(SERVICE, version(SERVICE))

    def refuse_itself(self, host: str, ports: dict[str, int]) -> None:
        """Return unless the endpoint is one of our own ports.

        Raises:
            BadSettings: It is: each span of ours would make further ones.
        """
        same_host = self._host == host or (is_loopback(self._host) and is_loopback(host))
        everywhere = host in {"0.0.0.0", "::"} and is_loopback(self._host)  # noqa: S104 - compared
        for name, port in ports.items():
            if port == self._port and (same_host or everywhere):
                raise BadSettings(
                    f"self_telemetry leads to our own {name} port {port}: name another collector"
                )

    @contextmanager
    def trace(self, name: str, **attributes: int | str) -> Iterator[None]:
        """Time a block under this name; what it raises is told and goes on."""
        with self._tracer.start_as_current_span(name, attributes=attributes):
            yield

    def close(self) -> None:
        """Send what is left, for a few seconds at most."""
        self._provider.shutdown()


def _provider(url: str) -> TracerProvider:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - not everybody asks
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise BadSettings(
            "self_telemetry needs the exporter: pip install opentelemetry-exporter-otlp-proto-http"
        ) from error
    provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url, timeout=5)))
    return provider
