"""Memory of the service."""

from __future__ import annotations

import gc
import sys

from otel_costattr_collector import heap


def test_what_was_loaded_at_the_start_is_not_searched_again() -> None:
    """The heap of the start is frozen, and the young are searched by our thresholds."""
    before, turn_s = gc.get_threshold(), sys.getswitchinterval()
    try:
        heap.settle()

        assert gc.get_freeze_count() > 0
        assert gc.get_threshold() == heap.THRESHOLDS
        assert gc.isenabled()
        assert abs(sys.getswitchinterval() - heap.TURN_S) < 1e-6
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
        sys.setswitchinterval(turn_s)
