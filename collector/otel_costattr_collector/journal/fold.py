"""The state that the records tell: what still waits, and what still has to be inserted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..ledger import Block
from .records import DoneRecord, FrozenRecord, Record, SpansRecord, Took


@dataclass(slots=True, kw_only=True)
class Waiting:
    """What is left of one `SpansRecord`.

    Attributes:
        record: The record.
        segment: Number of the segment that it stands in.
        places: Places of its spans that no block took yet.
    """

    record: SpansRecord
    segment: int
    places: set[int]


@dataclass(slots=True, kw_only=True)
class State:
    """The state of a journal.

    Attributes:
        waiting: Number of a `SpansRecord` to what is left of it, in order.
        blocks: Batch id to the block that is not done and the segment that it stands in, in order.
        next_number: The number of the next `SpansRecord`.
    """

    waiting: dict[int, Waiting] = field(default_factory=dict)
    blocks: dict[int, tuple[Block, int]] = field(default_factory=dict)
    next_number: int = 1


def fold(records: Iterable[tuple[int, Record]]) -> State:
    """Return the state after all records.

    Args:
        records: Segment number and record, in the order they were written.
    """
    state = State()
    for segment, record in records:
        match record:
            case SpansRecord():
                state.next_number = max(state.next_number, record.number + 1)
                places = set(range(len(record.spans)))
                state.waiting[record.number] = Waiting(
                    record=record, segment=segment, places=places
                )
            case FrozenRecord():
                _take(state, record.took)
                state.next_number = max([state.next_number, *(n + 1 for n in record.took)])
                state.blocks |= {block.batch_id: (block, segment) for block in record.blocks}
            case DoneRecord():
                state.blocks.pop(record.batch_id, None)
    return state


def _take(state: State, took: Took) -> None:
    for number, places in took.items():
        waiting = state.waiting.get(number)
        if waiting is None:
            continue
        waiting.places -= set(places) if places else waiting.places
        if not waiting.places:
            del state.waiting[number]
