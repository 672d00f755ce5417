"""From settled spans to ledger lines: each call once, priced and owned."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from otel_costattr.assess import conclude
from otel_costattr.attribution import DEFAULT_RULES, OwnerRules
from otel_costattr.calls import Verdict, recognise
from otel_costattr.model import Assessment
from otel_costattr.pricing import PriceBook

from .. import ledger
from ..allocation.splits import with_splits
from ..costs.lines import CostLines
from ..metrics import Metrics
from .components import components
from .memory import Memory
from .settling import Pending

_log: Final = logging.getLogger(__name__)


class Assessor:
    """Decides what settled spans cost; one thread at a time.

    Args:
        book: Prices.
        metrics: Where verdicts are counted.
        memory: Calls that counted before.
        rules: How owners are found.
        costs: Reads what is no model call; None to leave it out.
    """

    def __init__(
        self,
        *,
        book: PriceBook,
        metrics: Metrics,
        memory: Memory,
        rules: OwnerRules = DEFAULT_RULES,
        costs: CostLines | None = None,
    ) -> None:
        self._book: Final = book
        self._metrics: Final = metrics
        self._memory: Final = memory
        self._rules: Final = rules
        self._costs: Final = costs

    def lines(self, settled: Sequence[Pending]) -> Sequence[ledger.Line]:
        """Return the ledger lines of spans that settled together."""
        self._memory.link(item.span for item in settled)
        verdicts: defaultdict[str, list[Verdict]] = defaultdict(list)
        links = self._memory.links
        for group in components([i for i in settled if i.call is not None], links=links):
            tenant = group[0].key_tenant
            pairs = [(item.span, item.call) for item in group if item.call is not None]
            decided = recognise(pairs, links=links, known=self._memory.known(tenant))
            self._memory.remember(decided, tenant)
            verdicts[tenant].extend(decided)
        assessments = [
            assessment
            for tenant, decided in verdicts.items()
            for assessment in conclude(
                decided, book=self._book, rules=self._rules, key_tenant=tenant
            )
        ]
        self._count(assessments, [v for decided in verdicts.values() for v in decided])
        lines = (*ledger.lines_of_all(assessments), *self._cost_lines(settled))
        return with_splits(lines)

    def _cost_lines(self, settled: Sequence[Pending]) -> Iterator[ledger.Line]:
        if self._costs is None:
            return
        for item in settled:
            if not item.resent and (item.call is None or item.call.role != "call"):
                for line in self._costs.of_span(item.span, key_tenant=item.key_tenant):
                    self._metrics.costs.labels("booked").inc()
                    yield line

    def _count(self, assessments: Sequence[Assessment], verdicts: Sequence[Verdict]) -> None:
        for status, count in Counter(found.status for found in assessments).items():
            self._metrics.assessed.labels(status).inc(count)
        for kind, count in (
            ("amends", sum(verdict.amends for verdict in verdicts)),
            ("reverses", sum(bool(verdict.reverses) for verdict in verdicts)),
        ):
            if count:
                self._metrics.late.labels(kind).inc(count)
