"""`costattr reattribute`: give lines the owners that were learned later."""

from __future__ import annotations

import argparse
from typing import Any

from otel_costattr.errors import BadInput

from ..client import Api
from .amended import add_stretch, shown, stretch_of, text_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    told = parser.add_mutually_exclusive_group(required=True)
    told.add_argument(
        "--csv",
        metavar="FILE",
        help="columns match and set, both dimension=value; from and to, days, if wanted",
    )
    told.add_argument(
        "--from-sessions",
        action="store_true",
        help="fill what lines lack by what other lines of their session in the period say",
    )
    parser.add_argument(
        "--dimension",
        dest="dimensions",
        action="append",
        metavar="NAME",
        help="with --from-sessions: only these, repeated (default: tenant, user, team, project,"
        " employee, plan, environment, data_mode)",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would change, book nothing"
    )
    add_stretch(parser, role="admin", required=False)


def run(arguments: argparse.Namespace) -> int:
    """Print what moves by tenant, month and model, book it unless told not to, and return 0.

    Raises:
        BadInput: A row makes no sense, or the options do not go together.
        StoreError: No collector answers.
    """
    path, wanted = _order(arguments)
    found = Api(arguments.url, arguments.key).post(path, {**wanted, "dry_run": arguments.dry_run})
    print(shown(found, as_json=arguments.json))
    return 0


def _order(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    if not arguments.from_sessions:
        only = (arguments.start, arguments.end, arguments.where, arguments.dimensions)
        if any(only) or arguments.time_zone:
            raise BadInput("--csv: periods and conditions stand in the file; leave these options")
        return "/v1/reattribute", {"csv": text_of(arguments.csv)}
    if not (arguments.start and arguments.end):
        raise BadInput("--from-sessions: name the period, --from and --to")
    named = {"dimensions": arguments.dimensions} if arguments.dimensions else {}
    return "/v1/reattribute/sessions", {**stretch_of(arguments), **named}
