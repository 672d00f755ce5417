"""What a feature costs, and which of its parts."""

from __future__ import annotations

from typing import Final

from ..panels import Board, chart, listing, number
from ..sql import Spend

_ONLY: Final = ("feature",)
_COMMON: Final = ("cost", "calls", "cost_per_call", "input_per_call", "output_per_call")

BOARD: Final = Board(
    name="features",
    title="Cost: features",
    about="What features cost, by step, prompt version, model, workflow and experiment.",
    values=("feature",),
    panels=(
        number("Cost", Spend(by=_ONLY, measures=("cost",), only=_ONLY, total=True), width=6),
        number("Calls", Spend(by=_ONLY, measures=("calls",), only=_ONLY, total=True), width=6),
        number(
            "Cost per call",
            Spend(by=_ONLY, measures=("cost_per_call",), only=_ONLY, total=True),
            width=6,
        ),
        number(
            "Failed calls",
            Spend(by=_ONLY, measures=("failed_share",), only=_ONLY, total=True),
            width=6,
        ),
        chart(
            "Cost over time",
            Spend(by=("feature",), measures=("cost",), only=_ONLY, over_time=True),
        ),
        chart(
            "Cost per call over time",
            Spend(by=("feature",), measures=("cost_per_call",), only=_ONLY, over_time=True),
        ),
        listing(
            "Features",
            Spend(by=("feature",), measures=(*_COMMON, "failed_share", "unpriced"), only=_ONLY),
            links={"Feature": "features"},
            width=24,
        ),
        listing("Steps", Spend(by=("feature", "step"), measures=_COMMON, only=_ONLY), width=12),
        listing(
            "Prompt versions",
            Spend(by=("prompt", "prompt_version"), measures=_COMMON, only=_ONLY),
            links={"Prompt": "prompts", "Prompt version": "prompts"},
        ),
        listing(
            "Models",
            Spend(by=("provider", "model"), measures=_COMMON, only=_ONLY),
            links={"Model": "models"},
        ),
        listing("Workflows", Spend(by=("workflow", "agent"), measures=_COMMON, only=_ONLY)),
        listing("Experiments", Spend(by=("experiment", "variant"), measures=_COMMON, only=_ONLY)),
        listing(
            "Tenants",
            Spend(by=("tenant",), measures=_COMMON, source="ledger", only=_ONLY),
            about="From the ledger, so long periods take longer.",
            links={"Tenant": "tenants"},
        ),
    ),
)
