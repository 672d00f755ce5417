"""`costattr retain`: let whole old months leave the ledger; the rollups keep their sums."""

from __future__ import annotations

import argparse
import json

from ..client import Api, add_api


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--months",
        type=int,
        required=True,
        metavar="N",
        help="whole months that stay, before this one",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_api(parser, key="a key with the role admin")


def run(arguments: argparse.Namespace) -> int:
    """Ask the running collector, and print what left the ledger.

    Raises:
        BadInput: Spans of a month that would go are still accepted.
        StoreError: No collector answers.
    """
    wanted = {"months": arguments.months, "dry_run": arguments.dry_run}
    answer = Api(arguments.url, arguments.key).post("/v1/retain", wanted)
    if arguments.json:
        print(json.dumps(answer, indent=2))
        return 0
    verb = "would go" if answer["dry_run"] else "dropped"
    for month in answer["dropped"]:
        print(f"{month['month']}: {month['lines']:,} lines {verb}")
    if not answer["dropped"]:
        print("no month is that old")
    return 0
