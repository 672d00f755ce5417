"""Two periods set against each other: the parts of SQL that `compare` and `movers` share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from otel_costattr_collector import queries, spend
from otel_costattr_collector.analytics.each import each
from otel_costattr_collector.queries import Source
from otel_costattr_collector.spend import Edge, Frame, Question

Period = tuple[Edge, Edge]
SEGMENTS: Final = ("provider", "model", "operation", "service_tier")
"""What `compare` tells calls apart by, beside the dimensions of the question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """What is compared.

    Attributes:
        after: The period.
        before: Those that it is compared with, each as long.
    """

    after: Period
    before: tuple[Period, ...]

    @property
    def edges(self) -> tuple[Edge, ...]:
        """Every end of every period."""
        return tuple(end for period in (self.after, *self.before) for end in period)


def compare(question: Question, periods: Periods, *, limit: str) -> tuple[str, dict[str, object]]:
    """Write the query that compares two periods and splits the difference, and its parameters."""
    timeless = _timeless(question)
    source = spend.source_for(timeless, needs=SEGMENTS, edges=periods.edges)
    frame = spend.frame(timeless, table=source.table)
    parts = {**frame.parts, **_parts(frame, periods), "limit": limit}
    return queries.render("compare", parts), frame.parameters


def movers(
    question: Question, periods: Periods, *, limit: int, order: str = "abs(delta)"
) -> tuple[str, dict[str, object]]:
    """Write the query for what moved most in each dimension, and its parameters.

    Args:
        question: The dimensions, and the filters.
        periods: What is compared.
        limit: Most values of each dimension.
        order: What comes first, of the columns of the answer.
    """

    def parts(frame: Frame) -> dict[str, str]:
        return {**_parts(frame, periods), "order": order, "limit": f"{limit}"}

    return each(
        "movers",
        _timeless(question),
        parts,
        edges=periods.edges,
        order=f", {order} DESC, calls_after DESC, value",
    )


def any_of(
    source: Source, name: str, periods: Sequence[Period], parameters: dict[str, object]
) -> str:
    """Write the condition that a row lies in one of several periods."""
    conditions = (
        spend.window(source, f"{name}_{place}", *period, parameters)
        for place, period in enumerate(periods)
    )
    return f"({' OR '.join(conditions)})"


def _timeless(question: Question) -> Question:
    return replace(question, since=None, until=None, grain="", offset=0)


def _parts(frame: Frame, periods: Periods) -> dict[str, str]:
    return {
        "after": any_of(frame.source, "after", (periods.after,), frame.parameters),
        "before": any_of(frame.source, "before", periods.before, frame.parameters),
        "windows": f"{len(periods.before)}",
        "source": frame.source.table,
    }
