"""`costattr reconcile`: a provider's bill against the ledger, the gap split into its causes."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Mapping
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from otel_costattr.errors import BadInput

from ..client import Api, add_api
from ..invoices.importers import FORMS, read_bill
from .allocate import days_of, read_text
from .words import as_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--provider", required=True, help="who bills, as the ledger names it")
    parser.add_argument("--file", required=True, type=Path, help="the bill")
    parser.add_argument(
        "--format", choices=("auto", *FORMS), default="auto", help="of the file (default: auto)"
    )
    parser.add_argument("--id", help="of the bill (default: provider and digest of the file)")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, metavar="DAY")
    parser.add_argument("--to", dest="last", type=date.fromisoformat, metavar="DAY")
    parser.add_argument(
        "--month", metavar="YYYY-MM", help="all days of a month, instead of --from and --to"
    )
    parser.add_argument(
        "--map",
        type=Path,
        metavar="FILE",
        help="TOML file with [models] and [projects]: the bill's names to the ledger's",
    )
    parser.add_argument("--post", action="store_true", help="book the gaps as true-ups")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_api(parser, key="a key with the role admin")


def run(arguments: argparse.Namespace) -> int:
    """Keep the bill, compare it, print what differs, and return 0.

    Raises:
        BadInput: The file is in no known format, or the bill was refused.
        StoreError: No collector answers.
    """
    text = read_text(arguments.file)
    lines = read_bill(text, arguments.format, source=str(arguments.file))
    name = arguments.id or f"{arguments.provider}-{sha256(text.encode()).hexdigest()[:12]}"
    first, last = days_of(arguments.month, arguments.first, arguments.last)
    api = Api(arguments.url, arguments.key)
    posted = [line.model_dump(mode="json") for line in lines]
    api.post("/v1/invoices", {"id": name, "provider": arguments.provider, "lines": posted})
    wanted = {
        "bill": name,
        "first_day": str(first),
        "last_day": str(last),
        "post": arguments.post,
        **({} if arguments.map is None else names_in(read_text(arguments.map))),
    }
    found = api.post("/v1/reconcile", wanted)
    print(as_json(found) if arguments.json else comparison_text(found))
    return 0


def names_in(text: str) -> dict[str, dict[str, str]]:
    """Read names of models and projects.

    Raises:
        BadInput: It is no TOML, or has other tables.
    """
    try:
        words = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"--map: cannot be read as TOML: {error}") from error
    if not set(words) <= {"models", "projects"}:
        raise BadInput("--map: use the tables [models] and [projects]")
    return words


def comparison_text(found: Mapping[str, Any]) -> str:
    """Write a comparison, for people."""
    sums = f"{found['bill_usd']} USD, ledger {found['ledger_usd']} USD, gap {found['gap_usd']} USD"
    lines = [f"bill {found['bill']}: {sums}"]
    lines += [f"  {cause}: {usd} USD" for cause, usd in found["causes"].items() if usd != "0"]
    for cell in found["cells"]:
        where = " ".join(filter(None, (cell["day"], cell["model"], cell["project"])))
        causes = ", ".join(f"{cause} {usd}" for cause, usd in cell["causes"].items())
        lines.append(f"{where}: {cell['gap_usd']} USD: {causes}")
    if found["offset_hours"]:
        lines.append(f"note: its days are {found['offset_hours']} hours behind UTC")
    if found["lines"]:
        lines.append(f"{found['lines']} true-ups booked")
    if found["closed_months"]:
        closed = ", ".join(found["closed_months"])
        lines.append(f"note: {closed} is closed: true-ups are dated in an open month")
    return "\n".join(lines)
