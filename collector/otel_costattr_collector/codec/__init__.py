"""OTLP bytes in, spans out: both wire formats, bounded, with malformed spans rejected singly."""

from __future__ import annotations

from .compression import decompress
from .decoder import Decoder, Format, format_of
from .intake import Decoded, Limits, Signal
from .responses import error_body, error_status, success_body

__all__ = [
    "Decoded",
    "Decoder",
    "Format",
    "Limits",
    "Signal",
    "decompress",
    "error_body",
    "error_status",
    "format_of",
    "success_body",
]
