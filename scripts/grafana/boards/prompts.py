"""What a prompt version changed."""

from __future__ import annotations

from typing import Final

from ..named import PROMPT_VERSIONS
from ..panels import Board, chart, listing
from ..sql import Spend

_ONLY: Final = ("feature", "prompt", "prompt_version")
_COMMON: Final = (
    "cost",
    "calls",
    "cost_per_call",
    "input_per_call",
    "output_per_call",
    "cached_share",
    "failed_share",
)

BOARD: Final = Board(
    name="prompts",
    title="Cost: prompt versions",
    about=(
        "What the versions of a prompt cost per call, and why: tokens, cache, model, failures."
        " `costattr compare --by prompt_version` tells whether a difference is more than chance."
    ),
    values=_ONLY,
    panels=(
        listing(
            "Prompt versions",
            PROMPT_VERSIONS,
            about="From the ledger: choose a feature or a prompt first.",
            links={"Feature": "features", "Prompt": "prompts", "Prompt version": "prompts"},
            width=24,
        ),
        chart(
            "Cost per call over time",
            Spend(by=("prompt_version",), measures=("cost_per_call",), only=_ONLY, over_time=True),
        ),
        chart(
            "Calls over time",
            Spend(by=("prompt_version",), measures=("calls",), only=_ONLY, over_time=True),
            about="When a version took over.",
        ),
        chart(
            "Input tokens per call over time",
            Spend(by=("prompt_version",), measures=("input_per_call",), only=_ONLY, over_time=True),
        ),
        chart(
            "Output tokens per call over time",
            Spend(
                by=("prompt_version",), measures=("output_per_call",), only=_ONLY, over_time=True
            ),
        ),
        listing(
            "Versions by model",
            Spend(by=("prompt", "prompt_version", "model"), measures=_COMMON, only=_ONLY),
            about="A version that moved to another model is no longer the same comparison.",
            links={"Model": "models"},
            width=24,
        ),
    ),
)
