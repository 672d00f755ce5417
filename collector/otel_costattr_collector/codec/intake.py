"""What both wire formats share: the checks that a span must pass, and the tally of a request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from otel_costattr.model import Attributes, AttributeValue, Event, Span

from .projection import Reduce
from .token_points import TokenPoint

Signal = Literal["traces", "logs", "metrics"]

EARLIEST_START_NS: Final = 1_577_836_800_000_000_000
"""2020-01-01: an older start is no age but a wrong unit, such as seconds."""
YEAR_NS: Final = 366 * 86_400 * 10**9
MOVED_FROM: Final = "costattr.moved_from_ns"
"""The attribute that flags a span whose start was outside the window: where it was."""
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16


class Malformed(Exception):  # noqa: N818 - it never leaves the codec
    """One span cannot be what it claims to be.

    Attributes:
        reason: A bounded name for metrics.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one span may carry, and when it may have started.

    Attributes:
        max_attributes: Attributes that are kept of one span.
        max_value_chars: Longest text or bytes value that is kept.
        max_depth: Deepest nesting inside a value.
        max_age_ns: Oldest start before now, nanoseconds.
        max_ahead_ns: Furthest start after now, nanoseconds.
    """

    max_attributes: int = 512
    max_value_chars: int = 65_536
    max_depth: int = 16
    max_age_ns: int = 330 * 86_400 * 10**9
    max_ahead_ns: int = 3_600 * 10**9


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What one request carried.

    Attributes:
        spans: The good ones that tell of a GenAI call, in order; log records among them.
        received: All that were in the request, good or not.
        rejected: Malformed ones by reason.
        message: What was wrong with the first malformed one, or `''`.
        skipped: Good ones that tell of no GenAI call.
        trimmed: Parts of good ones that a limit removed, by limit.
        points: Tokens that metrics report.
    """

    spans: tuple[Span, ...] = ()
    received: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    message: str = ""
    skipped: int = 0
    trimmed: Mapping[str, int] = field(default_factory=dict)
    points: tuple[TokenPoint, ...] = ()


ReadRaw: TypeAlias = "Callable[[Sequence[bytes], Intake], dict[str, AttributeValue]]"


def _unread(_raws: Sequence[bytes], _intake: Intake) -> dict[str, AttributeValue]:
    return {}


class Intake:
    """Tallies one request while a wire format is walked.

    Args:
        limits: How much one span may carry.
        now_ns: The time of receipt, nanoseconds UTC.
        reducer: Gives what reduces the value of an attribute of this name to the part that is
            read, None where nothing of it is.
        wanted: Whether a span tells of a GenAI call.
        read_raw: Reads attributes in protobuf's wire format, with the limits of an intake.
    """

    __slots__ = (
        "_read_raw",
        "_wanted",
        "earliest_ns",
        "latest_ns",
        "limits",
        "message",
        "points",
        "received",
        "reducer",
        "rejected",
        "skipped",
        "spans",
        "trimmed",
    )

    def __init__(
        self,
        *,
        limits: Limits,
        now_ns: int,
        reducer: Callable[[str], Reduce | None],
        wanted: Callable[[Span], bool],
        read_raw: ReadRaw = _unread,
    ) -> None:
        self.limits = limits
        self.earliest_ns = now_ns - limits.max_age_ns
        self.latest_ns = now_ns + limits.max_ahead_ns
        self.reducer = reducer
        self._read_raw = read_raw
        self._wanted = wanted
        self.spans: list[Span] = []
        self.points: list[TokenPoint] = []
        self.received = 0
        self.rejected: Counter[str] = Counter()
        self.trimmed: Counter[str] = Counter()
        self.skipped = 0
        self.message = ""

    def add(self, span: Span) -> None:
        """Take a good span if it tells of a GenAI call."""
        if self._wanted(span):
            self.spans.append(span)
        else:
            self.skipped += 1

    def attributes(self, raws: Sequence[bytes]) -> dict[str, AttributeValue]:
        """Return the attributes that are kept of those in protobuf's wire format.

        Raises:
            Malformed: One of them is no attribute.
        """
        return self._read_raw(raws, self)

    def reject(self, problem: Malformed) -> None:
        """Count a malformed span and remember what was wrong with the first."""
        self.rejected[problem.reason] += 1
        self.message = self.message or str(problem)

    def text(self, value: str) -> str | None:
        """Return a text value, None if it is longer than allowed."""
        if len(value) <= self.limits.max_value_chars:
            return value
        self.trimmed["value_chars"] += 1
        return None

    def octets(self, value: bytes) -> bytes | None:
        """Return a bytes value, None if it is longer than allowed."""
        if len(value) <= self.limits.max_value_chars:
            return value
        self.trimmed["value_chars"] += 1
        return None

    def deeper(self, depth: int) -> bool:
        """Whether a value may nest further at this depth."""
        if depth < self.limits.max_depth:
            return True
        self.trimmed["depth"] += 1
        return False

    def fewer(self, found: dict[str, AttributeValue]) -> dict[str, AttributeValue]:
        """Return no more attributes than one span may keep, the first ones."""
        allowed = self.limits.max_attributes
        if len(found) <= allowed:
            return found
        self.trimmed["attributes"] += len(found) - allowed
        return dict(list(found.items())[:allowed])

    def times(self, start_ns: int, end_ns: int) -> tuple[int, int, int | None]:
        """Return start and end inside the window, and the start as it was if it was moved.

        Raises:
            Malformed: No clock can have meant these times.
        """
        if end_ns < start_ns:
            raise Malformed("ends_before_start", f"a span ends at {end_ns}, before {start_ns}")
        if self.earliest_ns <= start_ns <= self.latest_ns:
            return start_ns, end_ns, None
        if not EARLIEST_START_NS <= start_ns <= self.latest_ns + YEAR_NS:
            raise Malformed("absurd_time", f"a start of {start_ns} is no time in nanoseconds UTC")
        self.trimmed["time_window"] += 1
        moved = self.earliest_ns if start_ns < self.earliest_ns else self.latest_ns
        return moved, moved + (end_ns - start_ns), start_ns

    def decoded(self) -> Decoded:
        """Return the tally."""
        return Decoded(
            spans=tuple(self.spans),
            received=self.received,
            rejected=self.rejected,
            message=self.message,
            skipped=self.skipped,
            trimmed=self.trimmed,
            points=tuple(self.points),
        )


def checked_trace_id(trace_id: str, *, optional: bool = False) -> str:
    """Return 32 lower-case hex digits, or `''` if the id may be missing and is.

    Raises:
        Malformed: The id has another length or is all zeros.
    """
    if len(trace_id) == 32 and trace_id != _NO_TRACE:
        return trace_id
    if optional and (not trace_id or trace_id == _NO_TRACE):
        return ""
    raise Malformed("bad_trace_id", f"trace id {trace_id[:40]!r}: 32 hex digits, not all zero")


def checked_span_id(span_id: str, *, optional: bool = False) -> str:
    """Return 16 lower-case hex digits, or `''` if the id may be missing and is.

    Raises:
        Malformed: The id has another length or is all zeros.
    """
    if len(span_id) == 16 and span_id != _NO_SPAN:
        return span_id
    if optional and (not span_id or span_id == _NO_SPAN):
        return ""
    raise Malformed("bad_span_id", f"span id {span_id[:40]!r}: 16 hex digits, not all zero")


def flagged(attributes: dict[str, AttributeValue], moved_from_ns: int | None) -> Attributes:
    """Return the attributes with the original start where it was moved."""
    if moved_from_ns is not None:
        attributes[MOVED_FROM] = moved_from_ns
    return attributes


def kept_events(events: list[Event]) -> tuple[Event, ...]:
    """Return the events that carry anything that is read."""
    return tuple(event for event in events if event.attributes)
