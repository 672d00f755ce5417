"""A call that comes late, beside what is remembered of earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from otel_costattr.calls.candidates import Candidate
from otel_costattr.calls.known import Known
from otel_costattr.calls.memory import (
    finds_by_time,
    response_key,
    same_stream,
    same_time,
    stream_keys,
    time_keys,
)
from otel_costattr.calls.records import Counted
from otel_costattr.calls.rules import alike


class Late:
    """A candidate with the remembered calls right above and right below it.

    Attributes:
        item: The candidate.
        over: The nearest remembered span above it, or None.
        under: The remembered call nearest below it, or None.
    """

    __slots__ = ("_known", "item", "over", "under")

    def __init__(self, item: Candidate, known: Known) -> None:
        self.item = item
        self._known = known
        self.over: Counted | None = None
        self.under: Counted | None = None
        if known:
            self.over = _nearest(item.above, known)
            self.under = known.get(f"a:{item.ref}") if item.span.signal == "span" else None

    @property
    def has_kin(self) -> bool:
        """Whether anything above or below it is remembered."""
        return self.over is not None or self.under is not None

    @property
    def is_sum(self) -> bool:
        """Whether it has more than a remembered call below it, so that it wraps several."""
        item, under = self.item, self.under
        return (
            under is not None
            and not item.response_id
            and item.totals is not None
            and under.totals is not None
            and item.totals[0] > under.totals[0]
        )

    @property
    def sum_above(self) -> str:
        """The wrapper above it whose sum was counted, as `trace_id:span_id`, or `''`."""
        over = self.over
        counted = over is not None and over.role == "aggregate" and self.item.totals is not None
        return over.ref if over is not None and counted else ""

    def same_span(self) -> Counted | None:
        """Find the same item, sent again."""
        return self._known.get(f"s:{self.item.key}")

    def same_response(self) -> Counted | None:
        """Find what named the same response."""
        key = response_key(self.item)
        return self._known.get(key) if key else None

    def same_stream(self) -> Counted | None:
        """Find the other half of a streamed call."""
        for key in stream_keys(self.item):
            hit = self._known.get(key)
            if hit is not None and same_stream(self.item, hit):
                return hit
        return None

    def same_family(self) -> Counted | None:
        """Find a call right above or below that can be the same one."""
        for hit in (self.over, self.under):
            if hit is not None and hit.role == "call" and _one_family(self.item, hit):
                return hit
        return None

    def same_time(self) -> Counted | None:
        """Find a call of other scopes at the same time with the same counts."""
        keys = time_keys(self.item) if finds_by_time(self._known) else ()
        for key in keys:
            hit = self._known.get(key)
            if hit is not None and same_time(self.item, hit):
                return hit
        return None


_LOOKS: Final[tuple[tuple[str, Callable[[Late], Counted | None]], ...]] = (
    ("same_span", Late.same_span),
    ("response_id", Late.same_response),
    ("stream_end", Late.same_stream),
    ("ancestry", Late.same_family),
    ("time", Late.same_time),
)
"""The rules that recognise what is remembered, most certain first."""


def earlier_call(members: Sequence[Late]) -> tuple[Counted | None, str]:
    """Find the call that counted in an earlier window, and the rule that found it."""
    for rule, look in _LOOKS:
        for member in members:
            hit = look(member)
            if hit is not None and hit.role == "call":
                return hit, rule
    return None, ""


def _nearest(refs: Sequence[str], known: Known) -> Counted | None:
    for ref in refs:
        hit = known.get(f"s:{ref}")
        if hit is not None:
            return hit
    return None


def _one_family(member: Candidate, hit: Counted) -> bool:
    """Whether a late call right above or below a remembered one can be the same call."""
    counted = member.totals is not None and hit.totals is not None
    same = member.totals is None or hit.totals is None or alike(member.totals, hit.totals)
    if member.response_id and hit.response_id and member.response_id != hit.response_id:
        return counted and same and member.span.scope_name not in hit.scopes
    return same
