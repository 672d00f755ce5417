"""Every model call counted once, priced exactly and owned by someone."""

from otel_costattr.context import attribution
from otel_costattr.errors import CostattrError
from otel_costattr.model import Owner, Span, Usage

__all__ = ["CostattrError", "Owner", "Span", "Usage", "attribution"]
