"""Who may do what: keys, the gate that every door asks, the address rule and TLS.

Spans and baggage are claims; a key is proof. Every door calls `Gate.authenticate` with the headers
or metadata of a request and then `Principal.require` with what the request is about to do.
"""

from __future__ import annotations

from .binding import refuse_open_binding
from .errors import AccessError, Forbidden, KeyNeeded, Unauthenticated
from .gate import ANONYMOUS, Gate, Principal
from .keys import KEYS_FILE, Key, create_key, read_keys, revoke_key
from .tls import TlsFiles

__all__ = [
    "ANONYMOUS",
    "KEYS_FILE",
    "AccessError",
    "Forbidden",
    "Gate",
    "Key",
    "KeyNeeded",
    "Principal",
    "TlsFiles",
    "Unauthenticated",
    "create_key",
    "read_keys",
    "refuse_open_binding",
    "revoke_key",
]
