"""`costattr keys create|list|revoke`: who may send and who may ask.

Works on the key file alone, whether the server runs or not; a running server follows at once.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Final

from ..access.keys import KEYS_FILE, ROLES, Key, create_key, read_keys, revoke_key

_COLUMNS: Final = ("id", "role", "tenant", "name", "created", "revoked")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="make a key and print it, once")
    create.add_argument("--role", choices=ROLES, required=True, help="what it may do")
    create.add_argument("--tenant", default="", help="the only tenant it may write as and read")
    create.add_argument("--name", required=True, help="what it is for")
    show = actions.add_parser("list", help="show the keys, without their secrets")
    revoke = actions.add_parser("revoke", help="end a key for good, at once")
    revoke.add_argument("id", help="the id that the list shows")
    for action in (create, show, revoke):
        action.add_argument(
            "--data",
            type=Path,
            default=Path(os.environ.get("COSTATTR_DATA", "costattr-data")),
            help="the data folder of costattr serve (default: %(default)s)",
        )
        action.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Do it and return 0.

    Raises:
        BadSettings: The key file is none, or has no such key.
    """
    path: Path = arguments.data / KEYS_FILE
    match arguments.action:
        case "create":
            _create(path, arguments)
        case "list":
            _print(read_keys(path), as_json=arguments.json)
        case _:
            ended = revoke_key(path, arguments.id, now_ns=time.time_ns())
            _print((ended,), as_json=arguments.json)
    return 0


def _create(path: Path, arguments: argparse.Namespace) -> None:
    made, secret = create_key(
        path,
        name=arguments.name,
        role=arguments.role,
        tenant=arguments.tenant,
        now_ns=time.time_ns(),
    )
    if arguments.json:
        print(json.dumps({**_public(made), "key": secret}))
        return
    print(secret)
    print(f"\nkey {made.id} for {made.name!r}: this is the only time it is shown.")


def _print(keys: tuple[Key, ...], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([_public(key) for key in keys], indent=2))
        return
    if not keys:
        print("no key was ever made: the server listens on the loopback address only")
        return
    rows = [_COLUMNS, *(tuple(_public(key)[name] or "-" for name in _COLUMNS) for key in keys)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def _public(key: Key) -> dict[str, str]:
    return {name: value for name, value in asdict(key).items() if name != "sha256"}
