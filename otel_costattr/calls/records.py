"""What recognition states and what it remembers, and making both quickly.

A frozen dataclass sets each field through a call, which for these records takes longer than the
decision. The twins here have the same slots, set them directly and then become the frozen record;
a test holds that nothing can tell the result from a record made by its class.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from otel_costattr.calls.candidates import Candidate
from otel_costattr.model import ModelCall, Role, Span

Kind = Literal["counts", "duplicate", "sum"]
Half = Literal["", "start", "end"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What recognition decided about one span.

    Attributes:
        span: The span.
        call: The merged call where it counts, a wrapper's residual included; else its own.
        kind: `counts`, `duplicate`, or `sum` for a wrapper that does not count.
        duplicate_of: `trace_id:span_id` of the span that counts instead, or `''`.
        rule: The rule that recognised the call, or `''`.
        scopes: Scopes of every span of the same call, for `Counted`.
        amends: Whether the duplicate knows the remembered call better than what was counted:
            more detail, or other counts. Book a pair if its price differs.
        reverses: `trace_id:span_id` of a wrapper whose sum was counted before this call beneath
            it arrived; reverse that sum.
        seen: The span as it was compared with others, so that it need not be prepared again to
            be remembered; None for a verdict from elsewhere.
    """

    span: Span
    call: ModelCall
    kind: Kind
    duplicate_of: str = ""
    rule: str = ""
    scopes: frozenset[str] = frozenset()
    amends: bool = False
    reverses: str = ""
    seen: Candidate | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A call that counted earlier, as far as late telemetry is compared with it.

    Attributes:
        ref: `trace_id:span_id` of the span that counted.
        role: `call`, or `aggregate` for a wrapper's sum that counted.
        scopes: Instrumentation scopes that described it.
        begin_ns: When it began.
        end_ns: When it ended.
        models: Keys of its models.
        response_id: The provider's id of the response, or `''`.
        totals: Input and output tokens; None without usage.
        detail: How finely its usage was told apart; 0 without usage.
        stream: `start` or `end` where the other half of a streamed call may still come, else `''`.
    """

    ref: str
    role: Role = "call"
    scopes: frozenset[str] = field(default_factory=frozenset)
    begin_ns: int = 0
    end_ns: int = 0
    models: frozenset[str] = field(default_factory=frozenset)
    response_id: str = ""
    totals: tuple[int, int] | None = None
    detail: int = 0
    stream: Half = ""


class QuickVerdict:
    """Becomes a `Verdict` on a candidate that nothing else describes."""

    __slots__ = Verdict.__slots__

    def __init__(self, seen: Candidate, scopes: frozenset[str]) -> None:
        self.span = seen.span
        self.call = seen.call
        self.kind = "counts"
        self.duplicate_of = ""
        self.rule = ""
        self.scopes = scopes
        self.amends = False
        self.reverses = ""
        self.seen = seen
        self.__class__ = Verdict  # type: ignore[assignment]


class QuickCounted:
    """Becomes a `Counted`; its fields in the same order."""

    __slots__ = Counted.__slots__

    def __init__(  # noqa: PLR0917 - keywords cost a third of the time that this saves
        self,
        ref: str,
        role: Role,
        scopes: frozenset[str],
        begin_ns: int,
        end_ns: int,
        models: frozenset[str],
        response_id: str,
        totals: tuple[int, int] | None,
        detail: int,
        stream: Half,
    ) -> None:
        self.ref = ref
        self.role = role
        self.scopes = scopes
        self.begin_ns = begin_ns
        self.end_ns = end_ns
        self.models = models
        self.response_id = response_id
        self.totals = totals
        self.detail = detail
        self.stream = stream
        self.__class__ = Counted  # type: ignore[assignment]
