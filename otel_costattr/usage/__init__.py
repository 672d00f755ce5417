"""What a span says: attributes of any dialect to disjoint counts."""

from __future__ import annotations

from otel_costattr.model import Attributes, ModelCall, Span
from otel_costattr.usage.conventions import SHIPPED, Conventions, Row
from otel_costattr.usage.dialects import MARKERS, by_scope, dialect_of
from otel_costattr.usage.events import event_provenance, read_event
from otel_costattr.usage.losses import losses_of
from otel_costattr.usage.reader import INFERENCE_DETAILS, read_with

__all__ = [
    "SHIPPED",
    "Conventions",
    "Row",
    "event_provenance",
    "is_genai",
    "looks_like_genai",
    "losses_of",
    "read",
]


def is_genai(span: Span) -> bool:
    """Tell cheaply whether `read` would look at a span; true for tools and agents too."""
    return span.signal == "event" or dialect_of(span) is not None


def looks_like_genai(scope_name: str, name: str, attributes: Attributes) -> bool:
    """Answer `is_genai` for the parts of a span, before anybody has made one of them."""
    if by_scope(scope_name) is not None or name == INFERENCE_DETAILS:
        return True
    return not MARKERS.isdisjoint(attributes)


def read(span: Span, *, conventions: Conventions = SHIPPED) -> ModelCall | None:
    """Read what a span says about a model call, whatever library wrote it; never raises.

    Args:
        span: A span, or a log record or event as a span.
        conventions: Which emitters count cached tokens inside the input count.

    Returns:
        The call with disjoint counts, `usage=None` and a reason where it carries none,
        `role="aggregate"` for a wrapper's sum, or None for anything that is neither.
    """
    if span.signal == "event":
        return read_event(span)
    dialect = dialect_of(span)
    return read_with(dialect, span, conventions) if dialect else None
