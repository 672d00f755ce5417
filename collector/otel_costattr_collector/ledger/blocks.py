"""Batches as the store takes them: one Native block each, of bounded size and few months."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from otel_costattr.errors import BadInput
from otel_costattr_collector.ledger import native
from otel_costattr_collector.ledger.columns import COLUMNS, LINE_COLUMNS, Line

MAX_ROWS: Final = 50_000
"""Rows in a block: no engine setting of ours splits so few, and one block is one token."""

MAX_MONTHS: Final = 12
"""Monthly partitions in a block; the engine refuses a block of more than 100 parts."""

TABLE: Final = "ledger"
_EVENT: Final = [column.name for column in LINE_COLUMNS].index("event_ns")
_DAY_NS: Final = 86_400 * 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One batch, ready to be inserted any number of times.

    Attributes:
        batch_id: Its number, unique among all writers, 0 to 2**64 - 1.
        rows: How many ledger lines it holds.
        data: One Native block.
        partitions: The months it touches, such as 202611, ascending.
    """

    batch_id: int
    rows: int
    data: bytes
    partitions: tuple[int, ...]

    @property
    def token(self) -> str:
        """The deduplication token: the batch id as 16 hex digits."""
        return f"{self.batch_id:016x}"


def encode(lines: Sequence[Line], *, batch_id: int, recorded_ns: int) -> Block:
    """Encode lines as one block; the same arguments give the same bytes.

    Args:
        lines: 1 to `MAX_ROWS` lines in at most `MAX_MONTHS` months: one part of `split()`.
        batch_id: Number of the batch, 0 to 2**64 - 1.
        recorded_ns: When it is recorded, nanoseconds UTC.

    Raises:
        BadInput: The lines are too many, in too many months, or a value does not fit its column.
    """
    partitions = tuple(sorted({month_of(line) for line in lines}))
    if not 1 <= len(lines) <= MAX_ROWS:
        raise BadInput(f"{len(lines)} lines in a block: split() makes blocks of 1 to {MAX_ROWS}")
    if len(partitions) > MAX_MONTHS:
        raise BadInput(f"{len(partitions)} months in a block: split() allows {MAX_MONTHS}")
    rows = len(lines)
    given = {"batch_id": [batch_id] * rows, "recorded_ns": [recorded_ns] * rows}
    taken = iter(zip(*lines, strict=True))
    columns = [
        (column.name, column.type, given.get(column.name) or next(taken)) for column in COLUMNS
    ]
    return Block(
        batch_id=batch_id, rows=rows, data=native.block(columns, rows), partitions=partitions
    )


def split(lines: Iterable[Line], *, max_rows: int = MAX_ROWS) -> tuple[tuple[Line, ...], ...]:
    """Divide lines into groups that `encode` takes, in order of month, losing none.

    Args:
        lines: Any lines.
        max_rows: Lines in a group, 1 to `MAX_ROWS`.
    """
    if not 1 <= max_rows <= MAX_ROWS:
        raise BadInput(f"max_rows is {max_rows}: use 1 to {MAX_ROWS}")
    return tuple(_groups(list(lines), max_rows))


def _groups(lines: list[Line], max_rows: int) -> Iterator[tuple[Line, ...]]:
    distinct = sorted({month_of(line) for line in lines})
    for first in range(0, len(distinct), MAX_MONTHS):
        months = set(distinct[first : first + MAX_MONTHS])
        group = [line for line in lines if month_of(line) in months]
        for start in range(0, len(group), max_rows):
            yield tuple(group[start : start + max_rows])


def month_of(line: Line) -> int:
    """Say which partition a line falls into, such as 202611."""
    event_ns = line[_EVENT]
    if not isinstance(event_ns, int):
        raise BadInput(f"event_ns is {event_ns!r}: use nanoseconds UTC")
    return _month_of_day(event_ns // _DAY_NS)


def months_between(first_ns: int, last_ns: int) -> Iterator[int]:
    """Name the partitions that a period touches.

    Args:
        first_ns: Its start, nanoseconds UTC.
        last_ns: Its end, exclusive.
    """
    days = range(first_ns // _DAY_NS, (last_ns - 1) // _DAY_NS + 1)
    yield from sorted({_month_of_day(day) for day in days})


@lru_cache(maxsize=4096)
def _month_of_day(day: int) -> int:
    date = datetime.fromtimestamp(day * 86_400, tz=UTC)
    return date.year * 100 + date.month
