"""`costattr reattribute`: give lines the owners that were learned later."""

from __future__ import annotations

import argparse

from ..client import Api
from .amended import add_address, shown, text_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--csv",
        required=True,
        metavar="FILE",
        help="columns match and set, both dimension=value; from and to, days, if wanted",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would change, book nothing"
    )
    add_address(parser, role="admin")


def run(arguments: argparse.Namespace) -> int:
    """Print what moves by tenant, month and model, book it unless told not to, and return 0.

    Raises:
        BadInput: A row makes no sense.
        StoreError: No collector answers.
    """
    wanted = {"csv": text_of(arguments.csv), "dry_run": arguments.dry_run}
    found = Api(arguments.url, arguments.key).post("/v1/reattribute", wanted)
    print(shown(found, as_json=arguments.json))
    return 0
