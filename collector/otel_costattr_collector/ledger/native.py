"""ClickHouse's Native format, revision 0: one block of columns, as few bytes copied as possible.

Each encoder takes the values of one column and returns the bytes that follow its name and type.
A column that holds one value throughout, as most do, is encoded once and repeated.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Context, Decimal
from functools import cache
from itertools import accumulate, chain
from typing import Any, Final, TypeAlias

from otel_costattr.errors import BadInput

Values: TypeAlias = Sequence[Any]
Encode: TypeAlias = Callable[[Values], bytes]

_scaleb: Final = Context(prec=60).scaleb
_WHOLE: Final = Decimal(0)
_LOW_CARDINALITY_VERSION: Final = struct.pack("<Q", 1)
_NEW_DICTIONARY: Final = 1 << 9 | 1 << 10
_SHORT: Final = tuple(bytes([length]) for length in range(128))


def varint(number: int) -> bytes:
    """Encode an unsigned number as LEB128."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def string(text: str) -> bytes:
    """Encode one string: its length in bytes, then UTF-8; lone surrogates become `?`."""
    data = text.encode("utf-8", "replace")
    length = len(data)
    return (_SHORT[length] if length < len(_SHORT) else varint(length)) + data


def block(columns: Iterable[tuple[str, str, Values]], rows: int) -> bytes:
    """Encode one block.

    Args:
        columns: Name, ClickHouse type and `rows` values of each column.
        rows: How many rows.

    Raises:
        BadInput: A value does not fit its type, or a type is none of ours.
    """
    parts = [b""]
    count = 0
    for name, kind, values in columns:
        prefix, encode = codec(kind)
        try:
            data = encode(values)
        except (struct.error, OverflowError, TypeError, AttributeError, ValueError) as error:
            raise BadInput(f"column {name} of type {kind}: {error}") from error
        parts += [string(name), string(kind), prefix, data]
        count += 1
    parts[0] = varint(count) + varint(rows)
    return b"".join(parts)


@cache
def codec(kind: str) -> tuple[bytes, Encode]:
    """Look up how a type is encoded: the prefix of its state, and the encoder of its values.

    Raises:
        BadInput: The type is none of ours.
    """
    if kind in _PLAIN:
        return b"", _PLAIN[kind]
    wrapper, _, inner = kind.removesuffix(")").partition("(")
    if wrapper == "LowCardinality" and inner == "String":
        return _LOW_CARDINALITY_VERSION, _low_cardinality
    if wrapper == "Nullable":
        prefix, encode = codec(inner)
        return prefix, _nullable(encode, _DEFAULTS.get(inner, 0))
    if wrapper == "Array":
        prefix, encode = codec(inner)
        return prefix, _array(encode)
    if wrapper == "Map":
        key, value = re.split(r", (?=[A-Z])", inner, maxsplit=1)
        key_codec, value_codec = codec(key), codec(value)
        return key_codec[0] + value_codec[0], _map(key_codec[1], value_codec[1])
    raise BadInput(f"type {kind} has no encoder")


def _numbers(code: str) -> Encode:
    one = struct.Struct(f"<{code}").pack

    def encode(values: Values) -> bytes:
        if _constant(values):
            return one(values[0]) * len(values)
        return struct.pack(f"<{len(values)}{code}", *values)

    return encode


def _constant(values: Values) -> bool:
    if not values or values[0] != values[-1]:
        return False
    return values.count(values[0]) == len(values)


def _strings(values: Values) -> bytes:
    if _constant(values):
        return string(values[0]) * len(values)
    texts = [value.encode("utf-8", "replace") for value in values]
    lengths = set(map(len, texts))
    if len(lengths) == 1:
        head = varint(lengths.pop())
        return head + head.join(texts)
    heads = {length: varint(length) for length in lengths}
    return b"".join(chain.from_iterable([(heads[len(text)], text) for text in texts]))


def _decimals(values: Values) -> bytes:
    if _constant(values):
        return _pico(values[0]) * len(values)
    scaled = [_scaleb(value, 12) for value in values]
    numbers = list(map(int, scaled))
    short = min(numbers, default=0) >= 0 and max(numbers, default=0) < 1 << 63
    if not short or not all(map(_WHOLE.same_quantum, scaled)):
        return b"".join(map(_pico, values))
    halves = [0] * (2 * len(numbers))
    halves[::2] = numbers
    return struct.pack(f"<{len(halves)}q", *halves)


def _pico(amount: Decimal) -> bytes:
    scaled = _scaleb(amount, 12)
    number = int(scaled)
    if scaled != number:
        raise ValueError(f"{amount} has more than 12 decimals")
    return number.to_bytes(16, "little", signed=True)


def _low_cardinality(values: Values) -> bytes:
    rows = len(values)
    if not rows:
        return b""
    places = {value: place for place, value in enumerate(dict.fromkeys(values))}
    keys = len(places)
    size, code = _index_of(keys)
    if keys == 1:
        index = bytes(rows)
    else:
        index = struct.pack(f"<{rows}{code}", *map(places.__getitem__, values))
    head = struct.pack("<QQ", _NEW_DICTIONARY | size, keys)
    return b"".join([head, _strings(tuple(places)), struct.pack("<Q", rows), index])


def _low_cardinality_rows(rows: Sequence[tuple[str, ...]]) -> bytes:
    """Encode the values of all rows one after the other; rows that are the same are encoded once."""
    distinct = dict.fromkeys(rows)
    keys = {
        value: place for place, value in enumerate(dict.fromkeys(chain.from_iterable(distinct)))
    }
    count = sum(map(len, rows))
    if not count:
        return b""
    size, code = _index_of(len(keys))
    packed = {
        row: struct.pack(f"<{len(row)}{code}", *map(keys.__getitem__, row)) for row in distinct
    }
    head = struct.pack("<QQ", _NEW_DICTIONARY | size, len(keys))
    index = b"".join(map(packed.__getitem__, rows))
    return b"".join([head, _strings(tuple(keys)), struct.pack("<Q", count), index])


def _index_of(keys: int) -> tuple[int, str]:
    """Return the width of an index into so many keys, as the format names it and as `struct` does."""
    return (0, "B") if keys <= 1 << 8 else (1, "H") if keys <= 1 << 16 else (2, "I")


def _nullable(encode: Encode, default: object) -> Encode:
    def encode_nullable(values: Values) -> bytes:
        kinds = set(map(type, values))
        if type(None) not in kinds:
            return bytes(len(values)) + encode(values)
        if len(kinds) == 1:
            return b"\1" * len(values) + encode([default] * len(values))
        mask = bytes([value is None for value in values])
        return mask + encode([default if value is None else value for value in values])

    return encode_nullable


def _array(encode: Encode) -> Encode:
    def encode_array(values: Values) -> bytes:
        return _offsets(values) + _rows(encode, list(map(tuple, filter(None, values))))

    return encode_array


def _map(encode_keys: Encode, encode_values: Encode) -> Encode:
    def encode_map(values: Sequence[Mapping[str, str]]) -> bytes:
        filled = list(filter(None, values))
        keys = list(map(tuple, filled))
        items = [tuple(value.values()) for value in filled]
        return _offsets(values) + _rows(encode_keys, keys) + _rows(encode_values, items)

    return encode_map


def _rows(encode: Encode, rows: Sequence[tuple[str, ...]]) -> bytes:
    if encode is _low_cardinality:
        return _low_cardinality_rows(rows)
    return encode(list(chain.from_iterable(rows)))


def _offsets(values: Values) -> bytes:
    return struct.pack(f"<{len(values)}Q", *accumulate(map(len, values)))


_PLAIN: Final[Mapping[str, Encode]] = {
    "String": _strings,
    "Int64": _numbers("q"),
    "UInt64": _numbers("Q"),
    "Date": _numbers("H"),
    "DateTime64(9, 'UTC')": _numbers("q"),
    "Decimal(38, 12)": _decimals,
}
_DEFAULTS: Final[Mapping[str, object]] = {"String": "", "Decimal(38, 12)": Decimal(0)}
