"""`costattr budgets`: set them from a file, end them, and see how they stand."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ..analytics.notes import usd
from ..budgets.records import read_budgets
from ..client import Api, add_api
from .words import as_json

_PARTS: Final = ("expected_change", "volume", "mix", "tokens_per_call", "price", "other")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    what = parser.add_subparsers(dest="what", required=True, metavar="apply|end|status|anomalies")
    applying = what.add_parser("apply", help="set the budgets of a TOML file")
    applying.add_argument("file", type=Path, metavar="FILE")
    ending = what.add_parser("end", help="end budgets")
    ending.add_argument("ids", nargs="+", metavar="ID")
    standing = what.add_parser("status", help="print how the budgets in force stand")
    standing.add_argument("--budget", metavar="ID", help="only this one")
    standing.add_argument(
        "--explain", action="store_true", help="say why spend is not what was planned"
    )
    standing.add_argument("--json", action="store_true", help="print JSON")
    odd = what.add_parser("anomalies", help="print days out of the ordinary")
    odd.add_argument("--from", dest="first", metavar="DAY", help="first day")
    odd.add_argument("--to", dest="last", metavar="DAY", help="last day")
    for one in (applying, ending, standing, odd):
        add_api(one, key="a key; setting needs an admin's")


def run(arguments: argparse.Namespace) -> int:
    """Do it, print, and return 0; for status 1 if a budget is spent.

    Raises:
        BadInput: The file or what it says was refused.
        StoreError: No collector answers.
    """
    return _DO[arguments.what](Api(arguments.url, arguments.key), arguments)


def _apply(api: Api, arguments: argparse.Namespace) -> int:
    return _told(api.post("/v1/budgets", read_budgets(arguments.file).model_dump(mode="json")))


def _end(api: Api, arguments: argparse.Namespace) -> int:
    return _told(api.post("/v1/budgets/end", {"ids": arguments.ids}))


def _told(taken: Mapping[str, Any]) -> int:
    print(f"{taken['accepted']} accepted, {taken['duplicates']} known already")
    return 0


def _status(api: Api, arguments: argparse.Namespace) -> int:
    words = [("explain", "true")] if arguments.explain else []
    words += [("budget", arguments.budget)] if arguments.budget else []
    found = api.get("/v1/budgets", words)
    if arguments.json:
        print(as_json(found))
    else:
        print("\n".join(line for one in found["data"] for line in _lines(one)) or "no budgets")
    return 1 if any(float(one["spent_percent"]) >= 100 for one in found["data"]) else 0


def _anomalies(api: Api, arguments: argparse.Namespace) -> int:
    named = (("first_day", arguments.first), ("last_day", arguments.last))
    found = api.get("/v1/analytics/anomalies", [(n, word) for n, word in named if word])["data"]
    for one in found:
        print(
            f"{one['day']}  {one['dimension']} {one['value'] or '(unknown)'}:"
            f" {usd(one['cost'])} USD, {usd(one['expected'])} usual"
            f" ({float(one['score']):+.1f} spreads, {one['days']} of {one['basis']})"
        )
    if not found:
        print("nothing out of the ordinary")
    return 0


def _lines(one: Mapping[str, Any]) -> list[str]:
    budget = one["budget"]
    interval = (
        ""
        if one["forecast_low"] is None
        else f" ({usd(one['forecast_low'])} to {usd(one['forecast_high'])})"
    )
    lines = [
        f"{budget['id']}: {usd(one['spent'])} of {usd(budget['amount_usd'])} USD"
        f" ({one['spent_percent']} %), {one['first_day']} to {one['last_day']},"
        f" {one['elapsed_percent']} % over: {one['action']}"
        + (f" to {one['model']}" if one["model"] else ""),
        (
            f"  {usd(one['burn_per_day'])} a day, {usd(one['forecast'])}{interval} at the end,"
            f" {one['forecast_percent']} % ({one['method']})"
        ),
    ]
    if one["unpriced_calls"]:
        lines.append(f"  {one['unpriced_calls']:,} calls without a price are in no amount")
    variance = one["variance"]
    if variance:
        parts = ", ".join(f"{part.replace('_', ' ')} {usd(variance[part])}" for part in _PARTS)
        lines.append(f"  {usd(variance['variance'])} USD beside the plan: {parts}")
    return lines


_DO: Final[Mapping[str, Callable[[Api, argparse.Namespace], int]]] = {
    "anomalies": _anomalies,
    "apply": _apply,
    "end": _end,
    "status": _status,
}
