"""What one query of a user may take of the machine."""

from __future__ import annotations

from dataclasses import dataclass

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlLimits:
    """The caps of one query; a user may ask for less, never for more.

    Attributes:
        max_seconds: Longest run; the engine looks at the clock between two blocks of rows.
        max_memory_bytes: Memory of one query.
        max_threads: Threads of one query.
        max_result_rows: Rows of an answer; a larger one is refused, not cut.
        max_result_bytes: Bytes of an answer before it is formatted; likewise.
        max_rows_to_read: Rows that a query may read from tables.
        max_query_bytes: Longest text.
        max_simultaneous: Queries that run at the same time; more wait.
        max_waiting: Queries that wait; more are refused with code 202.
    """

    max_seconds: int = 60
    max_memory_bytes: int = 1024 * _MIB
    max_threads: int = 2
    max_result_rows: int = 2_000_000
    max_result_bytes: int = 256 * _MIB
    max_rows_to_read: int = 2_000_000_000
    max_query_bytes: int = 128 * 1024
    max_simultaneous: int = 4
    max_waiting: int = 32
