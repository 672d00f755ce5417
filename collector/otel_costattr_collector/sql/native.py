"""The two blocks of the Native format that chDB does not write for us."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_BLOCK_INFO: Final = bytes([1, 0, 2, 0xFF, 0xFF, 0xFF, 0xFF, 0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of an answer.

    Attributes:
        name: Its name.
        type: Its type.
    """

    name: bytes
    type: bytes


def empty_block(columns: Sequence[Column]) -> bytes:
    """Return names and types of an answer without rows, as revision 0 writes them."""
    head = _varint(len(columns)) + _varint(0)
    return head + b"".join(_text(column.name) + _text(column.type) for column in columns)


def hello_block(*, name: str, version: str, timezone: str) -> bytes:
    """Return the answer to `SELECT displayName(), version(), revision(), timezone()`.

    clickhouse-go reads this first answer at the revision that it asked for, and all later ones at
    the revision that stands in it. Revision 0 is the only one that chDB writes.

    Args:
        name: What the server calls itself.
        version: Version of the engine.
        timezone: Its time zone.
    """
    cells = (
        (b"displayName()", b"String", _text(name.encode())),
        (b"version()", b"String", _text(version.encode())),
        (b"revision()", b"UInt32", (0).to_bytes(4, "little")),
        (b"timezone()", b"String", _text(timezone.encode())),
    )
    columns = b"".join(_text(title) + _text(type_) + b"\0" + data for title, type_, data in cells)
    return _BLOCK_INFO + _varint(len(cells)) + _varint(1) + columns


def _text(value: bytes) -> bytes:
    return _varint(len(value)) + value


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
