"""The journal: what was acknowledged, and what was made of it, on disk before anything else.

Three kinds of records tell the whole story. SPANS: these were received. FROZEN: these of them
became these blocks. DONE: this block is in the ledger, or parked. The state after any crash is the
fold of the records; nothing is worked out a second time under a token that was used before.
"""

from __future__ import annotations

from .fold import State, fold
from .journal import Journal
from .records import DoneRecord, FrozenRecord, Record, SpansRecord, Took

__all__ = [
    "DoneRecord",
    "FrozenRecord",
    "Journal",
    "Record",
    "SpansRecord",
    "State",
    "Took",
    "fold",
]
