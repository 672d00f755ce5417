"""Ledger lines by the names of their columns: taking values, and putting others in their place."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from otel_costattr_collector.ledger.columns import LINE_COLUMNS, Line

PLACES: Final = {column.name: place for place, column in enumerate(LINE_COLUMNS)}
"""Column to its place in a line."""


def value_of(line: Line, column: str) -> Any:
    """Return what a line says in a column."""
    return line[PLACES[column]]


def placed(line: Sequence[object], **columns: object) -> Line:
    """Return the line with other values in the columns that are named."""
    values = list(line)
    for name, value in columns.items():
        values[PLACES[name]] = value
    return tuple(values)


def text(number: Decimal) -> str:
    """Write a weight or an amount for people: plainly, and no longer than it has to be."""
    return f"{number.normalize():f}" if number else "0"
