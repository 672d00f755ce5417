"""The spend report in three formats: a table for people, JSON and CSV for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from rich import box
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

NOBODY: Final = "(unknown)"
_LEAST_WIDTH: Final = 100
_WIDEST_NAME: Final = 24

Costs = Mapping[str, Any]

MEASURES: Final[tuple[str, ...]] = (
    "calls",
    "total_cost",
    "input_tokens",
    "output_tokens",
    "priced_calls",
    "estimated_calls",
    "unpriced_calls",
    "failed_calls",
    "cache_read_tokens",
    "list_cost",
    "reported_cost",
)
"""What CSV holds beside the dimensions; an empty field is unknown."""


def as_json(costs: Costs) -> str:
    """Write the answer as it came, indented."""
    return json.dumps(costs, indent=2, ensure_ascii=False)


def as_csv(costs: Costs) -> str:
    """Write one line a row and none for the total; unknown is an empty field, never 0."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*costs["group_by"], *MEASURES])
    for row in costs["data"]:
        names = [row["dimensions"][name] for name in costs["group_by"]]
        writer.writerow([*names, *(row[measure] for measure in MEASURES)])
    return out.getvalue().removesuffix("\n")


def as_table(costs: Costs, *, width: int | None = None, color: bool = False) -> str:
    """Draw a table with totals, and say below it what is not known.

    Args:
        costs: The answer of the API.
        width: Columns of the terminal; None for wide enough.
        color: Whether to write colours.
    """
    out = io.StringIO()
    console = Console(
        file=out,
        width=max(width or 0, _LEAST_WIDTH),
        force_terminal=color,
        no_color=not color,
        highlight=False,
    )
    console.print(_table(costs))
    for note in _notes(costs):
        console.print(note)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _table(costs: Costs) -> Table:
    rows: Sequence[Costs] = costs["data"]
    extra = [column for column in _EXTRA if any(row[column[1]] for row in rows)]
    total = costs["total"]
    table = Table(
        title=escape(_title(costs)), title_justify="left", show_footer=True, box=box.SIMPLE_HEAD
    )
    for place, name in enumerate(costs["group_by"]):
        widest = max((len(row["dimensions"][name] or NOBODY) for row in rows), default=0)
        table.add_column(
            escape(name.replace("_", "\n")),
            "total" if place == 0 else "",
            min_width=min(widest, _WIDEST_NAME),
            overflow="fold",
        )
    columns = [
        (head, _aligned([write(row[measure]) for row in (*rows, total)]))
        for head, measure, write in (*_MAIN, *extra)
    ]
    for head, values in columns:
        table.add_column(head, values[-1], justify="right")
    for at, row in enumerate(rows):
        names = [_name(row["dimensions"][name]) for name in costs["group_by"]]
        table.add_row(*names, *(values[at] for _, values in columns))
    return table


def _aligned(values: Sequence[str]) -> list[str]:
    """Set decimal points below each other."""
    parts = [value.partition(".") for value in values]
    widest = max(len(point + decimals) for _, point, decimals in parts)
    return [whole + (point + decimals).ljust(widest) for whole, point, decimals in parts]


def _name(value: str) -> RenderableType:
    return Text(value) if value else Text(NOBODY, style="dim")


def _title(costs: Costs) -> str:
    start, end = costs["start_date"], costs["end_date"]
    since = f"from {start} " if start else ""
    until = f"to {end} " if end else ""
    return f"Spend {since}{until}by {', '.join(costs['group_by'])}".strip()


def _usd(amount: str | None) -> str:
    return "unknown" if amount is None else amount


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


Write = Callable[[Any], str]
_MAIN: Final[tuple[tuple[str, str, Write], ...]] = (
    ("calls", "calls", _count),
    ("cost USD", "total_cost", _usd),
    ("input\ntokens", "input_tokens", _count),
    ("output\ntokens", "output_tokens", _count),
)
_EXTRA: Final[tuple[tuple[str, str, Write], ...]] = (
    ("estimated", "estimated_calls", _count),
    ("unpriced", "unpriced_lines", _count),
    ("failed", "failed_calls", _count),
)
"""Columns that are shown only where a row has something to say."""


def _notes(costs: Costs) -> list[str]:
    total = costs["total"]
    notes = [_coverage(costs) if total["calls"] else "No call in this period."]
    if total["unpriced_lines"]:
        notes.append(
            f"{_calls(total['unpriced_lines'])} without a price cost something that is not in the "
            "total: costattr report --by provider,model,reason --where status=unpriced"
        )
    if total["duplicates"]:
        notes.append(f"{total['duplicates']:,} duplicate spans were recognised and not counted.")
    if costs["truncated"]:
        notes.append("There are more rows: raise --limit. The total is over all of them.")
    return [escape(note) for note in notes]


def _coverage(costs: Costs) -> str:
    total = costs["total"]
    return (
        f"{_percent(total['price_coverage'])} of calls have a price; "
        f"{_percent(total['attribution_coverage'])} have a known {_words(costs['group_by'])}."
    )


def _calls(number: int) -> str:
    return "1 call" if number == 1 else f"{number:,} calls"


def _words(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _percent(share: str | None) -> str:
    return "unknown share" if share is None else f"{Decimal(share) * 100:.1f} %"


FORMATS: Final[Mapping[str, Callable[[Costs], str]]] = {
    "table": as_table,
    "json": as_json,
    "csv": as_csv,
}
