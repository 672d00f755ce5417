"""Every model call counted once, priced exactly and owned by someone."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Final

from otel_costattr.context import attribution
from otel_costattr.errors import CostattrError
from otel_costattr.model import Owner, Span, Usage

if TYPE_CHECKING:
    from otel_costattr.assess import assess, assess_all
    from otel_costattr.client import attribute
    from otel_costattr.guard import BudgetGuard
    from otel_costattr.pricing import PriceBook, price, shipped_book
    from otel_costattr.processor import CostSpanExporter, CostSpanProcessor
    from otel_costattr.recording import record_cost

__all__ = [
    "BudgetGuard",
    "CostSpanExporter",
    "CostSpanProcessor",
    "CostattrError",
    "Owner",
    "PriceBook",
    "Span",
    "Usage",
    "assess",
    "assess_all",
    "attribute",
    "attribution",
    "price",
    "record_cost",
    "shipped_book",
]

_LATER: Final = {
    "BudgetGuard": "otel_costattr.guard",
    "CostSpanExporter": "otel_costattr.processor",
    "CostSpanProcessor": "otel_costattr.processor",
    "PriceBook": "otel_costattr.pricing",
    "assess": "otel_costattr.assess",
    "assess_all": "otel_costattr.assess",
    "attribute": "otel_costattr.client",
    "price": "otel_costattr.pricing",
    "record_cost": "otel_costattr.recording",
    "shipped_book": "otel_costattr.pricing",
}
"""Names that are imported when they are first used: an application that only says who owns its
calls waits neither for the SDK nor for the price engine.
"""


class _Package(ModuleType):
    """This package, in which `assess` is the function and never the module of that name."""

    def __setattr__(self, name: str, value: object) -> None:  # type: ignore[explicit-override]
        if name not in _LATER or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


sys.modules[__name__].__class__ = _Package
