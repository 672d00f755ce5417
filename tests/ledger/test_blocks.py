"""Blocks: bounded, of few months, the same bytes for the same lines."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from assessed import assessed
from otel_costattr_collector.ledger import Line, encode, lines_of, split
from otel_costattr_collector.ledger.blocks import month_of
from otel_costattr_collector.ledger.columns import LINE_COLUMNS

from otel_costattr.errors import BadInput

S = 1_000_000_000


def _line_at(year: int, month: int, number: int = 1) -> Line:
    start = int(datetime(year, month, 15, tzinfo=UTC).timestamp()) * S
    return lines_of(assessed(number, start_ns=start))[0]


def test_the_same_lines_give_the_same_bytes() -> None:
    """A block is a function of its arguments, so that a retry is byte for byte the same."""
    lines = [_line_at(2026, 9), _line_at(2026, 10, 2)]
    first = encode(lines, batch_id=7, recorded_ns=1)

    assert encode(lines, batch_id=7, recorded_ns=1) == first
    assert (first.rows, first.partitions, first.token) == (2, (202609, 202610), "0000000000000007")


def test_thirteen_months_are_split_in_two() -> None:
    """A block holds at most 12 monthly partitions, and no line is lost in splitting."""
    lines = [_line_at(2025 + number // 12, number % 12 + 1, number + 1) for number in range(13)]
    groups = split(reversed(lines))

    assert [len(group) for group in groups] == [12, 1]
    assert [line for group in groups for line in group] == [*reversed(lines[:12]), lines[12]]
    with pytest.raises(BadInput, match="13 months in a block"):
        encode(lines, batch_id=1, recorded_ns=1)


def test_lines_beyond_the_row_bound_are_split() -> None:
    """5 lines in groups of 2 are 3 groups, in order."""
    lines = [_line_at(2026, 9, number) for number in range(1, 6)]

    assert [len(group) for group in split(lines, max_rows=2)] == [2, 2, 1]
    assert [line for group in split(lines, max_rows=2) for line in group] == lines


@pytest.mark.parametrize("max_rows", [0, 50_001])
def test_a_group_size_that_no_block_takes_is_refused(max_rows: int) -> None:
    """Groups hold 1 to 50,000 lines."""
    with pytest.raises(BadInput, match="use 1 to 50000"):
        split([], max_rows=max_rows)


def test_no_line_makes_no_group_and_no_block() -> None:
    """Nothing to write is nothing to insert."""
    assert split([]) == ()
    with pytest.raises(BadInput, match="0 lines in a block"):
        encode([], batch_id=1, recorded_ns=1)


def test_a_value_that_does_not_fit_names_its_column() -> None:
    """The refusal says which column was wrong."""
    with pytest.raises(BadInput, match="column batch_id of type UInt64"):
        encode([_line_at(2026, 9)], batch_id=2**64, recorded_ns=1)


def test_a_time_that_is_no_number_is_refused() -> None:
    """A line without an event time belongs to no month."""
    with pytest.raises(BadInput, match="event_ns is None"):
        month_of((None,) * len(LINE_COLUMNS))


def test_times_outside_of_the_range_are_clamped() -> None:
    """A span from before 1970 or after 2262 lands at the edge of what the engine can hold."""
    early = lines_of(assessed(start_ns=-1))[0]
    late = lines_of(assessed(start_ns=2**70))[0]

    assert (month_of(early), month_of(late)) == (197001, 226204)
