"""`costattr closed`: the closed months, what they added up to then and now, and who closed them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from ..client import Api
from .amended import add_address
from .words import as_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_address(parser, role="read")


def run(arguments: argparse.Namespace) -> int:
    """Print the months; return 1 if one does not add up to what it did when it was closed.

    Raises:
        StoreError: No collector answers.
    """
    answer = Api(arguments.url, arguments.key).get("/v1/closings")
    print(as_json(answer) if arguments.json else "\n".join(_words(answer)))
    return int(not all(month["unchanged"] for month in answer["closed"]))


def _words(answer: Mapping[str, Any]) -> Iterator[str]:
    for month in answer["closed"]:
        now = "unchanged" if month["unchanged"] else f"NOW {_sums(month, '_now')}"
        yield f"{month['month']}  {_sums(month)}, {now}"
    if not answer["closed"]:
        yield "no month is closed"
    for record in answer["trail"]:
        note = f": {record['note']}" if record["note"] else ""
        done = "closed" if record["action"] == "close" else "opened again"
        yield f"  {record['recorded']}  {record['month']} {done} by {record['who']}{note}"


def _sums(month: Mapping[str, Any], suffix: str = "") -> str:
    amount = month[f"amount_usd{suffix}"]
    return f"{month[f'calls{suffix}']:,} calls, {'no price' if amount is None else f'{amount} USD'}"
