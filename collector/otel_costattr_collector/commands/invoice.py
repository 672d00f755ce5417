"""`costattr invoice`: what a customer is billed for a month, as JSON, CSV or a page."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..client import Api, add_api
from ..invoices.pages import as_csv, as_html, as_usage
from .allocate import read_text
from .words import as_json, write

_FORMATS = {"json": as_json, "csv": as_csv, "usage": as_usage, "html": as_html}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--customer", required=True, metavar="TENANT", help="who is billed")
    parser.add_argument("--month", required=True, metavar="YYYY-MM", help="such as 2026-10")
    parser.add_argument(
        "--plan", required=True, type=Path, metavar="FILE", help="TOML file of plans"
    )
    parser.add_argument(
        "--format",
        choices=tuple(_FORMATS),
        default="json",
        help="usage is the export of what is behind it, as CSV (default: json)",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there, not to print")
    parser.add_argument("--dry-run", action="store_true", help="keep no statement")
    parser.add_argument("--strict", action="store_true", help="refuse what is provisional")
    add_api(parser, key="a key with the role admin")


def run(arguments: argparse.Namespace) -> int:
    """Ask the running collector, write the statement, and return 0.

    Raises:
        BadInput: The plans make no sense, or `--strict` refused what is provisional.
        StoreError: No collector answers.
    """
    wanted = {
        "customer": arguments.customer,
        "month": arguments.month,
        "plans": read_text(arguments.plan),
        "dry_run": arguments.dry_run,
        "strict": arguments.strict,
    }
    statement = Api(arguments.url, arguments.key).post("/v1/statements", wanted)
    write(_FORMATS[arguments.format](statement), arguments.output)
    return 0
