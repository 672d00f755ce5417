"""Working out once what a set of attribute names means, however often it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

Meaning = TypeVar("Meaning")

MAX_SETS: Final = 512
"""Sets of names that one function remembers; at this number it forgets all and starts again."""

MAX_NAMES: Final = 128
MAX_CHARACTERS: Final = 4_096
"""More names, and longer ones, are worked out each time, so that no sender fills the memory."""


def remembering(
    work: Callable[[tuple[str, ...]], Meaning],
) -> Callable[[Iterable[str]], Meaning]:
    """Return `work` with a memory of the last names, in the order in which they came.

    One emitter writes the same names in the same order, so that one look-up tells what reading
    them one by one would. Any thread may use it.

    Args:
        work: Pure: the same names always mean the same.
    """
    known: dict[tuple[str, ...], Meaning] = {}

    def recall(names: Iterable[str]) -> Meaning:
        key = tuple(names)
        found = known.get(key)
        return learn(key) if found is None else found

    def learn(key: tuple[str, ...]) -> Meaning:
        meaning = work(key)
        if len(key) <= MAX_NAMES and sum(map(len, key)) <= MAX_CHARACTERS:
            if len(known) >= MAX_SETS:
                known.clear()
            known[key] = meaning
        return meaning

    return recall
