"""How far the figures can be trusted, and what to mend first."""

from __future__ import annotations

from typing import Final

from ..named import AUDITS, BACKLOG, ROLLUPS
from ..panels import Board, chart, listing, number
from ..sql import Spend

_TENANT_DAYS: Final = "spend_by_tenant_day"

BOARD: Final = Board(
    name="quality",
    title="Cost: data quality",
    about=(
        "How much of the figures is known: prices, owners, assumptions, duplicates, and whether"
        " the rollups add up to the ledger. `costattr quality` holds the same against thresholds."
    ),
    panels=(
        number(
            "Unpriced calls",
            Spend(by=("feature",), measures=("unpriced_share",), total=True),
            about="In no cost: nobody knows their price.",
        ),
        number(
            "Estimated calls",
            Spend(by=("feature",), measures=("estimated_share",), total=True),
            about="In the cost, with a count or a rate that was assumed.",
        ),
        number("With a feature", Spend(by=("feature",), measures=("owned_share",), total=True)),
        number(
            "With a prompt version",
            Spend(by=("prompt_version",), measures=("owned_share",), total=True),
        ),
        number(
            "With a tenant",
            Spend(by=("tenant",), measures=("owned_share",), source=_TENANT_DAYS, total=True),
            about="Whole days of the reporting time zone.",
        ),
        number(
            "Duplicates",
            Spend(by=("feature",), measures=("duplicates",), total=True),
            about="Spans that described a call which another span counts: left out, once each.",
        ),
        chart(
            "Calls by status over time", Spend(by=("status",), measures=("calls",), over_time=True)
        ),
        listing(
            "Reasons",
            Spend(by=("status", "reason"), measures=("calls", "cost", "unpriced", "estimated")),
        ),
        listing(
            "Models without a price",
            Spend(
                by=("provider", "model", "reason"),
                measures=("calls", "input_per_call", "output_per_call"),
                where=(("status", "unpriced"),),
            ),
            about="Add them to the contract file; `costattr doctor` names the setting.",
        ),
        listing(
            "Backlog",
            BACKLOG,
            about="What to attribute or price next, the dearest first; `example` is a span.",
            width=24,
        ),
        listing(
            "Emitters",
            Spend(
                by=("emitter", "scope_name", "scope_version"),
                measures=("calls", "duplicates", "unpriced", "estimated_share"),
                source="ledger",
            ),
        ),
        listing(
            "Real, test and demo",
            Spend(by=("data_mode",), measures=("cost", "calls", "unpriced"), every_mode=True),
            about="Whatever is chosen above: test and demo traffic is kept apart, not dropped.",
        ),
        listing(
            "Ledger against rollups",
            ROLLUPS,
            about=(
                "Nothing is apart unless a batch is just being written. Whole days of the chosen"
                " time zone, so choose the reporting one. `costattr audit` mends."
            ),
            width=24,
        ),
        listing(
            "Last audits",
            AUDITS,
            about=(
                "What each audit found, whatever the period: `left` is 0 where the books agree or"
                " were mended. An audit looks at what was recorded in its period."
            ),
            width=24,
        ),
    ),
)
