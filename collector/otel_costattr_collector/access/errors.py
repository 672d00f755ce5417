"""Refusals at the door.

CostattrError
└── AccessError          the sender may not do this; nothing of the request was read
    ├── Unauthenticated  no good key came along: HTTP 401, gRPC UNAUTHENTICATED
    │   └── KeyNeeded    none at all
    └── Forbidden        a good key without the right: HTTP 403, gRPC PERMISSION_DENIED
"""

from __future__ import annotations

from otel_costattr.errors import CostattrError


class AccessError(CostattrError):
    """The sender may not do what it asked for."""


class Unauthenticated(AccessError):  # noqa: N818 - named by what it says
    """No key came along, or one that is not known or was revoked."""


class KeyNeeded(Unauthenticated):
    """No key came along at all."""


class Forbidden(AccessError):  # noqa: N818 - likewise
    """The key is good, but does not carry the right that the request needs."""
