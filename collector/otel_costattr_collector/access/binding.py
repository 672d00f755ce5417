"""Without keys the server listens where only this machine reaches it."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from otel_costattr.errors import BadSettings

from .keys import read_keys


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`; a name other than `localhost` may lead anywhere.

    Args:
        host: An address or a name as in the setting `host`.
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def refuse_open_binding(host: str, keys_file: Path, *, setting: str = "host") -> None:
    """Return if the server may listen on `host`: on the loopback address, or with keys.

    Args:
        host: Where it is about to listen.
        keys_file: The key file.
        setting: Named in the error.

    Raises:
        BadSettings: Strangers could reach a server that has no keys, or the key file is none.
    """
    if is_loopback(host):
        return
    if not any(not key.revoked for key in read_keys(keys_file)):
        raise BadSettings(
            f"{setting} = {host!r}: without keys the server listens on the loopback address only;"
            " make one with costattr keys create, or use 127.0.0.1"
        )
