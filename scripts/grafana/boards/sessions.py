"""What sessions, agents and workflows cost."""

from __future__ import annotations

from typing import Final

from ..named import CALLS
from ..panels import Board, chart, listing
from ..sql import Spend

_SESSION: Final = ("tenant", "session")
_COMMON: Final = ("cost", "calls", "cost_per_call", "failed_share", "unpriced")
_AGENTS: Final = ("agent", "workflow")

BOARD: Final = Board(
    name="sessions",
    title="Cost: sessions and agents",
    about=(
        "What sessions cost, then the calls of one session; what agents and workflows cost."
        " A session is chosen by a click, or typed."
    ),
    values=("tenant", *_AGENTS),
    texts=("session",),
    panels=(
        listing(
            "Sessions",
            Spend(by=_SESSION, measures=_COMMON, source="spend_by_session", only=_SESSION),
            about="Whole days of the reporting time zone.",
            links={"Tenant": "tenants", "Session": "sessions"},
        ),
        listing(
            "Session by step and model",
            Spend(
                by=("session", "agent", "step", "operation", "model"),
                measures=_COMMON,
                source="ledger",
                only=(*_SESSION, *_AGENTS),
            ),
            about="From the ledger: choose a session or a short period.",
            links={"Model": "models"},
        ),
        listing(
            "Calls",
            CALLS,
            about="Single lines of the ledger, the oldest first: choose a session.",
            links={"Tenant": "tenants", "Model": "models"},
            width=24,
        ),
        chart(
            "Cost by agent over time",
            Spend(by=("agent",), measures=("cost",), only=_AGENTS, over_time=True),
        ),
        chart(
            "Cost per call by agent over time",
            Spend(by=("agent",), measures=("cost_per_call",), only=_AGENTS, over_time=True),
        ),
        listing(
            "Agents",
            Spend(
                by=("agent",),
                measures=("cost", "calls", "cost_per_call", "failed_share"),
                only=_AGENTS,
            ),
            links={"Agent": "sessions"},
        ),
        listing(
            "Workflows",
            Spend(
                by=("workflow", "agent", "step"),
                measures=("cost", "calls", "cost_per_call", "failed_share"),
                only=_AGENTS,
            ),
            links={"Workflow": "sessions", "Agent": "sessions"},
        ),
    ),
)
