"""`costattr attribution check`: a schema against files, or against the ledger of a collector."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any, Final

from otel_costattr.attribution import Schema
from otel_costattr.attribution.schema import TAG, Deviation
from otel_costattr.cli import attribution as offline
from otel_costattr.cli.attribution import Tally, schema_at
from otel_costattr.errors import BadInput
from otel_costattr.model import DIMENSIONS

from ..client import KEY_VARIABLE, Api
from ..spend import MAX_ROWS

MOST_LINES: Final = 2_000
"""Lines whose tags are looked at, the first of the period: no answer lists the names of tags."""

_Words = Sequence[tuple[str, str]]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    check = offline.add_check(parser)
    check.add_argument("--from", dest="start", metavar="TIME", help="first day of the ledger")
    check.add_argument("--to", dest="end", metavar="TIME", help="last day of the ledger")
    check.add_argument("--key", help=f"a key that may read (default: {KEY_VARIABLE})")


def run(arguments: argparse.Namespace) -> int:
    """Check, print, and return 1 where something stands outside of the schema.

    Raises:
        BadInput: The schema says what cannot be, a file is neither OTLP/JSON nor events, or a
            question was refused.
        StoreError: No collector answers.
    """
    schema = schema_at(arguments.file)
    period = {"start_date": arguments.start, "end_date": arguments.end}
    words = [(name, value) for name, value in period.items() if value]
    tally = Tally()
    for place in arguments.against:
        if place.startswith(("http://", "https://")):
            hold(schema, Api(place, arguments.key), words, tally)
        else:
            offline.hold(schema, offline.calls_in(place), tally)
    return offline.told(schema, tally, arguments)


def hold(schema: Schema, api: Api, words: _Words, tally: Tally) -> None:
    """Hold what a ledger says against a schema.

    Names of before are history there, so they are right.

    Raises:
        BadInput: A question was refused, or a documented dimension has too many values to look at.
        StoreError: No collector answers.
    """
    covered = api.get("/v1/analytics/coverage", [("group_by", ",".join(DIMENSIONS)), *words])[
        "data"
    ]
    tally.calls += max((row["calls"] for row in covered), default=0)
    for row in covered:
        if row["known_calls"] and not schema.documents(row["dimension"]):
            tally.add(Deviation(row["dimension"], "undocumented", ""), calls=row["known_calls"])
    for target in schema.allowed:
        for value, calls in _values(api, target, words):
            one = _deviation(schema, target, value)
            if one is not None and calls:
                tally.add(one, calls=calls)
    for name, calls in _tags(api, words).items():
        if not schema.documents(TAG + name):
            tally.add(Deviation(TAG + name, "undocumented", ""), calls=calls)


def _deviation(schema: Schema, target: str, value: str) -> Deviation | None:
    if not value:
        return Deviation(target, "missing", "") if schema.allowed[target].required else None
    found = schema.deviation(target, value)
    return None if found is not None and found.what == "renamed" else found


def _values(api: Api, target: str, words: _Words) -> Iterator[tuple[str, int]]:
    asked = [("group_by", target), ("limit", str(MAX_ROWS)), *words]
    found = api.get("/v1/analytics/costs", asked)
    if found["truncated"]:
        raise BadInput(f"{target} has more than {MAX_ROWS} values: check a shorter period")
    for row in found["data"]:
        yield row["entity_id"], row["calls"]


def _tags(api: Api, words: _Words) -> dict[str, int]:
    found: dict[str, int] = {}
    rows: list[dict[str, Any]] = api.get("/v1/calls", [("limit", str(MOST_LINES)), *words])["data"]
    for row in rows:
        for name in row["tags"]:
            found[name] = found.get(name, 0) + row["calls"]
    return found
