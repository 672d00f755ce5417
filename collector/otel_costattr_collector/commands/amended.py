"""What the commands share that amend the ledger, or say what an amendment would change."""

from __future__ import annotations

import argparse
import io
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from otel_costattr.errors import BadInput

from ..client import add_api


def add_stretch(parser: argparse.ArgumentParser, *, role: str, required: bool = True) -> None:
    """Add period, filters, address and `--json`."""
    parser.add_argument(
        "--from",
        dest="start",
        metavar="TIME",
        required=required,
        help="first day, or an instant with its offset",
    )
    parser.add_argument(
        "--to",
        dest="end",
        metavar="TIME",
        required=required,
        help="last day, or the instant before which it ends",
    )
    parser.add_argument(
        "--filter",
        "--where",
        dest="where",
        action="append",
        default=[],
        metavar="DIMENSION=VALUE",
        help="only these (!= leaves them out); may be repeated",
    )
    parser.add_argument("--time-zone", metavar="ZONE", help="zone of days, such as Asia/Kathmandu")
    add_address(parser, role=role)


def add_address(parser: argparse.ArgumentParser, *, role: str) -> None:
    """Add address, key and `--json`."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_api(parser, key=f"a key with the role {role}")


def add_books(parser: argparse.ArgumentParser) -> None:
    """Add `--book`."""
    parser.add_argument(
        "--book",
        "--overlay",
        dest="book",
        action="append",
        default=[],
        metavar="FILE",
        help="lay this contract (TOML) over published prices; may be given several times",
    )


def stretch_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Write period and filters as the API takes them."""
    named = {
        "start_date": arguments.start,
        "end_date": arguments.end,
        "time_zone": arguments.time_zone,
    }
    given = {name: value for name, value in named.items() if value is not None}
    return {**given, "where": arguments.where}


def books_of(arguments: argparse.Namespace) -> list[dict[str, str]]:
    """Read the contracts that `--book` names.

    Raises:
        BadInput: One cannot be read.
    """
    return [{"name": Path(name).name, "text": text_of(name)} for name in arguments.book]


def text_of(name: str) -> str:
    """Read a file; `-` is standard input.

    Raises:
        BadInput: It cannot be read.
    """
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{name}: {error}") from None


def shown(found: Mapping[str, Any], *, as_json: bool) -> str:
    """Write what a run changed, or would change."""
    return json.dumps(found, indent=2) if as_json else "\n".join(_words(found))


def _words(found: Mapping[str, Any]) -> Iterator[str]:
    if found["data"]:
        yield _table(found)
    total = found["total"]
    done = "would change" if found["dry_run"] else "changed"
    yield (
        f"{found['changed']:,} of {found['looked_at']:,} lines {done}: "
        f"{total['difference_usd']} USD ({found['cause']})"
    )
    for what in ("newly_priced", "no_longer_priced"):
        if total[what]:
            yield f"{total[what]:,} {what.replace('_', ' ')}"
    if found.get("closed"):
        yield f"closed, so booked with a date in an open month: {', '.join(found['closed'])}"
    for owned in found.get("owners", ()):
        yield _owned(owned)
    for why, count in found["left"].items():
        yield f"{count:,} left alone: {why}"
    for session in found.get("sessions", ()):
        yield f"  session {session}"
    if not found["dry_run"]:
        yield f"{found['booked']:,} lines booked"


def _owned(owned: Mapping[str, Any]) -> str:
    amount = "no price" if owned["amount_usd"] is None else f"{owned['amount_usd']} USD"
    before, after = owned["before"] or "(nobody)", owned["after"] or "(nobody)"
    return f"{owned['dimension']}: {before} -> {after}: {owned['lines']:,} lines, {amount}"


def _table(found: Mapping[str, Any]) -> str:
    table = Table(box=None, pad_edge=False)
    for heading in ("tenant", "month", "model"):
        table.add_column(heading, overflow="fold")
    for heading in ("calls", "before USD", "after USD", "difference USD"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in found["data"]:
        table.add_row(
            row["tenant"] or "(nobody)",
            row["month"],
            row["model"] or "(none)",
            f"{max(row['calls_before'], row['calls_after']):,}",
            row["before_usd"] or "-",
            row["after_usd"] or "-",
            row["difference_usd"],
        )
    on_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if on_terminal else 200
    text = io.StringIO()
    Console(file=text, width=width, highlight=False).print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().rstrip().splitlines())
