"""Fuzz the decoder, guided by coverage: `python tests/codec/fuzz.py [CORPUS] [libFuzzer options]`.

The first byte chooses signal and format, the rest is the body. Only `BadTelemetry` may come out;
what was decoded is assessed, which may raise nothing. libFuzzer watches over time and memory.
"""

from __future__ import annotations

import sys
from typing import Final

import atheris

with atheris.instrument_imports(include=["otel_costattr", "otel_costattr_collector"]):
    from otel_costattr_collector.codec import Decoder, Format, Signal, decompress

    from otel_costattr.assess import assess_all
    from otel_costattr.errors import BadTelemetry
    from otel_costattr.pricing import shipped_book
    from otel_costattr.usage import is_genai

NOW_NS: Final = 1_790_000_060_000_000_000
CHOICES: Final[tuple[tuple[Signal, Format], ...]] = (
    ("traces", "protobuf"),
    ("traces", "json"),
    ("logs", "protobuf"),
    ("logs", "json"),
    ("metrics", "protobuf"),
    ("metrics", "json"),
)
ENCODINGS: Final = ("", "gzip", "zstd", "deflate")
DECODER: Final = Decoder(wanted=is_genai)
MAX_BYTES: Final = 1_000_000


def one_input(data: bytes) -> None:
    """Decode one body; whatever is no telemetry is refused as such."""
    if not data:
        return
    signal, format_ = CHOICES[data[0] % len(CHOICES)]
    encoding = ENCODINGS[data[0] // len(CHOICES) % len(ENCODINGS)]
    try:
        body = decompress(data[1:], encoding, max_bytes=MAX_BYTES)
        found = DECODER.decode(signal, body, format_, now_ns=NOW_NS)
    except BadTelemetry:
        return
    assess_all(found.spans, book=shipped_book())


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
