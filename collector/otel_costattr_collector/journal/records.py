"""Records of the journal and how they look on disk.

A record is its kind (1 byte), the length of its payload (4), a checksum over both and the payload
(4), then the payload; numbers are big-endian. What is cut short or damaged does not pass.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from otel_costattr.model import Span

from ..ledger import Block
from .spans import spans_from_json, spans_to_json

_HEAD: Final = struct.Struct(">BII")
_LENGTH: Final = struct.Struct(">BI")
_HEADER_LENGTH: Final = struct.Struct(">I")
_SPANS, _FROZEN, _DONE = 1, 2, 3
_encode: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode

MAX_PAYLOAD_BYTES: Final = 1024 * 1024 * 1024
"""A length above this is damage, not a record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpansRecord:
    """Spans that were received together.

    Attributes:
        number: Counts these records; unique in a journal for ever.
        received_ns: When they came, nanoseconds UTC.
        key_tenant: The tenant that the sender's key proves, or `''`.
        spans: The spans, reduced to what is read.
    """

    number: int
    received_ns: int
    key_tenant: str
    spans: tuple[Span, ...]


Took: TypeAlias = Mapping[int, tuple[int, ...]]
"""Number of a `SpansRecord` to the places of its spans; an empty tuple means all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenRecord:
    """Blocks that were made of spans, complete and for good; they share one fate on disk.

    Attributes:
        took: The spans that they were made of, those without a row included.
        blocks: The blocks; their bytes are inserted as they stand here, however often.
    """

    took: Took
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneRecord:
    """A block needs no more inserting.

    Attributes:
        batch_id: Of the block.
    """

    batch_id: int


Record: TypeAlias = SpansRecord | FrozenRecord | DoneRecord


def framed(record: Record) -> bytes:
    """Return a record as it is on disk."""
    kind, payload = _packed(record)
    checksum = zlib.crc32(payload, zlib.crc32(_LENGTH.pack(kind, len(payload))))
    return _HEAD.pack(kind, len(payload), checksum) + payload


def next_record(data: memoryview, offset: int) -> tuple[Record, int] | None:
    """Return the record at `offset` and where the next one begins; None if it is not whole.

    Args:
        data: A segment.
        offset: Where a record begins.
    """
    if offset + _HEAD.size > len(data):
        return None
    kind, length, checksum = _HEAD.unpack_from(data, offset)
    start = offset + _HEAD.size
    if length > MAX_PAYLOAD_BYTES or start + length > len(data):
        return None
    payload = data[start : start + length]
    if zlib.crc32(payload, zlib.crc32(_LENGTH.pack(kind, length))) != checksum:
        return None
    unpack = _UNPACKERS.get(kind)
    return (unpack(bytes(payload)), start + length) if unpack else None


def _packed(record: Record) -> tuple[int, bytes]:
    match record:
        case SpansRecord():
            head = {
                "number": record.number,
                "received_ns": record.received_ns,
                "key_tenant": record.key_tenant,
                "spans": spans_to_json(record.spans),
            }
            return _SPANS, _json(head)
        case FrozenRecord():
            head = {
                "took": {str(number): places for number, places in record.took.items()},
                "blocks": [_block_to_json(block) for block in record.blocks],
            }
            packed = _json(head)
            data = b"".join(block.data for block in record.blocks)
            return _FROZEN, _HEADER_LENGTH.pack(len(packed)) + packed + data
        case DoneRecord():
            return _DONE, _json({"batch_id": record.batch_id})


def _json(value: object) -> bytes:
    return _encode(value).encode()


def _block_to_json(block: Block) -> dict[str, object]:
    return {
        "batch_id": block.batch_id,
        "rows": block.rows,
        "partitions": block.partitions,
        "bytes": len(block.data),
    }


def _spans_record(payload: bytes) -> SpansRecord:
    head = json.loads(payload)
    return SpansRecord(
        number=head["number"],
        received_ns=head["received_ns"],
        key_tenant=head["key_tenant"],
        spans=spans_from_json(head["spans"]),
    )


def _frozen_record(payload: bytes) -> FrozenRecord:
    (length,) = _HEADER_LENGTH.unpack_from(payload)
    offset = _HEADER_LENGTH.size + length
    head = json.loads(payload[_HEADER_LENGTH.size : offset])
    blocks = []
    for about in head["blocks"]:
        size = about["bytes"]
        blocks.append(
            Block(
                batch_id=about["batch_id"],
                rows=about["rows"],
                data=payload[offset : offset + size],
                partitions=tuple(about["partitions"]),
            )
        )
        offset += size
    took = {int(number): tuple(places) for number, places in head["took"].items()}
    return FrozenRecord(took=took, blocks=tuple(blocks))


def _done_record(payload: bytes) -> DoneRecord:
    return DoneRecord(batch_id=json.loads(payload)["batch_id"])


_UNPACKERS: Final[Mapping[int, Callable[[bytes], Record]]] = MappingProxyType(
    {_SPANS: _spans_record, _FROZEN: _frozen_record, _DONE: _done_record}
)
