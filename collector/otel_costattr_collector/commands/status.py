"""`costattr status`: what runs, and how far the spans have come."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from ..client import Api, add_api


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_api(parser, key="sent along if given; none is needed")


def run(arguments: argparse.Namespace) -> int:
    """Ask and print; 1 unless it serves and nothing is parked.

    Raises:
        StoreError: No collector answers.
    """
    found = Api(arguments.url, arguments.key).get("/v1/status")
    print(json.dumps(found, indent=2) if arguments.json else "\n".join(_lines(found)))
    return 0 if found["state"] == "serving" and not found.get("parked") else 1


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"otel-costattr {found['version']}, {found['state']} since {found['started']}"
        f" ({_duration(found['uptime_seconds'])}), {found['engine']} engine"
    )
    for name, url in found["ports"].items():
        yield f"  {name:8} {url}"
    yield f"accepted   {_counts(found['accepted'])}"
    yield f"requests   {_counts(found['requests'])}"
    yield f"assessed   {_counts(found['assessed'])}"
    share = found["unpriced_share"]
    yield f"unpriced   {'no call yet' if share is None else f'{Decimal(share):.2%} of the calls'}"
    if "waiting" in found:
        yield (
            f"on the way {found['waiting']:,} waiting, {found['settling']:,} settling,"
            f" {found['frozen']:,} blocks, lag {found['lag_seconds']:.1f} s"
        )
        yield f"journal    {found['journal_bytes']:,} bytes"
        yield f"parked     {found['parked']:,}{_remedy(found['parked'])}"
    audit = found["last_audit"] or "none yet"
    yield f"last audit {audit}, {found['audit_differences']:,} differences left"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "nothing yet"


def _remedy(parked: int) -> str:
    return ": somebody must look, costattr parked list" if parked else ""


def _duration(seconds: int) -> str:
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min {seconds % 60} s"
