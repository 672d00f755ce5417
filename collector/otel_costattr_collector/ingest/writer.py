"""From spans to inserted ledger rows."""

from __future__ import annotations

import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from otel_costattr.assess import assess_all
from otel_costattr.model import Assessment, Span
from otel_costattr.pricing import PriceBook

from .. import ledger
from ..metrics import Metrics
from .receiver import Submission


class Inserts(Protocol):
    """What the writer needs of a store."""

    def insert(self, block: ledger.Block, *, token: str = "") -> None:
        """Write one block exactly once a token."""


class Writer:
    """Assesses what was submitted together and inserts it as blocks.

    Args:
        store: Where the blocks go.
        book: Prices.
        metrics: Where lines and inserts are counted.
        clock: Nanoseconds UTC.
    """

    def __init__(
        self,
        *,
        store: Inserts,
        book: PriceBook,
        metrics: Metrics,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store: Final = store
        self._book: Final = book
        self._metrics: Final = metrics
        self._clock: Final = clock

    def write(self, submissions: Sequence[Submission]) -> None:
        """Return once every call of the submissions is in the ledger.

        Raises:
            StoreError: It is unknown what was written.
        """
        assessments = self._assessed(submissions)
        for group in ledger.split(ledger.lines_of_all(assessments)):
            block = ledger.encode(group, batch_id=secrets.randbits(64), recorded_ns=self._clock())
            self._insert(block)
        for status, count in Counter(assessment.status for assessment in assessments).items():
            self._metrics.lines.labels(status).inc(count)

    def _assessed(self, submissions: Sequence[Submission]) -> list[Assessment]:
        spans: defaultdict[str, list[Span]] = defaultdict(list)
        for submission in submissions:
            spans[submission.key_tenant].extend(submission.spans)
        return [
            assessment
            for tenant, of_tenant in spans.items()
            for assessment in assess_all(of_tenant, book=self._book, key_tenant=tenant)
        ]

    def _insert(self, block: ledger.Block) -> None:
        try:
            with self._metrics.insert_seconds.time():
                self._store.insert(block)
        except Exception:
            self._metrics.inserts.labels("failed").inc()
            raise
        self._metrics.inserts.labels("done").inc()
