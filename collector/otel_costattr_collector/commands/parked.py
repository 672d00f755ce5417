"""`costattr parked list|retry`: what the ledger refused for good, and another try.

Works on the data folder alone; a running collector looks for what is to be tried again every few
seconds, one that is stopped does so at its start.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..ingest.parked import PARKED_FOLDER, Parked, ParkedItem


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    show = actions.add_parser(
        "list", help="show what is parked and why; exit code 1 if anything is"
    )
    show.add_argument("--json", action="store_true", help="print JSON")
    retry = actions.add_parser("retry", help="have the collector try again")
    retry.add_argument("name", nargs="+", help="names that the list shows")
    for action in (show, retry):
        action.add_argument(
            "--data",
            type=Path,
            default=Path(os.environ.get("COSTATTR_DATA", "costattr-data")),
            help="the data folder of costattr serve (default: %(default)s)",
        )


def run(arguments: argparse.Namespace) -> int:
    """Do it; 1 where the list shows something.

    Raises:
        BadInput: Nothing of that name is parked.
    """
    parked = Parked(arguments.data / PARKED_FOLDER)
    if arguments.action == "retry":
        for name in arguments.name:
            parked.ask_again(name)
        return 0
    items = parked.items()
    if arguments.json:
        print(json.dumps([asdict(item) for item in items]))
    else:
        _print(items)
    return int(bool(items))


def _print(items: tuple[ParkedItem, ...]) -> None:
    table = Table()
    for column in ("name", "rows", "since", "state"):
        table.add_column(column, no_wrap=True)
    table.add_column("reason", overflow="fold")
    for item in items:
        since = datetime.fromtimestamp(item.parked_ns / 1e9, UTC).isoformat(timespec="seconds")
        state = "retrying" if item.retrying else "parked"
        table.add_row(item.name, str(item.rows), since, state, item.reason)
    Console(width=max(100, Console().width)).print(table)
