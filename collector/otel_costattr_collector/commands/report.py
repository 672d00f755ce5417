"""`costattr report`: what each tenant, feature, prompt version, ... cost."""

from __future__ import annotations

import argparse
import shutil
import sys

from ..client import DEFAULT_URL, KEY_VARIABLE, URL_VARIABLE, Api
from ..report import FORMATS, as_table


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--by",
        default="tenant",
        metavar="DIMENSION[,DIMENSION...]",
        help="what to group by: tenant, feature, prompt_version, model, tags.NAME, ... "
        "(default: tenant)",
    )
    parser.add_argument(
        "--from", dest="start", metavar="TIME", help="first day, or an instant with its offset"
    )
    parser.add_argument(
        "--to", dest="end", metavar="TIME", help="last day, or the instant before which it ends"
    )
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="DIMENSION=VALUE",
        help="count only these; may be repeated",
    )
    parser.add_argument("--limit", type=int, default=1000, help="most rows (default: 1000)")
    parser.add_argument(
        "--format", choices=sorted(FORMATS), default="table", help="how to print (default: table)"
    )
    parser.add_argument(
        "--json", action="store_const", const="json", dest="format", help="same as --format json"
    )
    parser.add_argument(
        "--url", help=f"API of a running collector (default: {URL_VARIABLE}, else {DEFAULT_URL})"
    )
    parser.add_argument("--key", help=f"a key that may read (default: {KEY_VARIABLE})")


def run(arguments: argparse.Namespace) -> int:
    """Ask, print, and return 0.

    Raises:
        BadInput: The question was refused.
        StoreError: No collector answers.
    """
    parameters = [
        ("group_by", arguments.by),
        *(("where", condition) for condition in arguments.where),
        ("limit", str(arguments.limit)),
    ]
    for name, value in (("start_date", arguments.start), ("end_date", arguments.end)):
        if value is not None:
            parameters.append((name, value))
    costs = Api(arguments.url, arguments.key).get("/v1/analytics/costs", parameters)
    if arguments.format == "table" and sys.stdout.isatty():
        print(as_table(costs, width=shutil.get_terminal_size().columns, color=True))
    else:
        print(FORMATS[arguments.format](costs))
    return 0
