"""From cells, rules and weights to shifts; pure, so that a run can be shown before it is booked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from .rules import Rule
from .shifts import Cell, Shift, shift

Weights = Mapping[str, Mapping[str, Decimal]]
_ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one rule does.

    Attributes:
        rule: The rule.
        shifts: What it moves.
        left: Cells that it takes and that nobody has a weight for; they stay.
    """

    rule: Rule
    shifts: tuple[Shift, ...]
    left: tuple[Cell, ...]


def spread(cells: Iterable[Cell], rules: Sequence[Rule], weights: Weights) -> tuple[Step, ...]:
    """Let rules move amounts one after the other; what one moves, the next may move on.

    Args:
        cells: What stands where.
        rules: In order.
        weights: Name of the rule to value of its target to weight.
    """
    standing: dict[str, Cell] = {}
    for cell in cells:
        _put(standing, cell)
    return tuple(_step(standing, rule, weights.get(rule.name, {})) for rule in rules)


def _step(standing: dict[str, Cell], rule: Rule, weights: Mapping[str, Decimal]) -> Step:
    taken = [
        standing[key]
        for key in sorted(standing)
        if (standing[key].amount_usd or standing[key].list_usd) and rule.takes(standing[key])
    ]
    shifts = []
    left = []
    for cell in taken:
        counted = _weights_of(rule, cell, weights)
        if not counted:
            left.append(cell)
            continue
        moved = shift(cell, rule=rule.name, basis=rule.basis, target=rule.target, weights=counted)
        shifts.append(moved)
    for moved in shifts:
        standing[moved.source.key] = moved.left
    for moved in shifts:
        for part in moved.parts:
            _put(standing, part)
    return Step(rule=rule, shifts=tuple(shifts), left=tuple(left))


def _weights_of(rule: Rule, cell: Cell, weights: Mapping[str, Decimal]) -> dict[str, Decimal]:
    if rule.basis == "listed":
        names = (name.strip() for name in cell.at(rule.listed).split(rule.separator))
        found = dict.fromkeys((name for name in names if name), _ONE)
    else:
        given = rule.weights if rule.basis == "weights" else weights
        found = {name: weight for name, weight in given.items() if weight > 0}
    if not found and rule.otherwise:
        return {rule.otherwise: _ONE}
    return found


def _put(standing: dict[str, Cell], cell: Cell) -> None:
    key = cell.key
    other = standing.get(key)
    if other is not None:
        cell = Cell(
            event_ns=cell.event_ns,
            values=cell.values,
            tags=cell.tags,
            amount_usd=cell.amount_usd + other.amount_usd,
            list_usd=cell.list_usd + other.list_usd,
        )
    standing[key] = cell
