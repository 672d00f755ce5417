"""Attributes from their bytes: most are the same in span after span, so they are read once.

An attribute in the form that every exporter writes (key, then a text, number or flag) is read in
place; the protobuf library reads every other form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from struct import Struct
from types import MappingProxyType
from typing import Final, TypeAlias

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from otel_costattr.model import AttributeValue

from .intake import Intake, Malformed
from .projection import Reduce, mark

Pair: TypeAlias = "tuple[str, AttributeValue] | tuple[()]"
"""Name and value of an attribute that is kept; nothing of one that is not."""

MAX_BYTES: Final = 96
"""Longer attributes are too seldom the same to be remembered."""

MAX_REMEMBERED: Final = 16_384
"""At this number those that did not come again since the last time are forgotten: 10 MB at most."""

_MAX_NAMES: Final = 4_096
_NEVER_AGAIN: Final = frozenset({"gen_ai.response.id"})
_DROPPED: Final[Pair] = ()
_KEY, _VALUE = 0x0A, 0x12
_STRING, _BOOL, _INT, _DOUBLE = 0x0A, 0x10, 0x18, 0x21
_double: Final = Struct("<d").unpack_from


class AttributeReader:
    """Reads attributes from their bytes and remembers short ones; any thread may use it.

    Args:
        reducer: Gives what reduces the value of an attribute of this name to the part that is
            read, None where nothing of it is.
    """

    __slots__ = ("_known", "_names", "_old", "_reducer")

    def __init__(self, reducer: Callable[[str], Reduce | None]) -> None:
        self._reducer = reducer
        self._names: Final[dict[bytes, tuple[str, Reduce | None]]] = {}
        self._known: dict[bytes, Pair] = {}
        self._old: dict[bytes, Pair] = {}

    def read(self, raws: Sequence[bytes], intake: Intake) -> dict[str, AttributeValue]:
        """Return the attributes that are kept, reduced to what is read of them.

        Args:
            raws: Each a `KeyValue` as it is on the wire.
            intake: Has the limits, and counts what they remove.

        Raises:
            Malformed: One of them is no `KeyValue`.
        """
        recall = self._known.get
        found = raws[:]
        pairs = [recall(raw) if len(raw) <= MAX_BYTES else None for raw in found]
        for place, pair in enumerate(pairs):
            if pair is None:
                raw = found[place]
                old = self._old.get(raw) if len(raw) <= MAX_BYTES else None
                pairs[place] = (
                    self._read(raw, intake) if old is None else self._remembered(raw, old)
                )
        return intake.fewer(dict([pair for pair in pairs if pair]))

    def _read(self, raw: bytes, intake: Intake) -> Pair:
        length = raw[1] if len(raw) > 1 else 0x80
        end = 2 + length
        if raw[:1] != b"\n" or length > 0x7F or raw[end : end + 1] != b"\x12":
            return self._by_library(raw, intake)
        key, reduce = self._names.get(raw[2:end]) or self._named(raw[2:end])
        if reduce is None:
            return self._remembered(raw, _DROPPED)
        if reduce is mark:
            return key, True
        if len(raw) > MAX_BYTES or raw[end + 1] != len(raw) - end - 2:
            return self._by_library(raw, intake)
        value = _scalar(raw, end + 2)
        if value is None or (type(value) is str and len(value) > intake.limits.max_value_chars):
            return self._by_library(raw, intake)
        pair = (key, reduce(value))
        return pair if key in _NEVER_AGAIN else self._remembered(raw, pair)

    def _named(self, name: bytes) -> tuple[str, Reduce | None]:
        try:
            key = name.decode()
        except UnicodeDecodeError as error:
            raise Malformed(
                "bad_attribute", f"the name of an attribute is no UTF-8: {error}"
            ) from error
        if len(self._names) >= _MAX_NAMES:
            self._names.clear()
        found = self._names[name] = (key, self._reducer(key))
        return found

    def _remembered(self, raw: bytes, pair: Pair) -> Pair:
        if len(raw) <= MAX_BYTES:
            if len(self._known) >= MAX_REMEMBERED:
                self._old, self._known = self._known, {}
            self._known[raw] = pair
        return pair

    def _by_library(self, raw: bytes, intake: Intake) -> Pair:
        try:
            pair = KeyValue.FromString(raw)
        except DecodeError as error:
            raise Malformed("bad_attribute", f"an attribute is no KeyValue: {error}") from error
        reduce = self._reducer(pair.key)
        if reduce is None:
            return _DROPPED
        trimmed = intake.trimmed.total()
        found = (pair.key, reduce(_value(pair.value, intake, 1)))
        return self._remembered(raw, found) if trimmed == intake.trimmed.total() else found


def _scalar(raw: bytes, at: int) -> str | bool | int | float | None:
    """Return the text, number or flag from there to the end; None if it is anything else."""
    size = len(raw) - at
    kind = raw[at] if size > 1 else 0
    if kind == _STRING and raw[at + 1] == size - 2:
        try:
            return raw[at + 2 :].decode()
        except UnicodeDecodeError as error:
            raise Malformed("bad_attribute", f"a text value is no UTF-8: {error}") from error
    if kind == _INT and raw[-1] < 0x80:
        return _varint(raw, at + 1)
    if kind == _BOOL and size == 2 and raw[-1] <= 1:
        return raw[-1] == 1
    if kind == _DOUBLE and size == 9:
        (number,) = _double(raw, at + 1)
        return float(number)
    return None


def _varint(raw: bytes, at: int) -> int | None:
    """Return a number from there to the end; None if it ends earlier or is no 63 bits long."""
    number = raw[at] & 0x7F
    shift = 7
    for byte in raw[at + 1 :]:
        if raw[at] < 0x80 or shift > 56:
            return None
        number |= (byte & 0x7F) << shift
        shift += 7
        at += 1
    return number


def _value(value: AnyValue, intake: Intake, depth: int) -> AttributeValue:
    return _READERS.get(value.WhichOneof("value"), _nothing)(value, intake, depth)


def _nothing(_value: AnyValue, _intake: Intake, _depth: int) -> AttributeValue:
    return None


def _text(value: AnyValue, intake: Intake, _depth: int) -> AttributeValue:
    return intake.text(value.string_value)


def _bytes(value: AnyValue, intake: Intake, _depth: int) -> AttributeValue:
    return intake.octets(value.bytes_value)


def _array(value: AnyValue, intake: Intake, depth: int) -> AttributeValue:
    if not intake.deeper(depth):
        return None
    return tuple(_value(item, intake, depth + 1) for item in value.array_value.values)


def _mapping(value: AnyValue, intake: Intake, depth: int) -> AttributeValue:
    if not intake.deeper(depth):
        return None
    return {pair.key: _value(pair.value, intake, depth + 1) for pair in value.kvlist_value.values}


_Reader = Callable[[AnyValue, Intake, int], AttributeValue]
_READERS: Final[Mapping[str | None, _Reader]] = MappingProxyType(
    {
        "string_value": _text,
        "bool_value": lambda value, _intake, _depth: value.bool_value,
        "int_value": lambda value, _intake, _depth: value.int_value,
        "double_value": lambda value, _intake, _depth: value.double_value,
        "bytes_value": _bytes,
        "array_value": _array,
        "kvlist_value": _mapping,
    }
)
