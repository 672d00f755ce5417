"""What everything costs, and whether the figures can be trusted."""

from __future__ import annotations

from typing import Final

from ..panels import Board, chart, listing, number
from ..sql import Spend

_ALL: Final = ("feature",)

BOARD: Final = Board(
    name="overview",
    title="Cost: overview",
    about=(
        "What everything costs, where it goes, and how much of it is known."
        " Click a name to go deeper."
    ),
    panels=(
        number("Cost", Spend(by=_ALL, measures=("cost",), total=True)),
        number("Calls", Spend(by=_ALL, measures=("calls",), total=True)),
        number(
            "Cost per call",
            Spend(by=_ALL, measures=("cost_per_call",), total=True),
            about="Over the calls that have a price.",
        ),
        number(
            "Unpriced calls",
            Spend(by=_ALL, measures=("unpriced_share",), total=True),
            about="Calls that the cost does not contain, because nobody knows their price.",
        ),
        number(
            "Calls with a feature",
            Spend(by=_ALL, measures=("owned_share",), total=True),
        ),
        number(
            "Calls with a tenant",
            Spend(
                by=("tenant",), measures=("owned_share",), source="spend_by_tenant_day", total=True
            ),
            about="Whole days of the reporting time zone.",
        ),
        chart(
            "Cost by feature over time",
            Spend(by=("feature",), measures=("cost",), over_time=True),
        ),
        chart(
            "Cost by model over time",
            Spend(by=("model",), measures=("cost",), over_time=True),
        ),
        listing(
            "Features",
            Spend(
                by=("feature",),
                measures=("cost", "calls", "cost_per_call", "unpriced", "failed_share"),
            ),
            links={"Feature": "features"},
        ),
        listing(
            "Tenants",
            Spend(
                by=("tenant",),
                measures=("cost", "calls", "cost_per_call", "unpriced"),
                source="spend_by_tenant_day",
            ),
            about="Whole days of the reporting time zone.",
            links={"Tenant": "tenants"},
        ),
        listing(
            "Models",
            Spend(
                by=("provider", "model"),
                measures=("cost", "calls", "cost_per_call", "cached_share", "unpriced"),
            ),
            links={"Provider": "models", "Model": "models"},
        ),
        listing(
            "Teams",
            Spend(by=("team",), measures=("cost", "calls", "cost_per_call")),
        ),
    ),
)
