"""`costattr allocate`: move shared costs to who uses them, show it first, take it back."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from otel_costattr.errors import BadInput

from ..client import Api, add_api

_PATH: Final = "/v1/allocations"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--rules", type=Path, metavar="FILE", help="TOML file of rules: run them")
    what.add_argument("--reverse", metavar="RUN", help="take back what a run has in force")
    what.add_argument("--list", action="store_true", help="list every run")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, metavar="DAY")
    parser.add_argument("--to", dest="last", type=date.fromisoformat, metavar="DAY")
    parser.add_argument(
        "--month", metavar="YYYY-MM", help="all days of a month, instead of --from and --to"
    )
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="CSV with value and weight, and rule if they are not for every rule by revenue",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what it would move")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_api(parser, key="a key with the role admin")


def run(arguments: argparse.Namespace) -> int:
    """Ask the running collector, print what moved, and return 0.

    Raises:
        BadInput: A file cannot be read, or the run was refused.
        StoreError: No collector answers.
    """
    api = Api(arguments.url, arguments.key)
    if arguments.list:
        answer = api.get(_PATH)
        text = list_text(answer)
    elif arguments.reverse:
        answer = api.post(f"{_PATH}/reverse", {"run_id": arguments.reverse})
        text = f"{answer['run_id']}: {answer['state']}, {answer['lines']} lines"
    else:
        answer = api.post(_PATH, _wanted(arguments))
        text = run_text(answer)
    print(json.dumps(answer, indent=2, ensure_ascii=False) if arguments.json else text)
    return 0


def _wanted(arguments: argparse.Namespace) -> dict[str, Any]:
    first, last = days_of(arguments.month, arguments.first, arguments.last)
    return {
        "rules": read_text(arguments.rules),
        "first_day": str(first),
        "last_day": str(last),
        "weights": {} if arguments.weights is None else weights_in(read_text(arguments.weights)),
        "dry_run": arguments.dry_run,
    }


def read_text(path: Path) -> str:
    """Read a file.

    Raises:
        BadInput: It cannot be read.
    """
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read: {error}") from error


def days_of(month: str | None, first: date | None, last: date | None) -> tuple[date, date]:
    """Find the first and the last day of a period.

    Args:
        month: Such as `2026-10`, or None.
        first: First day, if there is no month.
        last: Last day, if there is no month.

    Raises:
        BadInput: It is no month, or neither a month nor both days are given.
    """
    if month is None:
        if first is None or last is None:
            raise BadInput("name the period: --month, or --from and --to")
        return first, last
    try:
        start = date.fromisoformat(f"{month}-01")
    except ValueError as error:
        raise BadInput(f"--month {month!r}: use a month such as 2026-10") from error
    return start, (start + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def weights_in(text: str) -> Mapping[str, Mapping[str, str]]:
    """Read weights from CSV: rule (or `''` for every rule by revenue) to value to weight.

    Raises:
        BadInput: A column is missing, a weight is no number, or a value comes twice.
    """
    reader = csv.DictReader(text.splitlines())
    if not {"value", "weight"} <= set(reader.fieldnames or ()):
        raise BadInput("--weights: use a CSV file with the columns value and weight (and rule)")
    found: dict[str, dict[str, str]] = {}
    for row in reader:
        values = found.setdefault(row.get("rule") or "", {})
        if row["value"] in values:
            raise BadInput(f"--weights: {row['value']!r} comes twice")
        values[row["value"]] = f"{_number(row['weight']):f}"
    return found


def _number(word: str) -> Decimal:
    try:
        number = Decimal(word)
    except InvalidOperation as error:
        raise BadInput(f"--weights: {word!r} is no number") from error
    if not number.is_finite():
        raise BadInput(f"--weights: {word!r} is no number")
    return number


def run_text(answer: Mapping[str, Any]) -> str:
    """Write what a run moves, for people."""
    lines = [f"{answer['run_id']}: {answer['state']}, {answer['lines']} lines"]
    lines += [f"  takes back {former}" for former in answer["replaces"]]
    for rule in answer["rules"]:
        lines.append(
            f"{rule['rule']}: {rule['moved_usd']} USD to {rule['target']} by {rule['basis']}"
        )
        if Decimal(rule["left_usd"]):
            lines.append(f"  {rule['left_usd']} USD stays")
        width = max((len(share["value"]) for share in rule["shares"]), default=0)
        lines += [
            f"  {share['value']:<{width}}  {share['amount_usd']} USD  (weight {share['weight']})"
            for share in rule["shares"]
        ]
    return "\n".join([*lines, *(f"note: {note}" for note in answer["notes"])])


def list_text(answer: Mapping[str, Any]) -> str:
    """Write a list of runs, for people."""
    rows = [
        f"{run['run_id']} #{run['posting']}: "
        + (f"{run['lines']} lines, {run['moved_usd']} USD" if run["in_force"] else "taken back")
        for run in answer["runs"]
    ]
    return "\n".join(rows) or "no runs"
