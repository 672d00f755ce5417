"""`costattr erase`: forget a person, keep the totals."""

from __future__ import annotations

import argparse
import json

from ..client import Api, add_api


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--user", metavar="ID", help="the user, plain or as stored (h:KEY:DIGEST)")
    who.add_argument("--employee", metavar="ID", help="the member of staff, likewise")
    parser.add_argument("--dry-run", action="store_true", help="only count the lines")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_api(parser, key="a key with the role admin")


def run(arguments: argparse.Namespace) -> int:
    """Ask the running collector, print, and return 0.

    Raises:
        BadInput: The value names nobody.
        StoreError: No collector answers.
    """
    wanted = {
        "dimension": "user" if arguments.user is not None else "employee",
        "value": arguments.user if arguments.user is not None else arguments.employee,
        "dry_run": arguments.dry_run,
    }
    found = Api(arguments.url, arguments.key).post("/v1/privacy/erase", wanted)
    if arguments.json:
        print(json.dumps(found, indent=2))
    elif arguments.dry_run:
        print(f"{found['lines']} lines name this person; nothing was changed")
    else:
        print(
            f"erased from {found['lines'] - found['left']} lines; amounts and counts are as before"
        )
    return 0
