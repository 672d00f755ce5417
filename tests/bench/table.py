"""The rows that `make bench` prints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchRow:
    """One measured figure.

    Attributes:
        what: What was measured.
        value: The figure, in `unit`.
        unit: Its unit.
        hold: The figure to hold, or `''`.
        peer: The reference measured in the same run, or `''`.
    """

    what: str
    value: float
    unit: str
    hold: str = ""
    peer: str = ""
