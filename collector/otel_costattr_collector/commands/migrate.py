"""`costattr migrate`: bring the tables up to date, or show the SQL that would."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from .. import migrate, schema
from ..settings import read_settings
from ..store import Store, open_store

OPTIONS = ("data", "clickhouse", "layout", "cluster", "reporting_time_zone")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML file of settings (or COSTATTR_CONFIG)"
    )
    for name in OPTIONS:
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            dest=name,
            default=argparse.SUPPRESS,
            metavar="VALUE",
            help="as for costattr serve",
        )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--dry-run", action="store_true", help="list what would be applied and change nothing"
    )
    what.add_argument(
        "--print", action="store_true", help="print the SQL of every migration and connect nowhere"
    )


def run(arguments: argparse.Namespace) -> int:
    """Migrate, and return 0; with --dry-run return 1 if something is pending.

    Raises:
        BadSettings: A setting is unknown or makes no sense.
        StoreError: The engine refused, or an applied migration was edited.
    """
    given = {name: value for name, value in vars(arguments).items() if name in OPTIONS}
    settings = read_settings(command_line=given, environment=os.environ, file=arguments.config)
    with open_store(settings) as store:
        if arguments.print:
            _print_sql(store)
            return 0
        if arguments.dry_run:
            return _print_pending(store)
        for name in store.migrate():
            print(f"applied {name}")
        print(f"{store.where}: the schema is up to date")
    return 0


def _print_pending(store: Store) -> int:
    names = store.pending()
    for name in names:
        print(f"pending {name}")
    return 1 if names else 0


def _print_sql(store: Store) -> None:
    for migration in migrate.shipped():
        print(f"-- {migration.name}")
        for statement in schema.render(migration.text, store.layout):
            print(f"{statement};\n")
