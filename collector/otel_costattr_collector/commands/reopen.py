"""`costattr reopen`: open a closed month again."""

from __future__ import annotations

import argparse

from ..client import Api
from .close import add_order, order_of
from .words import as_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_order(parser)


def run(arguments: argparse.Namespace) -> int:
    """Open the month, say so, and return 0.

    Raises:
        BadInput: It is no month, or not closed.
        StoreError: No collector answers.
    """
    answer = Api(arguments.url, arguments.key).post("/v1/closings/reopen", order_of(arguments))
    if arguments.json:
        print(as_json(answer))
    else:
        month = answer["record"]["month"]
        print(f"{month} is open again; what got a later date meanwhile keeps it")
    return 0
