"""One door for all signals and both formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from otel_costattr.model import Span

from ..errors import UnsupportedFormat
from . import otlp_json, protobuf
from .attributes import AttributeReader
from .intake import DEFAULT_LIMITS, Decoded, Intake, Limits, Signal
from .projection import DEFAULT_PROJECTION, Reduce

Format = Literal["protobuf", "json"]

_FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {
        "application/x-protobuf": "protobuf",
        "application/protobuf": "protobuf",
        "application/json": "json",
    }
)
_WALKERS: Final[Mapping[tuple[Signal, Format], Callable[[bytes, Intake], None]]] = MappingProxyType(
    {
        ("traces", "protobuf"): protobuf.walk_traces,
        ("traces", "json"): otlp_json.walk_traces,
        ("logs", "protobuf"): protobuf.walk_logs,
        ("logs", "json"): otlp_json.walk_logs,
        ("metrics", "protobuf"): protobuf.count_metrics,
        ("metrics", "json"): otlp_json.count_metrics,
    }
)


def format_of(content_type: str) -> Format:
    """Return the wire format that a `Content-Type` names, its parameters aside.

    Raises:
        UnsupportedFormat: OTLP has no such type.
    """
    bare = content_type.partition(";")[0].strip().lower()
    found = _FORMATS.get(bare)
    if found is None:
        raise UnsupportedFormat(
            f"content-type {bare[:60]!r}: use application/x-protobuf or application/json"
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoder:
    """Turns request bodies into spans; any thread may use it.

    Attributes:
        wanted: Whether a span tells of a GenAI call; all else is counted and left out.
        limits: How much one span may carry.
        reducer: Gives what reduces the value of an attribute of this name to the part that is
            read, None where nothing of it is.
    """

    wanted: Callable[[Span], bool]
    limits: Limits = DEFAULT_LIMITS
    reducer: Callable[[str], Reduce | None] = DEFAULT_PROJECTION.reducer
    _raw: AttributeReader = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_raw", AttributeReader(self.reducer))

    def decode(self, signal: Signal, body: bytes, format_: Format, *, now_ns: int) -> Decoded:
        """Return what an uncompressed body carries; malformed spans are rejected singly.

        Args:
            signal: Which of the three requests it is.
            body: The bytes, without content encoding.
            format_: The wire format.
            now_ns: The time of receipt, nanoseconds UTC.

        Raises:
            BadTelemetry: The bytes are not that message at all.
        """
        intake = Intake(
            limits=self.limits,
            now_ns=now_ns,
            reducer=self.reducer,
            read_raw=self._raw.read,
            wanted=self.wanted,
        )
        _WALKERS[signal, format_](body, intake)
        return intake.decoded()
