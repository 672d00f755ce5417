"""How the interpreter looks after memory and threads in a service that holds many records."""

from __future__ import annotations

import gc
import sys
from typing import Final

THRESHOLDS: Final = (20_000, 250, 50)
"""New containers before the young ones are searched for cycles, and how often for older ones.

By default every 700 are, which finds nothing in records that have no cycles and takes a third of
the time that assessing them does. While a search runs nothing else does, a request neither: one of
20,000 takes 10 to 30 ms. What it leaves is searched again after five million containers, 370,000
spans: the records of a settle window are gone by then.
"""

TURN_S: Final = 0.001
"""How long the thread that assesses may keep the others waiting each time; 5 ms by default, and a
request changes threads five times before it is acknowledged."""


def settle() -> None:
    """Leave what was loaded at the start out of every later search, search less, and take turns."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    sys.setswitchinterval(TURN_S)
