"""Sockets and the ASGI servers on them, without taking the process's signals."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Iterator
from typing import Any, Final

import uvicorn
from typing_extensions import override

from otel_costattr.errors import BadSettings

from .access import TlsFiles


def listen(host: str, port: int, *, name: str) -> socket.socket:
    """Return a listening socket; port 0 picks a free one.

    Args:
        host: Address or name.
        port: From 0 to 65535.
        name: The setting that the port comes from.

    Raises:
        BadSettings: The address cannot be listened on.
    """
    family = socket.AF_INET6 if is_ipv6(host) else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise BadSettings(f"{name} = {port}: cannot listen on {host}: {error.strerror}") from error
    # asyncio sets it on sockets with an explicit protocol only; without it an answer that is sent
    # in two pieces waits 40 ms for the peer's acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def is_ipv6(host: str) -> bool:
    """Whether `host` is a literal IPv6 address."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).version == 6
    return False


def address(host: str, port: int) -> str:
    """Return `host:port`, with brackets where IPv6 needs them."""
    return f"[{host}]:{port}" if is_ipv6(host) else f"{host}:{port}"


class AsgiServer:
    """One ASGI application on one socket, in the running event loop.

    Args:
        app: The application.
        listening: Its socket; closed with the server.
        grace_seconds: How long a stop waits for open requests.
        tls: Files to speak TLS with; None for plain HTTP.
    """

    def __init__(
        self,
        app: Any,
        listening: socket.socket,
        *,
        grace_seconds: float,
        tls: TlsFiles | None = None,
    ) -> None:
        self._socket: Final = listening
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=max(1, round(grace_seconds)),
            **(tls.uvicorn_arguments() if tls else {}),
        )
        config.load()
        if tls and config.ssl:
            tls.follow_renewals(config.ssl)
        self._server: Final = _Unsignalled(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        port: int = self._socket.getsockname()[1]
        return port

    def start(self) -> None:
        """Begin to serve."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))

    async def stop(self) -> None:
        """Accept nothing more and return once open requests are answered."""
        if self._task is not None:
            self._server.should_exit = True
            await self._task


class _Unsignalled(uvicorn.Server):
    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
