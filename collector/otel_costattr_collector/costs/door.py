"""Costs among telemetry: which spans come in, and each id once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from otel_costattr.attribution import Identities
from otel_costattr.costs import CostRules, is_cost, names
from otel_costattr.model import Span
from otel_costattr.usage import is_genai

from ..events.spans import key_of
from ..ingest.receiver import Submission
from ..metrics import Metrics
from .ids import CostIds
from .lines import CostLines

Keep = Callable[[Submission, int], Awaitable[None]]


def wanted_with(rules: CostRules) -> Callable[[Span], bool]:
    """Return what says whether a span is let in: a GenAI span, a cost, or what a rule names."""
    if not rules.rules:
        return lambda span: is_genai(span) or is_cost(span)
    return lambda span: is_genai(span) or is_cost(span) or rules.wants(span)


class CostDoor:
    """Stands before the journal and keeps a cost whose id was used before from going on.

    Args:
        keep: Makes spans durable.
        ids: Knows which ids were used.
        lines: Reads costs.
        identities: Protects the tenant of a key.
        metrics: Where costs are counted.
    """

    def __init__(
        self,
        keep: Keep,
        ids: CostIds,
        lines: CostLines,
        *,
        identities: Identities,
        metrics: Metrics,
    ) -> None:
        self._keep: Final = keep
        self._ids: Final = ids
        self._lines: Final = lines
        self._identities: Final = identities
        self._metrics: Final = metrics

    async def submit(self, submission: Submission, weight: int) -> None:
        """Return once the spans are durable.

        Raises:
            StoreError: The ledger cannot say which ids were used, or the journal cannot be written.
            Overloaded: Too much waits.
        """
        named: set[int] = set()
        if names.NAME in [span.name for span in submission.spans]:
            named = {place for place, span in enumerate(submission.spans) if _has_id(span)}
        if not named:
            await self._keep(submission, weight)
            return
        keyed = {place: self._keyed(submission.spans[place], submission) for place in named}
        first: dict[str, tuple[int, str]] = {}
        for place in sorted(keyed):
            key = str(keyed[place].attributes[names.KEY])
            first.setdefault(key, (place, self._lines.content(keyed[place], submission.key_tenant)))
        contents = {key: content for key, (_, content) in first.items()}
        claimed = await asyncio.to_thread(self._ids.claim, contents)
        going = {first[key][0] for key in claimed.new}
        self._metrics.costs.labels("conflict").inc(len(claimed.other))
        self._metrics.costs.labels("duplicate").inc(len(named) - len(going) - len(claimed.other))
        spans = tuple(
            keyed.get(place, span)
            for place, span in enumerate(submission.spans)
            if place not in named or place in going
        )
        if not spans:
            return
        try:
            await self._keep(replace(submission, spans=spans), len(spans))
        except BaseException:
            self._ids.release(claimed.new)
            raise

    def _keyed(self, span: Span, submission: Submission) -> Span:
        cost_id = str(span.attributes[names.ID])[: names.MAX_CHARACTERS]
        key = key_of(cost_id, submission.key_tenant, self._identities, kind="cost")
        return replace(span, attributes={**span.attributes, names.KEY: key})


def _has_id(span: Span) -> bool:
    return is_cost(span) and bool(span.attributes.get(names.ID))
