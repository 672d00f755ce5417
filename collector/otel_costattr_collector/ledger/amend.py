"""Amendments: a line is never changed; a pair with one cause takes it back and books it anew."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final

from otel_costattr.errors import BadInput
from otel_costattr_collector.ledger.columns import LINE_COLUMNS, Line
from otel_costattr_collector.ledger.entries import REVERSALS, pair_of

_PLACES: Final = {column.name: place for place, column in enumerate(LINE_COLUMNS)}
_ENTRY: Final = _PLACES["entry"]
_QUANTITIES: Final = tuple(place for place, column in enumerate(LINE_COLUMNS) if column.quantity)
_CAUSE_CHARS: Final = 200


def amendment_of(line: Line, corrected: Line, *, cause: str) -> tuple[Line, Line]:
    """Make the pair that replaces a line: the same line and cause always give the same pair.

    Args:
        line: The current head of its chain: a call, a cost or the last rebook of one.
        corrected: What the line should have been, complete in itself.
        cause: Why, 1 to 200 characters, such as `reprice:BOOK` or `late_copy:TRACE:SPAN`.

    Returns:
        The reversal, which negates every quantity of `line` under the same dimensions, and the
        rebook, which has those of `corrected` and the call of `line`.

    Raises:
        BadInput: The line is a reversal, or the cause is empty or too long.
    """
    rebook = _replaced(
        corrected,
        entry=pair_of(str(line[_ENTRY]))[1],
        amends=line[_PLACES["line_id"]],
        cause=cause,
        call_key=line[_PLACES["call_key"]],
        line_id=_amendment_id(line, "rebook", cause),
    )
    return reversal_of(line, cause=cause), rebook


def reversal_of(line: Line, *, cause: str) -> Line:
    """Take a line back: every quantity negated, every dimension the same, unknown still unknown.

    Args:
        line: The current head of its chain.
        cause: Why, 1 to 200 characters.

    Raises:
        BadInput: The line is a reversal, or the cause is empty or too long.
    """
    if line[_ENTRY] in REVERSALS:
        raise BadInput(f"line {line[_PLACES['line_id']]} is a reversal: amend what it left")
    if not 1 <= len(cause) <= _CAUSE_CHARS:
        raise BadInput(f"a cause has 1 to {_CAUSE_CHARS} characters, not {len(cause)}")
    values = list(line)
    for place in _QUANTITIES:
        values[place] = _negated(values[place])
    return _replaced(
        values,
        entry=pair_of(str(line[_ENTRY]))[0],
        amends=line[_PLACES["line_id"]],
        cause=cause,
        line_id=_amendment_id(line, "reversal", cause),
    )


def _negated(value: object) -> object:
    if isinstance(value, Decimal):
        return value.copy_negate() if value else value
    return -value if isinstance(value, int) else value


def _replaced(line: Sequence[object], **columns: object) -> Line:
    values = list(line)
    for name, value in columns.items():
        values[_PLACES[name]] = value
    return tuple(values)


def _amendment_id(line: Line, part: str, cause: str) -> str:
    text = "\0".join(("amendment", str(line[_PLACES["line_id"]]), part, cause))
    return blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest()


def select_list() -> str:
    """Write the columns of a line as SQL selects them for `from_row`: times in nanoseconds."""
    return ", ".join(_selected(column.name, column.type) for column in LINE_COLUMNS)


def _selected(name: str, kind: str) -> str:
    qualified = f"ledger.{name}"
    return f"toUnixTimestamp64Nano({qualified})" if "DateTime64" in kind else qualified


def from_row(row: Sequence[Any]) -> Line:
    """Read a line back from a row of `SELECT {select_list()} FROM ledger`.

    Raises:
        BadInput: The row has another number of columns.
    """
    if len(row) != len(LINE_COLUMNS):
        raise BadInput(f"a line has {len(LINE_COLUMNS)} columns, not {len(row)}")
    return tuple(tuple(value) if isinstance(value, list) else value for value in row)
