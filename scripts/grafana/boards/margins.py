"""What is left of revenue, and how far budgets are spent."""

from __future__ import annotations

from typing import Final

from ..named import BURN, margins
from ..panels import Board, chart, listing, number
from ..sql import Spend

_ONLY: Final = ("tenant",)
_DAYS: Final = (
    "Whole days, all environments and data: revenue belongs to none. Unknown where no revenue was"
    " posted; with unpriced calls a margin is too high."
)
_LOADED: Final = "Every entry, what was allocated as well, by the measure that is chosen above."


BOARD: Final = Board(
    name="margins",
    title="Cost: margins and budgets",
    about=(
        "Revenue, cost and margin: direct is what each tenant caused itself, loaded has what was"
        " allocated to it. Below, budgets in force at the end of the period."
    ),
    values=_ONLY,
    since="now-30d",
    panels=(
        *(
            number(
                title,
                margins("tenant", titles=(title,), only=_ONLY, total=True),
                about=_DAYS,
                width=4,
            )
            for title in (
                "Revenue",
                "Direct cost",
                "Loaded cost",
                "Margin",
                "Margin %",
                "Loaded margin",
            )
        ),
        listing(
            "Margins by tenant",
            margins("tenant", only=_ONLY),
            about=_DAYS,
            links={"Tenant": "tenants"},
            width=24,
        ),
        listing("Margins by plan", margins("plan"), about=_DAYS),
        listing(
            "Margins by feature", margins("feature"), about=_DAYS, links={"Feature": "features"}
        ),
        chart(
            "Cost over time by tenant",
            Spend(by=("tenant",), measures=("cost",), source="ledger", only=_ONLY, over_time=True),
            about=_LOADED,
        ),
        listing(
            "Cost by tenant",
            Spend(
                by=("tenant",),
                measures=("cost", "calls", "cost_per_call"),
                source="spend_by_tenant_day",
                only=_ONLY,
            ),
            about=_LOADED,
            links={"Tenant": "tenants"},
        ),
        listing(
            "Budgets",
            BURN,
            about="Periods in UTC; direct cost, whatever is chosen above.",
            width=24,
        ),
    ),
)
