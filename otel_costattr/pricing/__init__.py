"""What a model call costs: a dated price book, name matching by written rules, exact arithmetic."""

from __future__ import annotations

from otel_costattr.pricing.book import PriceBook, read_book, shipped_book
from otel_costattr.pricing.engine import price

__all__ = ["PriceBook", "price", "read_book", "shipped_book"]
