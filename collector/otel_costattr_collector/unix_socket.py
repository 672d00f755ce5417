"""Unix sockets for senders on the same machine: who may open the file may send."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from grpc.aio import Server as GrpcServer

from otel_costattr.errors import BadSettings

MODE: Final = 0o660
GRPC_SUFFIX: Final = ".grpc"
_MAX_PATH: Final = 100
"""A longer path does not fit the kernel's address, the suffix included."""


def grpc_path(path: Path) -> Path:
    """Return where OTLP over gRPC listens beside OTLP over HTTP at `path`."""
    return path.with_name(path.name + GRPC_SUFFIX)


def listen_at(path: Path) -> socket.socket:
    """Return a socket that listens at a path, open to owner and group.

    Raises:
        BadSettings: Something else is there, or the path cannot be used.
    """
    clear(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _for_owner_and_group():
            listening.bind(str(path))
        path.chmod(MODE)
        listening.listen(1024)
    except OSError as error:
        listening.close()
        raise BadSettings(f"unix_socket = {path}: {error.strerror or error}") from error
    return listening


def bind_grpc(server: GrpcServer, path: Path) -> None:
    """Let a gRPC server listen at a path, open to owner and group.

    Raises:
        BadSettings: Something else is there, or the path cannot be used.
    """
    clear(path)
    try:
        with _for_owner_and_group():
            server.add_insecure_port(f"unix:{path.absolute()}")
        path.chmod(MODE)
    except (OSError, RuntimeError) as error:
        raise BadSettings(f"unix_socket = {path}: cannot listen there") from error


def clear(path: Path) -> None:
    """Remove a socket that nobody listens at any more.

    Raises:
        BadSettings: Somebody does, or it is no socket.
    """
    if len(str(path.absolute())) > _MAX_PATH:
        raise BadSettings(f"unix_socket = {path}: use a path of up to {_MAX_PATH} characters")
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise BadSettings(f"unix_socket = {path}: {error.strerror}") from error
    if not stat.S_ISSOCK(mode):
        raise BadSettings(f"unix_socket = {path}: there is something that is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(1)
        try:
            asking.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise BadSettings(f"unix_socket = {path}: another process listens there")


@contextlib.contextmanager
def _for_owner_and_group() -> Iterator[None]:
    before = os.umask(0o117)
    try:
        yield
    finally:
        os.umask(before)
