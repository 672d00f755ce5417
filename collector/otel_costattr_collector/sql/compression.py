"""Content encodings of answers: what clients of ClickHouse ask for, in their order."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, cast

import lz4.frame

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_GZIP_LEVEL: Final = 3
_WORTH_IT_BYTES: Final = 1024

_ENCODERS: Final[Mapping[str, Callable[[bytes], bytes]]] = MappingProxyType(
    {
        "lz4": lambda body: cast("bytes", lz4.frame.compress(body)),
        "zstd": zstd.compress,
        "gzip": lambda body: gzip.compress(body, compresslevel=_GZIP_LEVEL, mtime=0),
    }
)


def compressed(body: bytes, accepted: str) -> tuple[bytes, str]:
    """Return the body in the first encoding that the client accepts and its name, or `''`.

    Args:
        body: The answer.
        accepted: The request's `Accept-Encoding`.
    """
    if len(body) < _WORTH_IT_BYTES:
        return body, ""
    for offer in accepted.lower().split(","):
        name, _, quality = (part.strip() for part in offer.partition(";"))
        if name in _ENCODERS and quality.replace(" ", "") not in {"q=0", "q=0.0"}:
            return _ENCODERS[name](body), name
    return body, ""
