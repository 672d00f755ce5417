"""Memory of the service."""

from __future__ import annotations

import gc

from otel_costattr_collector import heap


def test_what_was_loaded_at_the_start_is_not_searched_again() -> None:
    """The heap of the start is frozen, and the young are searched by our thresholds."""
    before = gc.get_threshold()
    try:
        heap.settle()

        assert gc.get_freeze_count() > 0
        assert gc.get_threshold() == heap.THRESHOLDS
        assert gc.isenabled()
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
