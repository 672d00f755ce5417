"""The options that every question of the command line shares."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ..client import Api, add_api


def add_words(parser: argparse.ArgumentParser, *, period: bool = True) -> None:
    """Add period, filters, time zone, address and `--json`."""
    if period:
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
        help="count only these (!= leaves them out); may be repeated",
    )
    parser.add_argument("--time-zone", metavar="ZONE", help="zone of days, such as Asia/Kathmandu")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    add_api(parser, key="a key that may read")


def add_min_group(parser: argparse.ArgumentParser) -> None:
    """Add `--min-group`, for answers that are shared."""
    parser.add_argument(
        "--min-group",
        type=int,
        metavar="N",
        help="fewest people behind a row: smaller groups come as one row __small__",
    )


def parameters_of(arguments: argparse.Namespace, **more: object) -> list[tuple[str, str]]:
    """Write the options as parameters of the API, those that were given."""
    named = {
        "start_date": getattr(arguments, "start", None),
        "end_date": getattr(arguments, "end", None),
        "time_zone": arguments.time_zone,
        **more,
    }
    return [
        *(("where", condition) for condition in arguments.where),
        *((name, str(value)) for name, value in named.items() if value is not None),
    ]


def api_of(arguments: argparse.Namespace) -> Api:
    """Make the client that the options name.

    Raises:
        BadSettings: The address is no http or https URL.
    """
    return Api(arguments.url, arguments.key)


def as_json(answer: Any) -> str:
    """Write an answer as it came, indented."""
    return json.dumps(answer, indent=2, ensure_ascii=False)


def write(text: str, path: Path | None) -> None:
    """Print a text, or write it to a file and say so."""
    if path is None:
        print(text.rstrip("\n"))
        return
    path.write_text(text, encoding="utf-8")
    print(f"wrote {path}", file=sys.stderr)
