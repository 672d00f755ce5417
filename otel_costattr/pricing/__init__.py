"""What a model call costs: a dated price book, name matching by written rules, exact arithmetic."""

from __future__ import annotations

from otel_costattr.pricing.book import PriceBook, read_book, shipped_book
from otel_costattr.pricing.engine import price
from otel_costattr.pricing.metrics import MetricPrice, amount_of, price_metric
from otel_costattr.pricing.overlay import Overlay, read_overlay

__all__ = [
    "MetricPrice",
    "Overlay",
    "PriceBook",
    "amount_of",
    "price",
    "price_metric",
    "read_book",
    "read_overlay",
    "shipped_book",
]
