"""`costattr export`: any answer as CSV, JSON lines or Parquet; single lines and FOCUS by the day."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final

from otel_costattr.errors import BadInput

from ..analytics.catalogue import BY_QUERY
from ..client import Api
from ..margins.question import MARGINS
from ..progress import tracked
from ..spend import MAX_FILE_ROWS, edge, instant_of, time_zone
from .words import add_min_group, add_words, api_of, parameters_of

WHAT: Final = {
    "costs": "/v1/analytics/costs",
    **{query.replace("_", "-"): named.path for query, named in BY_QUERY.items()},
    MARGINS.query: MARGINS.path,
}
"""What can be exported, and where the API answers it."""

_BY_THE_DAY: Final = frozenset({"calls", "focus"})
_SHORTEST: Final = timedelta(seconds=1)
Window = tuple[datetime, datetime]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("what", choices=sorted(WHAT), help="the question to export")
    parser.add_argument(
        "--format", choices=("csv", "jsonl", "parquet"), default="csv", help="(default: csv)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="PATH",
        help="a file; for Parquet of more than one page a folder; standard output if not given",
    )
    parser.add_argument("--by", action="append", default=[], metavar="DIMENSION[,...]")
    parser.add_argument("--grain", choices=("15m", "hour", "day", "week", "month"))
    add_min_group(parser)
    add_words(parser)


def run(arguments: argparse.Namespace) -> int:
    """Export, and return 0.

    Raises:
        BadInput: The question was refused, or Parquet has nowhere to go.
        StoreError: No collector answers.
    """
    if arguments.what in _BY_THE_DAY and (arguments.start is None or arguments.end is None):
        raise BadInput(f"export {arguments.what}: --from and --to are needed")
    if arguments.format == "parquet" and arguments.output is None:
        raise BadInput("Parquet is no text: --output is needed")
    pages = _windowed(arguments) if arguments.what in _BY_THE_DAY else _paged(arguments)
    if arguments.format == "parquet":
        return _write_parts(pages, arguments.output)
    if arguments.output is None:
        return _write_text(pages, sys.stdout.buffer, arguments.format)
    with arguments.output.open("wb") as out:
        return _write_text(pages, out, arguments.format)


def _words(arguments: argparse.Namespace) -> list[tuple[str, str]]:
    more = {"format": arguments.format, "limit": MAX_FILE_ROWS, "grain": arguments.grain}
    more["min_group"] = arguments.min_group
    words = parameters_of(arguments, **more)
    return [*words, *(("group_by", names) for names in arguments.by)]


def _paged(arguments: argparse.Namespace) -> Iterator[tuple[str, bytes]]:
    api, words = api_of(arguments), _words(arguments)
    cursor: str | None = None
    number = 0
    while number == 0 or cursor is not None:
        more = [("cursor", cursor)] if cursor else []
        body, headers = api.file(WHAT[arguments.what], [*words, *more])
        number += 1
        cursor = headers.get("x-next-cursor")
        yield f"{number:05}", body


def _windowed(arguments: argparse.Namespace) -> Iterator[tuple[str, bytes]]:
    zone = time_zone(arguments.time_zone or "UTC")
    start, end = edge(arguments.start, zone), edge(arguments.end, zone, end=True)
    days = _days(instant_of(start.ns), instant_of(end.ns))
    api, words = api_of(arguments), _words(arguments)
    words = [word for word in words if word[0] not in {"start_date", "end_date"}]
    for day in tracked(days, total=len(days), what=f"exporting {arguments.what}"):
        yield from _window(api, arguments.what, words, day)


def _days(start: datetime, end: datetime) -> list[Window]:
    if end <= start:
        raise BadInput("the period ends before it starts")
    days: list[Window] = []
    while start < end:
        days.append((start, min(start + timedelta(days=1), end)))
        start += timedelta(days=1)
    return days


def _window(
    api: Api, what: str, words: list[tuple[str, str]], window: Window
) -> Iterator[tuple[str, bytes]]:
    start, end = window
    period = [("start_date", _instant(start)), ("end_date", _instant(end))]
    body, headers = api.file(WHAT[what], [*words, *period])
    if headers.get("x-truncated") != "true":
        yield _instant(start).replace(":", ""), body
        return
    if what == "focus" or end - start <= _SHORTEST:
        raise BadInput(f"more than {MAX_FILE_ROWS:,} rows from {_instant(start)}: add --where")
    middle = start + (end - start) / 2
    yield from _window(api, what, words, (start, middle))
    yield from _window(api, what, words, (middle, end))


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _write_text(pages: Iterator[tuple[str, bytes]], out: BinaryIO, fmt: str) -> int:
    for place, (_, body) in enumerate(pages):
        head, _, rest = body.partition(b"\n")
        keeps_head = fmt != "csv" or place == 0
        out.write(head + b"\n" + rest if keeps_head and body else rest)
    out.flush()
    return 0


def _write_parts(pages: Iterator[tuple[str, bytes]], path: Path) -> int:
    first = next(pages)
    second = next(pages, None)
    if second is None:
        path.write_bytes(first[1])
        return 0
    path.mkdir(parents=True, exist_ok=True)
    for name, body in (first, second, *pages):
        (path / f"{name}.parquet").write_bytes(body)
    return 0
