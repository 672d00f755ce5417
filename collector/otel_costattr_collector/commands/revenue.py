"""`costattr revenue import FILE.csv` and `costattr revenue rates FILE.toml`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from otel_costattr.errors import BadInput

from ..analytics.notes import usd
from ..client import Api, add_api
from ..revenue.exports import Mapped, read_export, read_map, read_rates
from ..revenue.records import MAX_RECORDS


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    what = parser.add_subparsers(dest="what", required=True, metavar="import|rates")
    importing = what.add_parser("import", help="post a CSV export of a billing system")
    importing.add_argument("file", type=Path, metavar="FILE.csv")
    importing.add_argument(
        "--map", type=Path, metavar="FILE.toml", help="which column is what (default: our names)"
    )
    importing.add_argument("--dry-run", action="store_true", help="read and print, post nothing")
    rates = what.add_parser("rates", help="post what currencies are worth in USD")
    rates.add_argument("file", type=Path, metavar="FILE.toml")
    for one in (importing, rates):
        add_api(one, key="a key that may send")


def run(arguments: argparse.Namespace) -> int:
    """Read, post, print, and return 0.

    Raises:
        BadInput: The file or what it says was refused.
        StoreError: No collector answers.
    """
    return _DO[arguments.what](arguments)


def _import(arguments: argparse.Namespace) -> int:
    mapped = read_map(arguments.map) if arguments.map else Mapped()
    try:
        text = arguments.file.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise BadInput(f"{arguments.file}: {error}") from error
    found = read_export(text, mapped)
    sums: dict[str, Decimal] = {}
    for one in found:
        sums[one.currency] = sums.get(one.currency, Decimal(0)) + one.amount
    told = ", ".join(f"{usd(amount)} {currency}" for currency, amount in sorted(sums.items()))
    print(f"{len(found)} records, {told or 'nothing'}")
    if not arguments.dry_run:
        _post(arguments, "/v1/revenue", "revenue", [one.model_dump(mode="json") for one in found])
    return 0


def _rates(arguments: argparse.Namespace) -> int:
    rates = [rate.model_dump(mode="json") for rate in read_rates(arguments.file).rates]
    _post(arguments, "/v1/currency-rates", "rates", rates)
    return 0


def _post(
    arguments: argparse.Namespace, path: str, name: str, records: list[dict[str, Any]]
) -> None:
    api = Api(arguments.url, arguments.key)
    accepted = duplicates = 0
    for first in range(0, len(records), MAX_RECORDS):
        taken = api.post(path, {name: records[first : first + MAX_RECORDS]})
        accepted, duplicates = accepted + taken["accepted"], duplicates + taken["duplicates"]
    print(f"{accepted} accepted, {duplicates} known already")


_DO: Final[Mapping[str, Callable[[argparse.Namespace], int]]] = {
    "import": _import,
    "rates": _rates,
}
