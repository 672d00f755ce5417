"""`costattr margins --by tenant --month 2026-10`: what is left of revenue after cost."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from otel_costattr.errors import BadInput

from ..analytics.notes import usd
from ..margins.question import MARGINS
from ..margins.review import Customer, Plan, read_plans, review
from ..plain import decimal_text
from ..revenue.records import period_of
from .words import add_words, api_of, as_json, parameters_of

_NOBODY: Final = "(unknown)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--by",
        default="tenant",
        metavar="DIMENSION[,...]",
        help="tenant, plan, feature (default: tenant)",
    )
    parser.add_argument("--month", metavar="2026-10", help="instead of --from and --to")
    parser.add_argument(
        "--propose",
        type=_share,
        metavar="60%",
        help="margin to be left: prints the revenue that leaves it",
    )
    parser.add_argument(
        "--plans", type=Path, metavar="FILE", help="TOML file of what the price of a plan includes"
    )
    parser.add_argument("--limit", type=int, default=1000, help="most rows (default: 1000)")
    add_words(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask, print, and return 0.

    Raises:
        BadInput: The question was refused.
        StoreError: No collector answers.
    """
    if arguments.month is not None:
        period = period_of(arguments.month)
        arguments.start, arguments.end = str(period.first), str(period.last)
    plans = read_plans(arguments.plans) if arguments.plans else {}
    api = api_of(arguments)
    words = parameters_of(arguments, limit=arguments.limit, propose=arguments.propose)
    found = api.get(MARGINS.path, [*words, ("group_by", arguments.by)])
    by_plan = api.get(MARGINS.path, [*words, ("group_by", "tenant,plan")])["data"]
    customers = review(by_plan, plans, months=_months(arguments))
    if arguments.json:
        told = [_words_of(one, plans) for one in customers]
        print(as_json({**found, "customers": told}))
    else:
        print("\n".join([*_table(found, propose=arguments.propose), "", *_notes(customers)]))
    return 0


def _share(word: str) -> Decimal:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%?)", word.strip())
    share = Decimal(found[1]) / (100 if found[2] else 1) if found else Decimal(1)
    if share >= 1:
        raise BadInput(f"--propose {word!r}: use 60% or 0.6, less than all")
    return share


def _months(arguments: argparse.Namespace) -> int:
    if arguments.start is None or arguments.end is None:
        return 1
    first, last = (str(word).split("-") for word in (arguments.start[:7], arguments.end[:7]))
    return max(1, (int(last[0]) - int(first[0])) * 12 + int(last[1]) - int(first[1]) + 1)


def _table(found: Mapping[str, Any], *, propose: Decimal | None) -> list[str]:
    heads = ["revenue", "direct cost", "margin", "%", "loaded cost", "loaded margin"]
    heads += ["calls", "unpriced", "successes", "per success"]
    if propose is not None:
        heads.append(f"for {decimal_text(propose * 100)} %")
    lines = [[*found["group_by"], *heads]]
    for row in [*found["data"], found["total"]]:
        names = [value or _NOBODY for value in row["dimensions"].values()]
        if row is found["total"]:
            names = ["total", *[""] * (len(found["group_by"]) - 1)]
        lines.append([*names, *_cells(row, proposed=propose is not None)])
    return _aligned(lines, left=len(found["group_by"]))


def _cells(row: Mapping[str, Any], *, proposed: bool) -> list[str]:
    percent = row["margin_percent"]
    return [
        "not posted" if row["revenue"] is None else usd(row["revenue"]),
        usd(row["direct_cost"]),
        usd(row["margin"]),
        "" if percent is None else f"{Decimal(percent):,.1f}",
        usd(row["loaded_cost"]),
        usd(row["loaded_margin"]),
        f"{row['calls']:,}",
        f"{row['unpriced_calls']:,}",
        "" if row["successes"] is None else f"{row['successes']:,}",
        "" if row["cost_per_success"] is None else usd(row["cost_per_success"]),
        *([usd(row["proposed_revenue"])] if proposed else []),
    ]


def _aligned(lines: Sequence[Sequence[str]], *, left: int) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def _notes(customers: Sequence[Customer]) -> list[str]:
    told = [one for one in customers if one.words or one.used_percent is not None]
    if not told:
        return ["Nothing stands out."]
    return ["Customers to look at:", *(_note(one) for one in told)]


def _note(one: Customer) -> str:
    used = "" if one.used_percent is None else f"{one.used_percent:,.0f} % of the allowance used"
    words = ", ".join([*one.words, *([used] if used else [])])
    return f"  {one.tenant} ({one.plan or 'no plan'}): {words}"


def _words_of(one: Customer, plans: Mapping[str, Plan]) -> dict[str, Any]:
    used = None if one.used_percent is None else f"{one.used_percent:.4f}"
    known = one.plan in plans
    return {
        "tenant": one.tenant,
        "plan": one.plan,
        "plan_known": known,
        "words": list(one.words),
        "allowance_used_percent": used,
    }
