"""A ledger of three months that telemetry and runs reach by what the collector runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from otel_costattr_collector import ledger
from otel_costattr_collector.amendments.amender import Amender
from otel_costattr_collector.amendments.heads import heads_of_spans
from otel_costattr_collector.bookings import Bookings
from otel_costattr_collector.closing.calendar import ClosedMonths
from otel_costattr_collector.closing.closer import Closer
from otel_costattr_collector.ingest.assessor import Assessor
from otel_costattr_collector.ingest.memory import Memory
from otel_costattr_collector.ingest.settling import Pending
from otel_costattr_collector.metrics import Metrics
from otel_costattr_collector.store import Store

from otel_costattr.model import Span
from otel_costattr.pricing import shipped_book
from otel_costattr.testing import chat_span
from otel_costattr.usage import read

DAY_NS = 86_400 * 10**9
OCTOBER = int(datetime(2024, 10, 1, tzinfo=UTC).timestamp()) * 10**9
NOVEMBER = OCTOBER + 31 * DAY_NS
NOW_NS = NOVEMBER + 34 * DAY_NS + 12_345
"""5 December 2024."""
# gpt-4o-mini: 1,000 tokens in at 0.15 USD and 200 out at 0.60 USD per million.
CALL = Decimal("0.00027")
DIMENSIONS = ("tenant", "feature", "session", "user", "model", "provider", "status", "entry")
SUMS = (
    "sum(lines), sum(calls), sum(input_tokens), sum(output_tokens), sum(amount_usd), sum(list_usd)"
)
IN_OCTOBER = "toYYYYMM(event_ns) = 202410"


def call(number: int, *, at_ns: int = OCTOBER, copy: bool = False, **owner: str) -> Span:
    """Make a call of 1,000 tokens in and 200 out; a copy is told by another library."""
    cached = {"gen_ai.usage.cache_read.input_tokens": 400} if copy else {}
    return chat_span(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.response.model": "gpt-4o-mini",
            "gen_ai.response.id": f"chatcmpl-{number:08d}",
            "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.output_tokens": 200,
            **cached,
            **{f"costattr.{name}": value for name, value in owner.items() if value},
        },
        number=number + 1_000_000 * copy,
        scope_name="another" if copy else "one",
        start_ns=at_ns,
        end_ns=at_ns + 10**9,
    )


class Books:
    """Takes telemetry and runs as the collector does, at one time of one clock."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now_ns = NOW_NS
        self.closed = ClosedMonths(store)
        self.bookings = Bookings(store, clock=lambda: self.now_ns, closed=self.closed)
        self.closer = Closer(
            store, self.closed, self.bookings.amending, clock=lambda: self.now_ns, patience_s=0.01
        )
        self._batches = 0
        self._assessor = Assessor(
            book=shipped_book(),
            metrics=Metrics(),
            memory=Memory(max_calls=10_000, max_links=20_000),
            amender=Amender(partial(heads_of_spans, store)),
        )

    def take(self, spans: Iterable[Span]) -> None:
        """Assess what settled together, and book it."""
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
        lines = self._assessor.lines(pending)
        assert not self._assessor.waiting()
        for group in ledger.split(self.closed.dated(lines, self.now_ns)):
            self._batches += 1
            self.store.insert(ledger.encode(group, batch_id=self._batches, recorded_ns=self.now_ns))
        self._assessor.finish(())

    def close(self) -> None:
        """Close October."""
        self.closer.close("2024-10", who="test", note="")

    def sums(self, where: str = "true") -> Mapping[tuple[str, ...], tuple[Any, ...]]:
        """Add the ledger up by every dimension at once; what is nothing is left out."""
        keys = ", ".join(DIMENSIONS)
        rows = self.store.query(
            f"SELECT {keys}, {SUMS} FROM ledger WHERE {where} GROUP BY {keys}"
        ).rows
        width = len(DIMENSIONS)
        found = {row[:width]: tuple(value or 0 for value in row[width:]) for row in rows}
        return {key: values for key, values in found.items() if any(values)}

    def total(self, where: str = "true") -> Decimal:
        """Add up what the ledger costs."""
        (row,) = self.store.query(f"SELECT sum(amount_usd) FROM ledger WHERE {where}").rows
        return Decimal(row[0] or 0)
