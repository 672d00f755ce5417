"""`costattr report`: what each tenant, feature, prompt version, ... cost."""

from __future__ import annotations

import argparse
import shutil
import sys
import threading
from typing import Final

from ..client import Api, add_api
from ..report import FORMATS, as_table, trends_of
from ..spend import MAX_ROWS
from .words import add_min_group

_PATH: Final = "/v1/analytics/costs"
_GRAINS: Final = ("15m", "hour", "day", "week", "month")
_CLEAR: Final = "\x1b[2J\x1b[H"
_STOP: Final = threading.Event()


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
    add_min_group(parser)
    parser.add_argument(
        "--format", choices=sorted(FORMATS), default="table", help="how to print (default: table)"
    )
    parser.add_argument(
        "--json", action="store_const", const="json", dest="format", help="same as --format json"
    )
    parser.add_argument(
        "--measure",
        choices=("direct", "fully_loaded"),
        default="direct",
        help="what each caused itself, or with what was allocated to it (default: direct)",
    )
    parser.add_argument("--time-zone", metavar="ZONE", help="zone of days, such as Asia/Kathmandu")
    known = parser.add_mutually_exclusive_group()
    known.add_argument(
        "--as-of",
        metavar="TIME",
        help="count only what was recorded before this day or instant: as billed then",
    )
    known.add_argument(
        "--as-known-now", action="store_true", help="count everything that is known (default)"
    )
    parser.add_argument(
        "--trend",
        choices=sorted(_GRAINS),
        nargs="?",
        const="day",
        help="draw a spark line in each row of the table, by day unless another grain is named",
    )
    parser.add_argument(
        "--watch",
        type=_seconds,
        nargs="?",
        const=5.0,
        metavar="SECONDS",
        help="draw the table again and again until Ctrl-C (default: every 5 seconds)",
    )
    add_api(parser, key="a key that may read")


def run(arguments: argparse.Namespace) -> int:
    """Ask, print, and return 0.

    Raises:
        BadInput: The question was refused.
        StoreError: No collector answers.
    """
    api = Api(arguments.url, arguments.key)
    if arguments.watch is None:
        print(_drawn(api, arguments))
        return 0
    return _watch(api, arguments)


def _watch(api: Api, arguments: argparse.Namespace) -> int:
    try:
        while True:
            print(_CLEAR + _drawn(api, arguments), flush=True)
            _STOP.wait(arguments.watch)
    except KeyboardInterrupt:
        return 0


def _drawn(api: Api, arguments: argparse.Namespace) -> str:
    words = _words(arguments)
    costs = api.get(_PATH, words)
    if arguments.format != "table":
        return FORMATS[arguments.format](costs)
    trends: dict[tuple[str, ...], str] = {}
    if arguments.trend is not None:
        grain = arguments.trend
        words = [(name, value) for name, value in words if name != "limit"]
        trends = trends_of(api.get(_PATH, [*words, ("grain", grain), ("limit", str(MAX_ROWS))]))
    on_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if on_terminal else None
    return as_table(costs, width=width, color=on_terminal, trends=trends)


def _words(arguments: argparse.Namespace) -> list[tuple[str, str]]:
    parameters = [
        ("group_by", arguments.by),
        *(("where", condition) for condition in arguments.where),
        ("limit", str(arguments.limit)),
    ]
    named = {
        "start_date": arguments.start,
        "end_date": arguments.end,
        "time_zone": arguments.time_zone,
        "measure": arguments.measure,
        "min_group": arguments.min_group,
        "as_of": arguments.as_of,
    }
    return [*parameters, *((name, value) for name, value in named.items() if value is not None)]


def _seconds(word: str) -> float:
    seconds = float(word)
    if not 0.1 <= seconds <= 86_400:
        raise ValueError(word)
    return seconds
