"""Every model call counted once, priced exactly and owned by someone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_costattr.assess import assess, assess_all
from otel_costattr.context import attribution
from otel_costattr.errors import CostattrError
from otel_costattr.model import Owner, Span, Usage
from otel_costattr.pricing import PriceBook, price, shipped_book

if TYPE_CHECKING:
    from otel_costattr.processor import CostSpanExporter, CostSpanProcessor

__all__ = [
    "CostSpanExporter",
    "CostSpanProcessor",
    "CostattrError",
    "Owner",
    "PriceBook",
    "Span",
    "Usage",
    "assess",
    "assess_all",
    "attribution",
    "price",
    "shipped_book",
]


def __getattr__(name: str) -> object:
    """Import the SDK only where it is used: commands and the collector do without it."""
    if name not in {"CostSpanExporter", "CostSpanProcessor"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from otel_costattr import processor  # noqa: PLC0415 - the import that waits for its first use

    return getattr(processor, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
