"""What models and providers cost."""

from __future__ import annotations

from typing import Final

from ..panels import Board, chart, listing, number
from ..sql import Spend

_ONLY: Final = ("provider", "model")
_COMMON: Final = (
    "cost",
    "calls",
    "cost_per_call",
    "input_per_call",
    "output_per_call",
    "cached_share",
    "failed_share",
    "unpriced",
)

BOARD: Final = Board(
    name="models",
    title="Cost: models and providers",
    about=(
        "What models and providers cost: at the published price, as contracted, and as their"
        " emitters claim."
    ),
    values=_ONLY,
    panels=(
        number("Cost", Spend(by=_ONLY, measures=("cost",), only=_ONLY, total=True), width=6),
        number(
            "List price",
            Spend(by=_ONLY, measures=("list_cost",), only=_ONLY, total=True),
            about="The same calls at published rates, before any contract.",
            width=6,
        ),
        number(
            "Reported by emitters",
            Spend(by=_ONLY, measures=("reported_cost",), only=_ONLY, total=True),
            about="Only what emitters claim; never part of our figures.",
            width=6,
        ),
        number(
            "Input read from cache",
            Spend(by=_ONLY, measures=("cached_share",), only=_ONLY, total=True),
            width=6,
        ),
        chart(
            "Cost by model over time",
            Spend(by=("model",), measures=("cost",), only=_ONLY, over_time=True),
        ),
        chart(
            "Cost per call by model over time",
            Spend(by=("model",), measures=("cost_per_call",), only=_ONLY, over_time=True),
        ),
        listing(
            "Providers",
            Spend(by=("provider",), measures=(*_COMMON, "list_cost", "reported_cost"), only=_ONLY),
            links={"Provider": "models"},
            width=24,
        ),
        listing(
            "Models",
            Spend(by=("provider", "model"), measures=_COMMON, only=_ONLY),
            links={"Provider": "models", "Model": "models"},
            width=24,
        ),
        listing(
            "Service tiers",
            Spend(
                by=("provider", "service_tier"),
                measures=("cost", "calls", "cost_per_call"),
                only=_ONLY,
            ),
        ),
        listing(
            "Features",
            Spend(by=("feature", "model"), measures=("cost", "calls", "cost_per_call"), only=_ONLY),
            links={"Feature": "features", "Model": "models"},
        ),
    ),
)
