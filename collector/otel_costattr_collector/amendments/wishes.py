"""What the ledger should say of a span, and the lines that make it say so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from otel_costattr.model import DIMENSIONS, Span
from otel_costattr.pricing import PriceBook

from ..ledger import Line, amendment_of, as_mapping, reversal_of
from ..ledger.columns import LINE_COLUMNS
from ..privacy.erasure import ERASED
from .recompute import priced_at

_PLACES: Final = {column.name: place for place, column in enumerate(LINE_COLUMNS)}
_IDENTITY: Final = ("trace_id", "span_id", "parent_span_id", "signal", "source_key", "call_key")
_OWNED: Final = (*DIMENSIONS, "tags", "owner_source")
_TELLING: Final = (
    *(column.name for column in LINE_COLUMNS if column.quantity and column.name != "duration_ns"),
    *DIMENSIONS,
    "tags",
    "provider",
    "model",
    "status",
)
_PEOPLE: Final = ("user", "employee")
_BOOK: Final = _PLACES["price_book"]
_OWN: Final[Mapping[str, PriceBook]] = {}
CAUSE_CHARS: Final = 180
BY_HAND: Final = "owner"
"""Key of a line's provenance that says that a file named its owners, whatever amended it since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the ledger should say of a span that it has lines of.

    Attributes:
        arrived: How the ledger names the span: `trace_id:span_id`, or its source key.
        at_ns: When something of it happened, nanoseconds UTC.
        cause: Why.
        lines: What it should say.
        make: Tells that from the heads, where it depends on them; else None.
    """

    arrived: str
    at_ns: int
    cause: str
    lines: tuple[Line, ...] = ()
    make: Callable[[Sequence[Line]], Sequence[Line]] | None = None


def ref_of(span: Span) -> str:
    """Name a span as recognition does."""
    return f"{span.trace_id}:{span.span_id}"


def granted(
    heads: Sequence[Line], wish: Wish, books: Mapping[str, PriceBook] = _OWN
) -> tuple[list[Line], tuple[Line, ...]]:
    """Make the lines that fulfil a wish.

    Args:
        heads: What the ledger says of the span now.
        wish: What it should say.
        books: Version to book, of those that calls were priced again at: their prices stay.

    Returns:
        Lines to book, none if nothing that counts differs; and the heads after that.
    """
    if not heads:
        return [], ()
    wanted = list(wish.lines if wish.make is None else wish.make(heads))
    book = next((books[v] for head in heads if (v := str(head[_BOOK])) in books), None)
    if book is not None:
        wanted = [priced_at(line, book) if _is_priced(line) else line for line in wanted]
    booked: list[Line] = []
    after: list[Line] = []
    main = sorted(heads, key=_order)
    for head, line in _matched(main, wanted):
        if head is None or line is None:
            booked += _odd(main[0], head, line, wish.cause, after)
            continue
        made = _as_head(head, line)
        if _says_the_same(head, made):
            after.append(head)
            continue
        pair = amendment_of(head, made, cause=wish.cause[:CAUSE_CHARS])
        booked += pair
        after.append(pair[1])
    return booked, tuple(after)


def _is_priced(line: Line) -> bool:
    """Tell whether a line counts: copies, and sums that do not count, have no price."""
    values = as_mapping(line)
    status = values["status"]
    return status != "duplicate_of" and (status != "aggregate" or values["amount_usd"] is not None)


def _order(line: Line) -> tuple[int, str, str]:
    values = as_mapping(line)
    calls: Any = values["calls"]
    return -calls, str(values["response_model"]), str(values["line_id"])


def _matched(
    heads: Sequence[Line], wanted: list[Line]
) -> Iterator[tuple[Line | None, Line | None]]:
    """Pair the first lines of the call, then those of the same further model."""
    yield heads[0], wanted[0] if wanted else None
    left = wanted[1:]
    for head in heads[1:]:
        model = head[_PLACES["response_model"]]
        line = next((one for one in left if one[_PLACES["response_model"]] == model), None)
        if line is not None:
            left.remove(line)
        yield head, line
    for line in left:
        yield None, line


def _odd(
    main: Line, head: Line | None, line: Line | None, cause: str, after: list[Line]
) -> Sequence[Line]:
    """Take back a line that nothing follows, or book one that nothing stood for."""
    if head is not None:
        return [reversal_of(head, cause=cause[:CAUSE_CHARS])]
    if line is None:
        return []
    model = str(line[_PLACES["response_model"]])
    own = f"{cause[:CAUSE_CHARS]}:{model}"[:200]
    rebook = amendment_of(main, _as_head(main, line), cause=own)[1]
    after.append(rebook)
    return [rebook]


def _as_head(head: Line, line: Line) -> Line:
    """Give a line the identity of a head; owners that a file named stay, and who was erased."""
    before: Mapping[str, Any] = as_mapping(head)
    made: dict[str, Any] = dict(as_mapping(line))
    by_hand = BY_HAND in before["provenance"] or before["cause"].startswith("reattribute:")
    made |= {name: before[name] for name in (*_IDENTITY, *(_OWNED if by_hand else ()))}
    if by_hand:
        made["provenance"] = {**made["provenance"], BY_HAND: "reattribute"}
    made |= {name: ERASED for name in _PEOPLE if before[name] == ERASED}
    erased = {name: value for name, value in before["tags"].items() if value == ERASED}
    if erased:
        made["tags"] = {**made["tags"], **erased}
    return tuple(made.values())


def _says_the_same(head: Line, made: Line) -> bool:
    before, after = as_mapping(head), as_mapping(made)
    return all(_plain(before[name]) == _plain(after[name]) for name in _TELLING)


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else value
