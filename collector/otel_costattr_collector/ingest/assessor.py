"""From settled spans to ledger lines: each call once, priced and owned."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final

from otel_costattr.assess import conclude
from otel_costattr.attribution import DEFAULT_RULES, OwnerRules
from otel_costattr.calls import Verdict, recognise
from otel_costattr.model import Assessment, ModelCall, Span
from otel_costattr.pricing import PriceBook

from .. import ledger
from ..allocation.splits import with_splits
from ..amendments.amender import Amender
from ..amendments.late import Decision, decide
from ..amendments.recent import Recent, Told
from ..costs.lines import CostLines
from ..metrics import Metrics
from .cardinality import Fold
from .components import components
from .memory import Memory
from .settling import Pending

SLICE_SPANS: Final = 64
"""Spans that are priced at once: what goes first waits for two or three milliseconds."""

RECENT_SPANS: Final = 20_000
"""Spans that are kept whole, to be decided again with what comes late."""

_log: Final = logging.getLogger(__name__)


class Assessor:
    """Decides what settled spans cost; one thread at a time.

    Args:
        book: Prices.
        metrics: Where verdicts are counted.
        memory: Calls that counted before.
        rules: How owners are found.
        costs: Reads what is no model call; None to leave it out.
        amender: Amends what late spans are about; None counts them only, for tests.
        fold: Bounds the values of dimensions; None for no bound.
        give_way: Called every few spans: waits while something goes first.
        estimate: Whether calls without counts get some from the length of their texts.
    """

    def __init__(
        self,
        *,
        book: PriceBook,
        metrics: Metrics,
        memory: Memory,
        rules: OwnerRules = DEFAULT_RULES,
        costs: CostLines | None = None,
        amender: Amender | None = None,
        fold: Fold | None = None,
        give_way: Callable[[], None] = lambda: None,
        estimate: bool = False,
    ) -> None:
        self._give_way: Final = give_way
        self._estimate: Final = estimate
        self._book: Final = book
        self._metrics: Final = metrics
        self._memory: Final = memory
        self._rules: Final = rules
        self._costs: Final = costs
        self._amender: Final = amender
        self._fold: Final = fold
        self._recent: Final = Recent(RECENT_SPANS)
        self._waiting: list[Pending] = []

    def lines(self, settled: Sequence[Pending]) -> Sequence[ledger.Line]:
        """Return the ledger lines of spans that settled together, but for those that must wait."""
        self._waiting = []
        self._memory.link(item.span for item in settled)
        at_once: defaultdict[str, list[list[tuple[Pending, Verdict]]]] = defaultdict(list)
        late: list[Sequence[Pending]] = []
        links = self._memory.links
        groups = components([item for item in settled if item.call is not None], links=links)
        for group in groups:
            self._give_way()
            tenant, pairs = group[0].key_tenant, _pairs(group)
            if self._recent.related(tenant, pairs):
                late.append(group)
                continue
            known = self._memory.known(tenant, [span for span, _ in pairs])
            decided = recognise(pairs, links=links, known=known)
            if any(one.amends or one.reverses for one in decided):
                late.append(group)
            else:
                at_once[tenant].append(list(zip(group, decided, strict=True)))
        late += self._linking(settled)
        lines = [*self._concluded(at_once), *self._late(late)]
        return with_splits([*lines, *self._cost_lines(settled)])

    def _linking(self, settled: Sequence[Pending]) -> Sequence[Sequence[Pending]]:
        """Find spans that are no call, but tell whose parent is whose among earlier ones."""
        calls = {(item.key_tenant, item.span.trace_id) for item in settled if item.call}
        found: dict[tuple[str, str], list[Pending]] = {}
        for item in settled:
            trace = item.key_tenant, item.span.trace_id
            tells = item.call is None and not item.resent and trace not in calls
            if tells and trace[1] and self._recent.of_trace(*trace):
                found.setdefault(trace, []).append(item)
        return list(found.values())

    def _cost_lines(self, settled: Sequence[Pending]) -> Iterator[ledger.Line]:
        if self._costs is None:
            return
        waits = {id(item) for item in self._waiting}
        for item in settled:
            is_call = item.call is not None and item.call.role == "call"
            if not item.resent and not is_call and id(item) not in waits:
                for line in self._costs.of_span(item.span, key_tenant=item.key_tenant):
                    self._metrics.costs.labels("booked").inc()
                    yield line

    def waiting(self) -> Collection[Pending]:
        """Return the spans of the last `lines` whose calls cannot be amended now."""
        return self._waiting

    def finish(self, batch_ids: Collection[int]) -> None:
        """End a freeze, whose lines stand in some batches."""
        if self._amender is not None:
            self._amender.finish(batch_ids)

    def inserted(self, batch_id: int) -> None:
        """Learn that a batch is in the ledger, or parked; from any thread."""
        if self._amender is not None:
            self._amender.inserted(batch_id)

    def _concluded(
        self, at_once: Mapping[str, Sequence[Sequence[tuple[Pending, Verdict]]]]
    ) -> Sequence[ledger.Line]:
        statuses: Counter[str] = Counter()
        told: list[Told] = []
        lines: list[ledger.Line] = []
        for tenant, pairs in _in_slices(at_once):
            self._give_way()
            found = conclude(
                [verdict for _, verdict in pairs],
                book=self._book,
                rules=self._rules,
                key_tenant=tenant,
                estimate=self._estimate,
            )
            booked = self._fold.apply(found) if self._fold else found
            told += map(_told, pairs, booked)
            statuses.update(one.status for one in booked)
            lines += ledger.lines_of_all(booked)
        for tenant, groups in at_once.items():
            for group in groups:
                self._give_way()
                self._memory.remember([verdict for _, verdict in group], tenant)
        self._recent.add(told)
        self._count(statuses)
        return lines

    # --- what comes after its call was counted ------------------------------------------------

    def _late(self, groups: Sequence[Sequence[Pending]]) -> Sequence[ledger.Line]:
        decisions = [self._decision(group) for group in groups]
        changed: set[int] = set()
        lines: list[ledger.Line] = []
        for group, made in zip(groups, decisions, strict=True):
            stale = any(id(told) in changed for told, _ in made.again)
            decision = self._decision(group) if stale else made
            changed |= {id(told) for told, _ in decision.again}
            lines += self._amended(group, decision)
        return lines

    def _decision(self, group: Sequence[Pending]) -> Decision:
        tenant, pairs, recent = group[0].key_tenant, _pairs(group), self._recent
        earlier = (
            recent.related(tenant, pairs)
            if pairs
            else recent.of_trace(tenant, group[0].span.trace_id)
        )
        return decide(
            pairs,
            earlier,
            because=group[0].span,
            key_tenant=tenant,
            links=self._memory.links,
            known=self._memory.known(tenant, [span for span, _ in pairs]),
            book=self._book,
            rules=self._rules,
            estimate=self._estimate,
            fold=self._as_booked,
        )

    def _as_booked(self, found: Sequence[Assessment]) -> Sequence[Assessment]:
        return self._fold.apply(found, count=False) if self._fold else found

    def _amended(self, group: Sequence[Pending], decision: Decision) -> Sequence[ledger.Line]:
        amender = self._amender
        if decision.wishes and amender is not None and amender.prepare(decision.wishes) == "later":
            self._waiting += group
            return ()
        self._memory.remember(decision.verdicts, group[0].key_tenant)
        self._recent.add(decision.told)
        for told, now in decision.again:
            told.verdict, told.owner = now.verdict, now.owner
        if self._fold is not None:
            self._fold.note(decision.assessments)
        self._count(Counter(found.status for found in decision.assessments))
        return [*decision.lines, *self._granted(decision)]

    def _granted(self, decision: Decision) -> list[ledger.Line]:
        lines: list[ledger.Line] = []
        for wish in decision.wishes:
            booked = [] if self._amender is None else self._amender.grant(wish)
            lines += booked
            if booked or self._amender is None:
                kind = "reverses" if wish.cause.startswith("late_child") else "amends"
                self._metrics.late.labels(kind).inc()
        return lines

    def _count(self, statuses: Mapping[str, int]) -> None:
        for status, count in statuses.items():
            self._metrics.assessed.labels(status).inc(count)


def _in_slices(
    at_once: Mapping[str, Sequence[Sequence[tuple[Pending, Verdict]]]],
) -> Iterator[tuple[str, Sequence[tuple[Pending, Verdict]]]]:
    """Yield a few of each sender's spans at a time, those of one call together."""
    for tenant, groups in at_once.items():
        pairs: list[tuple[Pending, Verdict]] = []
        for group in groups:
            pairs += group
            if len(pairs) >= SLICE_SPANS:
                yield tenant, pairs
                pairs = []
        if pairs:
            yield tenant, pairs


def _pairs(group: Sequence[Pending]) -> list[tuple[Span, ModelCall]]:
    return [(item.span, item.call) for item in group if item.call is not None]


def _told(pair: tuple[Pending, Verdict], assessment: Assessment) -> Told:
    item, verdict = pair
    return Told(
        key_tenant=item.key_tenant,
        span=item.span,
        call=item.call or assessment.call,
        booked=assessment.call,
        verdict=verdict,
        owner=assessment.owner,
    )
