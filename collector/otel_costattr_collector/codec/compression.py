"""Bodies as they were before compression, never larger than the limit."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from otel_costattr.errors import BadTelemetry

from ..errors import TooLarge, UnsupportedFormat

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_GZIP: Final = 16 + zlib.MAX_WBITS
_ZSTD_WINDOW_LOG: Final = 23
"""Frames that need more than 8 MiB of window are refused, as RFC 8878 recommends."""


def decompress(body: bytes, encoding: str, *, max_bytes: int) -> bytes:
    """Return `body` without its content encoding; memory stays within `max_bytes` and a bit.

    Args:
        body: The bytes as received.
        encoding: The `Content-Encoding`: `''`, `identity`, `gzip`, `deflate` or `zstd`.
        max_bytes: Largest result.

    Raises:
        UnsupportedFormat: The encoding is another one.
        TooLarge: The result would be larger than `max_bytes`.
        BadTelemetry: The bytes are no whole stream of that encoding.
    """
    expand = _EXPANDERS.get(encoding.strip().lower())
    if expand is None:
        raise UnsupportedFormat(
            f"content-encoding {encoding[:40]!r}: use gzip, deflate, zstd or none at all"
        )
    expanded = expand(body, max_bytes)
    if len(expanded) > max_bytes:
        raise TooLarge(f"the body is larger than {max_bytes} bytes after decompression")
    return expanded


def _identity(body: bytes, _max_bytes: int) -> bytes:
    return body


def _inflate(window: int) -> Callable[[bytes, int], bytes]:
    def expand(body: bytes, max_bytes: int) -> bytes:
        stream = zlib.decompressobj(window)
        try:
            expanded = stream.decompress(body, max_bytes + 1)
        except zlib.error as error:
            raise BadTelemetry(f"the body does not decompress: {error}") from error
        _whole(done=stream.eof or len(expanded) > max_bytes)
        return expanded

    return expand


def _unzstd(body: bytes, max_bytes: int) -> bytes:
    stream = zstd.ZstdDecompressor(
        options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
    )
    try:
        expanded = stream.decompress(body, max_bytes + 1)
    except zstd.ZstdError as error:
        raise BadTelemetry(f"the body does not decompress: {error}") from error
    _whole(done=stream.eof or len(expanded) > max_bytes)
    return expanded


def _whole(*, done: bool) -> None:
    if not done:
        raise BadTelemetry("the body does not decompress: it ends in the middle of the stream")


_EXPANDERS: Final[Mapping[str, Callable[[bytes, int], bytes]]] = MappingProxyType(
    {
        "": _identity,
        "identity": _identity,
        "gzip": _inflate(_GZIP),
        "deflate": _inflate(zlib.MAX_WBITS),
        "zstd": _unzstd,
    }
)
