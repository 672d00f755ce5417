"""HTTP to this machine: one client for all tests, a connection a request.

`httpx.get` reads every certificate authority of the machine for each request, 28 ms of processor
time; a client does once, or not at all where it is told that there is no TLS.
"""

from __future__ import annotations

import ssl
from typing import Final

import httpx

NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
HTTP: Final = httpx.Client(
    verify=NO_TLS, timeout=30, limits=httpx.Limits(max_keepalive_connections=0)
)
