"""A ledger in memory that telemetry reaches in pieces, decided by what the collector runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from otel_costattr_collector.amendments.amender import Amender
from otel_costattr_collector.ingest.assessor import Assessor
from otel_costattr_collector.ingest.cardinality import Fold
from otel_costattr_collector.ingest.memory import Memory
from otel_costattr_collector.ingest.settling import Pending
from otel_costattr_collector.ledger import Line, as_mapping
from otel_costattr_collector.ledger.columns import LINE_COLUMNS
from otel_costattr_collector.metrics import Metrics

from otel_costattr.model import Span
from otel_costattr.pricing import shipped_book
from otel_costattr.usage import read

QUANTITIES = tuple(
    column.name for column in LINE_COLUMNS if column.quantity and column.name != "duration_ns"
)
Sums = Mapping[tuple[str, ...], tuple[Any, ...]]


class Books:
    """Takes requests, each settled on its own, and keeps the lines that are booked."""

    def __init__(self, fold: Fold | None = None) -> None:
        self.lines: list[Line] = []
        self.metrics = Metrics()
        self._assessor = Assessor(
            book=shipped_book(),
            metrics=self.metrics,
            memory=Memory(max_calls=100_000, max_links=200_000),
            amender=Amender(self.heads),
            fold=fold,
        )

    def take(self, spans: Iterable[Span]) -> None:
        """Assess one request and book what comes of it."""
        pending = [
            Pending(
                number=1,
                place=place,
                segment=1,
                received_ns=1,
                key_tenant="",
                span=span,
                call=read(span),
            )
            for place, span in enumerate(spans)
        ]
        self.lines += self._assessor.lines(pending)
        assert not self._assessor.waiting()
        self._assessor.finish(())

    def heads(self, arrived: Collection[str], first_ns: int) -> Mapping[str, Sequence[Line]]:
        """Find heads as the ledger's query does."""
        del first_ns
        values = [(line, as_mapping(line)) for line in self.lines]
        taken = {one["amends"] for _, one in values if one["entry"] == "reversal"}
        found: defaultdict[str, list[Line]] = defaultdict(list)
        for line, one in values:
            name = str(one["source_key"] or f"{one['trace_id']}:{one['span_id']}")
            if name in arrived and one["entry"] != "reversal" and one["line_id"] not in taken:
                found[name].append(line)
        return found

    def sums(self, *keys: str) -> Sums:
        """Add every quantity up by some columns; what is nothing is left out."""
        found: defaultdict[tuple[str, ...], list[Any]] = defaultdict(lambda: [0] * len(QUANTITIES))
        for line in self.lines:
            one: Mapping[str, Any] = as_mapping(line)
            sums = found[tuple(one[key] for key in keys)]
            for place, name in enumerate(QUANTITIES):
                sums[place] += one[name] or 0
        return {
            key: tuple(Decimal(value) for value in sums) for key, sums in found.items() if any(sums)
        }


def together(spans: Iterable[Span]) -> Books:
    """Book everything in one request."""
    books = Books()
    books.take(spans)
    return books


def in_pieces(requests: Iterable[Sequence[Span]]) -> Books:
    """Book one request after the other, each after the one before has settled."""
    books = Books()
    for request in requests:
        books.take(request)
    return books
