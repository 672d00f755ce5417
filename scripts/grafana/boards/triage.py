"""Who or what caused a spike, in the order in which to look."""

from __future__ import annotations

from typing import Final

from ..named import RETRIES, compared
from ..panels import Board, Panel, chart, listing
from ..sql import Spend, title_of

_LINKS: Final = {
    "Feature": "features",
    "Tenant": "tenants",
    "Prompt version": "prompts",
    "Provider": "models",
    "Model": "models",
    "Session": "sessions",
}


def _compared(title: str, *by: str, about: str = "") -> Panel:
    headings = {title_of(name) for name in by}
    links = {heading: board for heading, board in _LINKS.items() if heading in headings}
    return listing(title, compared(by), about=about, links=links)


BOARD: Final = Board(
    name="triage",
    title="Cost: spike triage",
    about=(
        "Choose the window of the spike as period. Each table compares it with the same window"
        " before, the largest change first, and splits the change into volume, mix, tokens per"
        " call and price. `costattr triage --around TIME` walks the same order and writes the note."
    ),
    since="now-3h",
    compares=True,
    panels=(
        listing(
            "1. The window and its change",
            compared(("feature",), total=True),
            about="Volume: more calls. Mix: other models. Tokens: longer calls. Price: new rates.",
            width=24,
            height=4,
        ),
        chart(
            "Cost by feature over time", Spend(by=("feature",), measures=("cost",), over_time=True)
        ),
        chart(
            "Calls by feature over time",
            Spend(by=("feature",), measures=("calls",), over_time=True),
        ),
        _compared("2. Features", "feature"),
        _compared("3. Tenants", "tenant"),
        _compared("4. Users", "tenant", "user", about="One user far ahead of all others: abuse."),
        _compared("5. Prompt versions", "feature", "prompt_version"),
        _compared("6. Models", "provider", "model", about="A new model at the top: routing."),
        _compared("7. Sessions", "tenant", "session", about="A loop shows as one session."),
        listing(
            "8. Retries",
            RETRIES,
            about="Far more than one try a request, most of them failed: a retry storm.",
            links={"Feature": "features"},
        ),
        _compared("9. Errors", "feature", "error_type", about="Failures that grew."),
        _compared("10. Services", "service_name", "environment"),
    ),
)
