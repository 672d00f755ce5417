"""A shift: an amount that leaves one place, the parts that arrive at others, and their lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final

from otel_costattr.model import DIMENSIONS
from otel_costattr_collector import queries
from otel_costattr_collector.ledger.columns import Line
from otel_costattr_collector.ledger.costs import CostLine, line_of_cost
from otel_costattr_collector.ledger.draft import Cost

from .placing import placed, text
from .shares import divide

KEYS: Final[tuple[str, ...]] = (
    *DIMENSIONS,
    "provider",
    "model",
    "request_model",
    "response_model",
    "operation",
    "service_tier",
    "requested_service_tier",
    "region",
    "speed",
    "service_name",
    "scope_name",
    "scope_version",
    "emitter",
    "error_type",
    "status",
    "reason",
    "cost_type",
    "cost_source",
    "cost_metric",
    "cost_pool",
)
"""Columns that a line of a shift copies from what it moves, tags apart: all that sums go by."""

_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """An amount at one place: a line of the ledger, or many with the same dimensions and day.

    Attributes:
        event_ns: When, nanoseconds UTC; the start of its day for several lines.
        values: Each of `KEYS` to its value.
        tags: Tags, name to value.
        amount_usd: What it costs, signed.
        list_usd: The same at published rates; 0 where nobody knows.
    """

    event_ns: int
    values: Mapping[str, str]
    tags: Mapping[str, str]
    amount_usd: Decimal
    list_usd: Decimal = _ZERO

    @property
    def key(self) -> str:
        """The place as 24 hex digits."""
        words = [str(self.event_ns), *(self.values[name] for name in KEYS)]
        words += [f"{name}={value}" for name, value in sorted(self.tags.items())]
        return blake2b("\0".join(words).encode("utf-8", "replace"), digest_size=12).hexdigest()

    def at(self, dimension: str) -> str:
        """Return its value of a dimension or of `tags.NAME`; `''` where it has none."""
        tag = queries.tag_of(dimension)
        return self.values[dimension] if tag is None else self.tags.get(tag, "")

    def moved(self, dimension: str, value: str, amount_usd: Decimal, list_usd: Decimal) -> Cell:
        """Return the same place with another value of one dimension, and an amount of its own."""
        values, tags = dict(self.values), dict(self.tags)
        tag = queries.tag_of(dimension)
        if tag is None:
            values[dimension] = value
        elif value:
            tags[tag] = value
        else:
            tags.pop(tag, None)
        return Cell(
            event_ns=self.event_ns,
            values=values,
            tags=tags,
            amount_usd=amount_usd,
            list_usd=list_usd,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """What leaves a cell and where it arrives; both sides sum to zero.

    Attributes:
        rule: Name of the rule that moves it.
        basis: What the weights are, in words.
        source: Where it stands, with its whole amount.
        target: The dimension, or `tags.NAME`, whose value changes.
        weights: Value of the target to its weight.
        parts: The cells where it arrives, the source's own value left out.
    """

    rule: str
    basis: str
    source: Cell
    target: str
    weights: Mapping[str, Decimal]
    parts: tuple[Cell, ...]

    @property
    def left(self) -> Cell:
        """What stays at the source."""
        source = self.source
        return source.moved(
            self.target,
            source.at(self.target),
            source.amount_usd - sum((part.amount_usd for part in self.parts), _ZERO),
            source.list_usd - sum((part.list_usd for part in self.parts), _ZERO),
        )


def shift(
    source: Cell, *, rule: str, basis: str, target: str, weights: Mapping[str, Decimal]
) -> Shift:
    """Move a cell to the values of one dimension, in proportion to weights.

    Args:
        source: What is moved.
        rule: Name of the rule.
        basis: What the weights are, in words.
        target: The dimension, or `tags.NAME`.
        weights: Value to weight; one that is not above 0 gets nothing.
    """
    amounts = divide(source.amount_usd, weights)
    lists = divide(source.list_usd, weights)
    own = source.at(target)
    return Shift(
        rule=rule,
        basis=basis,
        source=source,
        target=target,
        weights={value: weight for value, weight in weights.items() if weight > 0},
        parts=tuple(
            source.moved(target, value, amounts.get(value, _ZERO), lists.get(value, _ZERO))
            for value in sorted(amounts.keys() | lists.keys())
            if value != own
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """What lines of a shift share.

    Attributes:
        identity: What makes their ids: the same identity and shift always give the same ids.
        cause: Why they are booked.
        run_id: The run that books them, or `''`.
        source_key: How they arrived, or `''`.
        amends: The line that is moved, or `''` where a cell stands for many.
        trace_id: Its trace, or `''`.
    """

    identity: tuple[str, ...]
    cause: str
    run_id: str = ""
    source_key: str = ""
    amends: str = ""
    trace_id: str = ""


def lines_of(moved: Shift, booked: Booked) -> Iterator[Line]:
    """Lay out a shift: one line that takes away, and one for each part; they sum to zero.

    Args:
        moved: The shift.
        booked: What the lines share.
    """
    if not moved.parts:
        return
    source = moved.source
    left = moved.left
    own = source.at(moved.target)
    away = source.moved(
        moved.target, own, left.amount_usd - source.amount_usd, left.list_usd - source.list_usd
    )
    yield _line(moved, away, booked, f"{moved.rule}: moved away by {moved.basis}")
    whole = sum(moved.weights.values(), _ZERO)
    for part in moved.parts:
        value = part.at(moved.target)
        weight = moved.weights[value]
        words = (
            f"{moved.rule}: {text(weight)} of {text(whole)} {moved.basis}"
            f" of {text(source.amount_usd)} USD to {moved.target} {value}"
        )
        yield _line(moved, part, booked, words)


def _line(moved: Shift, cell: Cell, booked: Booked, words: str) -> Line:
    value = cell.at(moved.target)
    side = "from" if value == moved.source.at(moved.target) else "to"
    line = line_of_cost(
        CostLine(
            entry="allocation",
            identity=(*booked.identity, moved.rule, moved.source.key, side, moved.target, value),
            event_ns=cell.event_ns,
            amount_usd=cell.amount_usd,
            list_usd=cell.list_usd,
            cost=Cost(description=words),
            trace_id=booked.trace_id,
            source_key=booked.source_key,
            amends=booked.amends,
            cause=booked.cause,
            run_id=booked.run_id,
        )
    )
    whole = sum(moved.weights.values(), _ZERO)
    weight = whole if side == "from" else moved.weights[value]
    columns: dict[str, Any] = dict(cell.values)
    return placed(
        line,
        **columns,
        reasons=(columns["reason"],) if columns["reason"] else (),
        tags=cell.tags,
        owner_source={moved.target: "rule"} if side == "to" else {},
        provenance={
            "allocation.rule": moved.rule,
            "allocation.basis": moved.basis,
            "allocation.weight": text(weight),
            "allocation.weights": text(whole),
            "allocation.amount": text(moved.source.amount_usd),
        },
    )
