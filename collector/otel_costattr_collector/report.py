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
_WIDE: Final = 100
_LEAST_WIDTH: Final = 60
_WIDEST_NAME: Final = 24

_BARS: Final = "▁▂▃▄▅▆▇█"

Costs = Mapping[str, Any]
Names = tuple[str, ...]

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
    "least_cost",
    "most_cost",
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


def as_table(
    costs: Costs,
    *,
    width: int | None = None,
    color: bool = False,
    trends: Mapping[Names, str] | None = None,
) -> str:
    """Draw a table with totals, and say below it what is not known.

    Args:
        costs: The answer of the API.
        width: Columns of the terminal; None for wide enough.
        color: Whether to write colours.
        trends: Values of the dimensions to the spark line of the row.
    """
    narrow = width is not None and width < _WIDE
    out = io.StringIO()
    console = Console(
        file=out,
        width=max(width or _WIDE, _LEAST_WIDTH),
        force_terminal=color,
        no_color=not color,
        highlight=False,
    )
    console.print(_table(costs, trends or {}, narrow=narrow))
    for note in _notes(costs):
        console.print(note)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _table(costs: Costs, trends: Mapping[Names, str], *, narrow: bool) -> Table:
    rows: Sequence[Costs] = costs["data"]
    extra = [column for column in _EXTRA if any(row[column[1]] for row in rows)]
    measured = _MAIN[:2] if narrow else (*_MAIN, *extra)
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
        for head, measure, write in measured
    ]
    for head, values in columns:
        table.add_column(head, values[-1], justify="right")
    if trends:
        table.add_column("trend", no_wrap=True)
    for at, row in enumerate(rows):
        key = tuple(row["dimensions"][name] for name in costs["group_by"])
        trend = [trends.get(key, "")] if trends else []
        table.add_row(*map(_name, key), *(column[at] for _, column in columns), *trend)
    return table


def trends_of(buckets: Costs) -> dict[Names, str]:
    """Draw the cost of each row over time; a bucket without a price is a blank.

    Args:
        buckets: The same question with a grain.
    """
    moments = sorted({row["bucket"] for row in buckets["data"]})
    series: dict[Names, dict[str, Decimal]] = {}
    for row in buckets["data"]:
        names = tuple(row["dimensions"][name] for name in buckets["group_by"])
        own = series.setdefault(names, {})
        if row["total_cost"] is not None:
            own[row["bucket"]] = Decimal(row["total_cost"])
    return {
        names: spark_line([own.get(moment) for moment in moments]) for names, own in series.items()
    }


def spark_line(values: Sequence[Decimal | None]) -> str:
    """Draw values as bars of eight heights, None as a blank; the largest is the tallest."""
    top = max((value for value in values if value is not None), default=Decimal(0))
    return "".join(_bar(value, top) for value in values)


def _bar(value: Decimal | None, top: Decimal) -> str:
    if value is None:
        return " "
    if top <= 0 or value <= 0:
        return _BARS[0]
    return _BARS[min(int(value / top * len(_BARS)), len(_BARS) - 1)]


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


def _bound(amount: str | None) -> str:
    return "-" if amount is None else amount


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
    ("unpriced\nat least", "least_cost", _bound),
    ("unpriced\nat most", "most_cost", _bound),
    ("failed", "failed_calls", _count),
)
"""Columns that are shown only where a row has something to say."""


def _notes(costs: Costs) -> list[str]:
    total = costs["total"]
    notes = [_coverage(costs) if total["calls"] else "No call in this period."]
    if total["unpriced_lines"]:
        notes.append(
            f"{_calls(total['unpriced_lines'])} without a price may have cost what is not in the "
            "total: costattr report --by provider,model,reason --where status=unpriced"
        )
    if total["duplicates"]:
        notes.append(f"{total['duplicates']:,} duplicate spans were recognised and not counted.")
    if costs.get("closed_months"):
        closed = ", ".join(costs["closed_months"])
        notes.append(f"Closed: {closed}. What is learned of them later stands in an open month.")
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
