"""`costattr reprice`: price what is in the ledger again, and book what differs."""

from __future__ import annotations

import argparse

from ..client import Api
from .amended import add_books, add_stretch, books_of, shown, stretch_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_stretch(parser, role="admin")
    add_books(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would change, book nothing"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the difference by tenant, month and model, book it unless told not to, and return 0.

    Raises:
        BadInput: The period or a contract makes no sense.
        StoreError: No collector answers.
    """
    api = Api(arguments.url, arguments.key)
    wanted = {**stretch_of(arguments), "overlays": books_of(arguments)}
    found = api.post("/v1/reprice", {**wanted, "dry_run": arguments.dry_run})
    print(shown(found, as_json=arguments.json))
    return 0
