"""Which spans are the same model call: each call counts once, however many libraries wrap it.

`recognise` is pure: a set of (span, call) pairs goes in, one verdict a pair comes out, the same
for every order of the pairs. A collector that sees telemetry in pieces keeps pairs for a settle
window, calls `recognise` with what it remembers of earlier windows, and remembers `keys_of` each
call that counted for as long as late copies may come (24 hours):

    verdicts = recognise(pairs, links=links, known=known)
    ...book them: `amends` and `reverses` are pairs...
    known.update(remember(verdicts, links=links, known=known))
"""

from __future__ import annotations

from otel_costattr.calls.candidates import Links, links_of
from otel_costattr.calls.known import Known, KnownCalls
from otel_costattr.calls.memory import keys_of, remember
from otel_costattr.calls.preview import PreviewRecogniser
from otel_costattr.calls.records import Counted, Verdict
from otel_costattr.calls.verdicts import recognise

__all__ = [
    "Counted",
    "Known",
    "KnownCalls",
    "Links",
    "PreviewRecogniser",
    "Verdict",
    "keys_of",
    "links_of",
    "recognise",
    "remember",
]
