"""Recognition inside a process: one span at a time, in bounded memory, never looking back."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from otel_costattr.calls.candidates import candidate
from otel_costattr.calls.memory import remember
from otel_costattr.calls.records import Counted, Verdict
from otel_costattr.calls.verdicts import recognise
from otel_costattr.model import ModelCall, Span

MAX_KEYS: Final = 100_000
"""Keys that are remembered unless the caller says otherwise; about 60 MB when full."""

LIFETIME_NS: Final = 600_000_000_000
"""A key is forgotten ten minutes after its call ended."""


class PreviewRecogniser:
    """Recognises copies of calls that this process has already counted.

    The first span of a call that ends counts, usually the one nearest the provider; wrappers and
    siblings that end later are duplicates. A sum whose calls were counted counts nothing. What
    was said about a finished span is never changed, so this is a preview; the ledger is the
    account. Not safe for several threads at once: the caller holds a lock.
    """

    def __init__(self, *, max_keys: int = MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._keys: OrderedDict[str, Counted] = OrderedDict()

    def __len__(self) -> int:
        return len(self._keys)

    def see(self, span: Span, call: ModelCall) -> Verdict:
        """Decide on a span that has just ended, and remember it if it counts.

        Args:
            span: The span.
            call: What it says.
        """
        self._forget(span.end_ns - LIFETIME_NS)
        item = candidate(span, call)
        links = {item.ref: f"{span.trace_id}:{span.parent_span_id}"} if span.parent_span_id else {}
        verdicts = recognise(((span, call),), links=links, known=self._keys)
        self._keys.update(remember(verdicts, links=links, known=self._keys))
        while len(self._keys) > self._max_keys:
            self._keys.popitem(last=False)
        self.passed(span)
        return verdicts[0]

    def passed(self, span: Span) -> None:
        """Note that a span which is no call has ended, so that wrappers above it know their calls.

        Args:
            span: Any span; children end before their parents.
        """
        known = self._keys.get(f"a:{span.trace_id}:{span.span_id}")
        if known is not None and span.parent_span_id:
            self._keys[f"a:{span.trace_id}:{span.parent_span_id}"] = known

    def _forget(self, before_ns: int) -> None:
        while self._keys:
            key, known = next(iter(self._keys.items()))
            if known.end_ns >= before_ns:
                break
            del self._keys[key]
