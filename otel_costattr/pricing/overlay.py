"""Overlays: what a customer has agreed with providers, written in TOML and laid over a book."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from otel_costattr.pricing.contract import Contract

if TYPE_CHECKING:
    from otel_costattr.pricing.book import PriceBook


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """One contract, checked but not yet laid over a book.

    Attributes:
        source: Where it was read, such as a file name.
        digest: SHA-256 of its content, hex.
        contract: What it agrees.
    """

    source: str
    digest: str
    contract: Contract

    def onto(self, book: PriceBook) -> Contract:  # noqa: ARG002 - a later overlay joins it
        """Return what a book's contract becomes."""
        return self.contract
