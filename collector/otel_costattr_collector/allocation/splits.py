"""Splits of single lines: the shares of a call that serves several owners."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from otel_costattr.attribution.splits import SPLIT, read_split, split_dimension
from otel_costattr_collector.ledger.columns import Line

from .placing import PLACES, value_of
from .shifts import KEYS, Booked, Cell, Shift, lines_of, shift

_TAGS: Final = PLACES["tags"]
_ENTRY: Final = PLACES["entry"]
_AMOUNT: Final = PLACES["amount_usd"]


def with_splits(lines: Sequence[Line]) -> Sequence[Line]:
    """Follow the lines that serve several owners by the lines that move their shares.

    A reversal of such a line moves the shares back and a rebook moves its own, since both carry
    the tags of the line: whatever amends a line amends its split.

    Args:
        lines: Lines about to be booked.

    Returns:
        The same lines, then `allocation` lines that sum to zero for each; the argument itself if
        none is split.
    """
    moved = [found for line in lines if line[_TAGS] for found in _moves(line)]
    return (*lines, *moved) if moved else lines


def _moves(line: Line) -> Iterator[Line]:
    tags = value_of(line, "tags")
    if not any(tag.startswith(SPLIT) for tag in tags):
        return
    if line[_ENTRY] == "allocation" or not line[_AMOUNT]:
        return
    line_id = value_of(line, "line_id")
    booked = Booked(
        identity=("split", line_id),
        cause="split",
        amends=line_id,
        source_key=f"split:{line_id}",
        trace_id=value_of(line, "trace_id"),
    )
    standing = [_cell(line)]
    for tag in sorted(tags):
        dimension = split_dimension(tag)
        weights = read_split(tags[tag]) if dimension else {}
        if weights:
            shifts = [
                shift(cell, rule=tag, basis="weight", target=dimension, weights=weights)
                for cell in standing
            ]
            for moved in shifts:
                yield from lines_of(moved, booked)
            standing = _after(shifts)


def _after(shifts: Sequence[Shift]) -> list[Cell]:
    cells = [cell for moved in shifts for cell in (moved.left, *moved.parts)]
    return [cell for cell in cells if cell.amount_usd or cell.list_usd]


def _cell(line: Line) -> Cell:
    return Cell(
        event_ns=value_of(line, "event_ns"),
        values={name: value_of(line, name) for name in KEYS},
        tags=dict(value_of(line, "tags")),
        amount_usd=value_of(line, "amount_usd"),
        list_usd=value_of(line, "list_usd") or Decimal(0),
    )
