"""`costattr vault`: what a hash stands for, on the machine that keeps it; never over the network."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ..privacy.vault import VAULT_FILE, forget, look_up


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    one = actions.add_parser("lookup", help="print what a hash stands for")
    one.add_argument("word", metavar="HASH", help="as stored: h:KEY:DIGEST")
    gone = actions.add_parser("forget", help="remove a person, with every hash of theirs")
    gone.add_argument("word", metavar="VALUE|HASH", help="the identifier, plain or as stored")
    for action in (one, gone):
        action.add_argument(
            "--vault",
            type=Path,
            default=Path(os.environ.get("COSTATTR_VAULT", f"costattr-data/{VAULT_FILE}")),
            metavar="FILE",
            help="the file that `costattr serve --vault` keeps (default: %(default)s)",
        )


def run(arguments: argparse.Namespace) -> int:
    """Do it; 1 if the vault does not know the hash.

    Raises:
        BadSettings: There is no vault, or others may read it.
        RetryableError: It cannot be read or written now.
    """
    if arguments.action == "forget":
        print(f"{forget(arguments.vault, [arguments.word])} entries forgotten")
        return 0
    found = look_up(arguments.vault, arguments.word)
    print("not known" if found is None else found)
    return 1 if found is None else 0
