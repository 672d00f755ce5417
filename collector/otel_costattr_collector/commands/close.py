"""`costattr close`: close a month; what is learned of it later is booked in an open one."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from otel_costattr.errors import RetryableError

from ..client import Api
from .amended import add_address
from .words import as_json

STEP_S = 1.0
"""How long the command waits before it asks again, seconds."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_order(parser)
    parser.add_argument(
        "--wait",
        type=float,
        default=120.0,
        metavar="SECONDS",
        help="how long to wait for what is on its way to the ledger (default: %(default)s)",
    )


def add_order(parser: argparse.ArgumentParser) -> None:
    """Add month, who and why, and the address."""
    parser.add_argument("month", metavar="YYYY-MM", help="such as 2026-10")
    parser.add_argument("--who", default="", help="who does it (default: the name of the key)")
    parser.add_argument("--note", default="", help="why")
    add_address(parser, role="admin")


def order_of(arguments: argparse.Namespace) -> dict[str, str]:
    """Write the order as the API takes it."""
    return {"month": arguments.month, "who": arguments.who, "note": arguments.note}


def run(arguments: argparse.Namespace) -> int:
    """Close the month once nothing of it is on its way, print its sums, and return 0.

    Raises:
        BadInput: It is no month, or not over.
        StoreError: No collector answers, or too much is on its way for too long.
    """
    answer = _closed(Api(arguments.url, arguments.key), arguments)
    print(as_json(answer) if arguments.json else _words(answer))
    return 0


def _closed(api: Api, arguments: argparse.Namespace) -> dict[str, Any]:
    until = time.monotonic() + arguments.wait
    told = ""
    while True:
        try:
            return api.post("/v1/closings", order_of(arguments))
        except RetryableError as error:
            if time.monotonic() + STEP_S > until:
                raise
            if str(error) != told:
                told = str(error)
                print(f"{told}: waiting", file=sys.stderr)
        time.sleep(STEP_S)


def _words(answer: dict[str, Any]) -> str:
    record = answer["record"]
    was = "is closed" if answer["new"] else f"was closed on {record['recorded']}"
    amount = "no price" if record["amount_usd"] is None else f"{record['amount_usd']} USD"
    return f"{record['month']} {was}: {record['calls']:,} calls, {amount}"
