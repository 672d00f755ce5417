"""`costattr audit`: do ledger, call keys and rollups agree, and if not, mend them."""

from __future__ import annotations

import argparse
import json
from datetime import date

from ..audit.report import report_lines
from ..client import Api, add_api


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--from",
        dest="first",
        type=date.fromisoformat,
        metavar="DAY",
        help="first day of recording, such as 2026-11-01 (default: the recent hours)",
    )
    parser.add_argument(
        "--to",
        dest="last",
        type=date.fromisoformat,
        metavar="DAY",
        help="last day of recording (default: the first one)",
    )
    parser.add_argument(
        "--repair",
        action="store_true",
        help="take back calls that count twice, insert what rollups lack",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_api(parser, key="a key with the role admin")


def run(arguments: argparse.Namespace) -> int:
    """Ask the running collector, print, and return 1 if a difference is left.

    Raises:
        BadInput: The period is none, or another collector mends the books.
        StoreError: No collector answers.
    """
    wanted = {
        "first_day": arguments.first and str(arguments.first),
        "last_day": arguments.last and str(arguments.last),
        "repair": arguments.repair,
    }
    report = Api(arguments.url, arguments.key).post("/v1/audit", wanted)
    if arguments.json:
        print(json.dumps(report, indent=2))
    else:
        print("\n".join(report_lines(report)))
    return 1 if report["differences"] > report["mended"] else 0
