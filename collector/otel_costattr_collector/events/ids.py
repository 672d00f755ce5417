"""Each event once: what an id was used for before, here and in the ledger."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from otel_costattr.model import EVENT_KEY, Span
from otel_costattr.usage.events import CONTENT

from ..ledger.lines import line_id_of
from ..store import Store

_LEDGER: Final = """
    SELECT source_key, any(provenance['event']) FROM ledger
    WHERE line_id IN {lines:Array(String)} AND signal = 'event' AND amends = ''
    GROUP BY source_key
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One event that is offered.

    Attributes:
        place: In its request, from 0.
        event_id: The id that it came with or was given.
        span: What it became.
        ours: Whether we gave the id, so that nobody can have used it.
    """

    place: int
    event_id: str
    span: Span
    ours: bool

    @property
    def key(self) -> str:
        """How the ledger names it."""
        return str(self.span.attributes[EVENT_KEY])

    @property
    def content(self) -> str:
        """The hash of what was posted."""
        return str(self.span.attributes[CONTENT])


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the offers of one request.

    Attributes:
        accepted: Kept now.
        duplicates: Known already, with the same content.
        conflicts: Known already, with other content.
    """

    accepted: tuple[Offer, ...]
    duplicates: tuple[Offer, ...]
    conflicts: tuple[Offer, ...]


class EventIds:
    """Knows which events were taken; for one event loop.

    What was taken since the start is in memory until the ledger has it, everything older in the
    ledger.

    Args:
        look_up: Asks the ledger; key to content. Runs on a thread.
        limit: Events that memory holds; more than can be on their way to the ledger.
    """

    def __init__(
        self, look_up: Callable[[Sequence[str]], Mapping[str, str]], *, limit: int
    ) -> None:
        self._look_up: Final = look_up
        self._limit: Final = limit
        self._taken: Final[OrderedDict[str, str]] = OrderedDict()
        self._busy: Final[dict[str, asyncio.Future[None]]] = {}

    def learn(self, spans: Iterable[Span]) -> None:
        """Remember events that are on their way to the ledger."""
        for span in spans:
            if span.signal == "event":
                attributes = span.attributes
                self._taken[str(attributes[EVENT_KEY])] = str(attributes[CONTENT])
        while len(self._taken) > self._limit:
            self._taken.popitem(last=False)

    async def take(
        self, offers: Sequence[Offer], keep: Callable[[tuple[Span, ...]], Awaitable[None]]
    ) -> Outcome:
        """Keep what is new, all of it or, after an error, nothing.

        Args:
            offers: In the order in which they came; of two with one key the first counts.
            keep: Makes spans durable.

        Raises:
            StoreError: The ledger does not answer; nothing was kept.
            CostattrError: What `keep` raises.
        """
        keys = {offer.key for offer in offers}
        while waits := {self._busy[key] for key in keys & self._busy.keys()}:
            await asyncio.wait(waits)
        done = asyncio.get_running_loop().create_future()
        self._busy.update(dict.fromkeys(keys, done))
        try:
            outcome = await self._sorted(offers)
            if outcome.accepted:
                spans = tuple(offer.span for offer in outcome.accepted)
                await keep(spans)
                self.learn(spans)
            return outcome
        finally:
            for key in keys:
                del self._busy[key]
            done.set_result(None)

    async def _sorted(self, offers: Sequence[Offer]) -> Outcome:
        asked = [o.key for o in offers if not o.ours and o.key not in self._taken]
        known = await asyncio.to_thread(self._look_up, asked) if asked else {}
        first = {**known}
        accepted, duplicates, conflicts = [], [], []
        for offer in offers:
            before = self._taken.get(offer.key) or first.get(offer.key)
            if before is None:
                first[offer.key] = offer.content
                accepted.append(offer)
            elif before == offer.content:
                duplicates.append(offer)
            else:
                conflicts.append(offer)
        return Outcome(
            accepted=tuple(accepted), duplicates=tuple(duplicates), conflicts=tuple(conflicts)
        )


def in_ledger(store: Store) -> Callable[[Sequence[str]], Mapping[str, str]]:
    """Return what asks the ledger for the content of events, by the filter on the line's id.

    Args:
        store: Where the ledger is.
    """

    def look_up(keys: Sequence[str]) -> Mapping[str, str]:
        lines = [line_id_of(key, 0) for key in keys]
        return dict(store.query(_LEDGER, {"lines": lines}).rows)

    return look_up
