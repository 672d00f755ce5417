"""`costattr verify`: is the chain of statements whole?"""

from __future__ import annotations

import argparse

from ..client import Api, add_api
from .words import as_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_api(parser, key="a key with the role admin")


def run(arguments: argparse.Namespace) -> int:
    """Ask the running collector, print, and return 1 if a statement was changed or is missing.

    Raises:
        StoreError: No collector answers.
    """
    found = Api(arguments.url, arguments.key).get("/v1/statements/verify")
    if arguments.json:
        print(as_json(found))
    else:
        state = "broken" if found["problems"] else "whole"
        print(f"{found['statements']} statements, the chain is {state}, head {found['head']}")
        print("".join(f"{problem}\n" for problem in found["problems"]), end="")
    return 1 if found["problems"] else 0
