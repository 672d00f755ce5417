"""What a process says about its own spans as they end: a preview; the ledger is the account."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from opentelemetry.attributes import BoundedAttributes

from otel_costattr.assess import attributes_of, judge
from otel_costattr.attribution.attributes import owner_attributes
from otel_costattr.attribution.baggage import ignored_keys, owner_in_baggage
from otel_costattr.attribution.owners import owner_of, protected
from otel_costattr.attribution.rules import OwnerRules
from otel_costattr.calls import PreviewRecogniser
from otel_costattr.context import merged
from otel_costattr.guest import Captures, Tally, override, reset_after_fork
from otel_costattr.model import (
    EMPTY,
    NOBODY,
    Attributes,
    AttributeValue,
    Owner,
    Span,
)
from otel_costattr.pricing import PriceBook
from otel_costattr.usage import read

Captured: TypeAlias = tuple[Owner | None, Mapping[str, object] | None]
"""What a context said when a span started: the application's owner, and all of its baggage."""

SpanKey: TypeAlias = tuple[int, int]
"""Trace id and span id."""

MAX_KEYS: Final = 20_000
MAX_WRAPPERS: Final = 10_000
MAX_REMEMBERED: Final = 256


class Resolved(NamedTuple):
    """What a captured context means under the rules."""

    local: Owner | None
    owner: Owner
    attributes: Mapping[str, str]
    ignored: int


class Resolver:
    """Turns captured contexts into owners; contexts repeat, so the last few are remembered."""

    def __init__(self, rules: OwnerRules, tally: Tally) -> None:
        self._rules = rules
        self._tally = tally
        self._last = Resolved(None, NOBODY, EMPTY, 0)
        self._remembered: Captures[Resolved] = Captures(MAX_REMEMBERED)

    def owner(self, captured: Captured) -> Owner:
        """Return the owner; ignored baggage is counted, refusals by whoever assesses the span."""
        found = self._resolved(captured)
        if found.ignored:
            self._tally.claims({}, found.ignored)
        return found.owner

    def attributes(self, captured: Captured) -> Mapping[str, str]:
        """Return the owner as attributes; what was ignored or refused is counted."""
        found = self._resolved(captured)
        if found.ignored or found.owner.refused:
            self._tally.claims(found.owner.refused, found.ignored)
        return found.attributes

    def _resolved(self, captured: Captured) -> Resolved:
        local, carried = captured
        if not carried:
            last = self._last
            if last.local is not local:
                last = self._last = self._resolve(local, {})
            return last
        # An id names one object for as long as the remembered entry keeps that object alive.
        key = (id(local), *carried.items())
        try:
            found = self._remembered.get(key)
        except TypeError:  # baggage set in process may hold any object
            return self._resolve(local, carried)
        if found is None or found.local is not local:
            found = self._resolve(local, carried)
            self._remembered.put(key, found)
        return found

    def _resolve(self, local: Owner | None, carried: Mapping[str, object]) -> Resolved:
        owner = local if isinstance(local, Owner) else NOBODY
        if carried:
            claimed = owner_in_baggage(carried, rules=self._rules)
            owner = merged(claimed, owner) if owner is not NOBODY else claimed
        owner = protected(owner, self._rules)
        return Resolved(
            local, owner, owner_attributes(owner), ignored_keys(carried, rules=self._rules)
        )


class LateAttributes(BoundedAttributes):
    """Attributes that are worked out when they are first read, once, by whichever thread it is.

    They are the API's own kind of attributes, since SDKs ask only that kind how many were dropped;
    what that class keeps in `_dict` is worked out here.
    """

    def __init__(self, make: Callable[[], Attributes], *, dropped: int = 0) -> None:
        """Remember how.

        Args:
            make: Returns the attributes; it must not raise.
            dropped: How many the SDK had dropped.
        """
        self.maxlen = None
        self.max_value_len = None
        self.dropped = dropped
        self._immutable = True
        self._lock = threading.Lock()
        self._make: Callable[[], Attributes] | None = make
        self._whole: dict[str, AttributeValue] = {}

    @property
    @override
    def _dict(self) -> dict[str, Any]:  # type: ignore[override]  # read like the attribute
        if self._make is not None:
            with self._lock:
                if self._make is not None:  # pragma: no branch - another thread may be faster
                    self._whole = dict(self._make())
                    self._make = None
        return self._whole

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._dict)

    @override
    def __repr__(self) -> str:
        return repr(self._dict)

    @override
    def __reduce__(self) -> tuple[type[dict[str, AttributeValue]], tuple[Attributes]]:
        return dict, (self._dict,)


class Preview:
    """Reads, recognises, prices and attributes spans one by one as they end.

    Attributes:
        wrappers: Spans that have a GenAI span below them; those that have ended with their parent.
    """

    def __init__(
        self, book: PriceBook, rules: OwnerRules, tally: Tally, *, estimate: bool = False
    ) -> None:
        self._book = book
        self._estimate = estimate
        self._rules = rules
        self._tally = tally
        self.wrappers: Captures[tuple[Span, SpanKey | None] | None] = Captures(MAX_WRAPPERS)
        self.reset()
        reset_after_fork(self)

    def reset(self) -> None:
        """Forget the calls that were seen, with a lock that nobody holds."""
        self._lock = threading.Lock()
        self._recogniser = PreviewRecogniser(max_keys=MAX_KEYS)

    def expect(self, above: SpanKey | None) -> None:
        """Note that a GenAI span below `above` has ended."""
        if above is not None:
            self.wrappers.put(above, value=None)

    def passed(self, span: Span, key: SpanKey, above: SpanKey | None) -> None:
        """Note that a span which is no call, but has one below it, has ended."""
        self.wrappers.put(key, value=(span, above))
        self.expect(above)
        with self._lock:
            self._recogniser.passed(span)

    def attributes(
        self, span: Span, captured: Owner | None, above: SpanKey | None
    ) -> Mapping[str, str | int | float]:
        """Return the attributes that `span` gets: its owner, and its cost if it is a call.

        Args:
            span: A GenAI span that has ended.
            captured: The owner in force when it started; None where nobody knows.
            above: Its parent.
        """
        owner = owner_of(span, rules=self._rules, captured=captured or NOBODY)
        if owner.refused:
            self._tally.claims(owner.refused, 0)
        call = read(span)
        with self._lock:
            verdict = self._recogniser.see(span, call) if call is not None else None
            if verdict is None:
                self._recogniser.passed(span)
            self._climb(above)
        if verdict is None:
            return owner_attributes(owner)
        assessment = judge(verdict, owner, book=self._book, estimate=self._estimate)
        self._tally.assessed(assessment.status)
        return attributes_of(assessment)

    def owned(self, span: Span) -> Mapping[str, str]:
        """Return the owner of a cost that is no call, with people as the rules say."""
        owner = owner_of(span, rules=self._rules)
        if owner.refused:
            self._tally.claims(owner.refused, 0)
        return owner_attributes(owner)

    def _climb(self, above: SpanKey | None) -> None:
        """Pass a call on to wrappers that had ended before anybody read it."""
        while above is not None and (ended := self.wrappers.take(above)) is not None:
            span, above = ended
            self._recogniser.passed(span)
