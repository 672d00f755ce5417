"""What tenants and their users cost."""

from __future__ import annotations

from typing import Final

from ..panels import Board, chart, listing, number
from ..sql import Spend

_ONLY: Final = ("tenant",)
_DAYS: Final = "spend_by_tenant_day"
_WHOLE_DAYS: Final = "Whole days of the reporting time zone."
_EXACT: Final = "From the ledger: choose a tenant first, all tenants take longer."

BOARD: Final = Board(
    name="tenants",
    title="Cost: tenants and users",
    about="What tenants cost, then one tenant by feature, model, user and session.",
    values=("tenant",),
    panels=(
        number(
            "Cost",
            Spend(by=_ONLY, measures=("cost",), source=_DAYS, only=_ONLY, total=True),
            about=_WHOLE_DAYS,
            width=6,
        ),
        number(
            "Calls",
            Spend(by=_ONLY, measures=("calls",), source=_DAYS, only=_ONLY, total=True),
            about=_WHOLE_DAYS,
            width=6,
        ),
        number(
            "Cost per call",
            Spend(by=_ONLY, measures=("cost_per_call",), source=_DAYS, only=_ONLY, total=True),
            about=_WHOLE_DAYS,
            width=6,
        ),
        number(
            "Unpriced calls",
            Spend(by=_ONLY, measures=("unpriced_share",), source=_DAYS, only=_ONLY, total=True),
            about=_WHOLE_DAYS,
            width=6,
        ),
        listing(
            "Tenants",
            Spend(
                by=("tenant",),
                measures=("cost", "calls", "cost_per_call", "failed_share", "unpriced"),
                source=_DAYS,
                only=_ONLY,
            ),
            about=_WHOLE_DAYS,
            links={"Tenant": "tenants"},
        ),
        listing(
            "Plans",
            Spend(
                by=("plan",), measures=("cost", "calls", "cost_per_call"), source=_DAYS, only=_ONLY
            ),
            about=_WHOLE_DAYS,
        ),
        chart(
            "Cost over time by feature",
            Spend(by=("feature",), measures=("cost",), source="ledger", only=_ONLY, over_time=True),
            about=_EXACT,
        ),
        chart(
            "Calls over time by feature",
            Spend(
                by=("feature",), measures=("calls",), source="ledger", only=_ONLY, over_time=True
            ),
            about=_EXACT,
        ),
        listing(
            "Users",
            Spend(
                by=("tenant", "user"),
                measures=("cost", "calls", "cost_per_call", "failed_share"),
                source="ledger",
                only=_ONLY,
            ),
            about=_EXACT,
        ),
        listing(
            "Features and models",
            Spend(
                by=("feature", "provider", "model"),
                measures=("cost", "calls", "cost_per_call"),
                source="ledger",
                only=_ONLY,
            ),
            about=_EXACT,
            links={"Feature": "features", "Model": "models"},
        ),
        listing(
            "Sessions",
            Spend(
                by=("tenant", "session"),
                measures=("cost", "calls", "cost_per_call", "failed_share"),
                source="spend_by_session",
                only=_ONLY,
            ),
            about=_WHOLE_DAYS,
            links={"Session": "sessions"},
            width=24,
        ),
    ),
)
