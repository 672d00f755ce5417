"""Requests go before assessing, which still gets its half of the time."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, Thread

from otel_costattr_collector.ingest.turns import Turns


def test_nobody_waits_while_no_request_is_under_way() -> None:
    """Not even the time is asked for."""
    turns = Turns(clock=iter([0.0]).__next__)

    turns.give_way()


def test_assessing_waits_until_the_last_request_is_done() -> None:
    """A thread that gives way goes on when the last of two requests ends."""
    turns, waits = Turns(longest_s=10), Event()

    def assess() -> None:
        waits.set()
        turns.give_way()

    thread = Thread(target=assess)
    with turns.first():
        with turns.first():
            thread.start()
            assert waits.wait(10)
        assert thread.is_alive()
    thread.join(10)
    assert not thread.is_alive()


def test_assessing_works_for_as_long_as_it_has_waited() -> None:
    """After 3 seconds of waiting it does not give way for 3 seconds, whatever comes."""
    times: Iterator[float] = iter([0.0, 1.0, 4.0, 6.9, 7.0, 7.5])
    turns = Turns(longest_s=0, clock=times.__next__)

    with turns.first():
        turns.give_way()  # from 1 to 4
        turns.give_way()  # at 6.9 it still works
        turns.give_way()  # from 7 to 7.5
    turns.give_way()

    assert list(times) == []
