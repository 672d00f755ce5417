"""`costattr quality`: are the numbers good enough to bill and to decide from?"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..analytics.notes import usd
from ..analytics.quality import Gate, gates, read_thresholds
from .words import add_words, api_of, as_json, parameters_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--thresholds",
        type=Path,
        metavar="FILE",
        help="TOML file with one gate = share a line; the shipped ones hold for the rest",
    )
    parser.add_argument(
        "--backlog", type=int, default=10, metavar="N", help="rows of the backlog (default: 10)"
    )
    add_words(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, and return 1 if a gate fails.

    Raises:
        BadInput: The question or the file of thresholds was refused.
        StoreError: No collector answers.
    """
    thresholds = read_thresholds(arguments.thresholds) if arguments.thresholds else {}
    found = api_of(arguments).get(
        "/v1/analytics/quality", parameters_of(arguments, limit=max(arguments.backlog, 1))
    )
    held = gates(found["figures"], thresholds)
    if arguments.json:
        print(as_json({**found, "gates": [asdict(gate) for gate in held]}))
    else:
        print("\n".join([*gate_lines(held), "", *backlog_lines(found["backlog"])]))
    return 1 if any(gate.state == "fail" for gate in held) else 0


def gate_lines(held: tuple[Gate, ...]) -> list[str]:
    """Write one line a gate."""
    return [
        f"{gate.state:7}  {gate.name:14}  {gate.measured or 'unknown':>9}"
        f"  at {gate.bound} {gate.threshold:5}  {gate.says}"
        for gate in held
    ]


def lacks(row: dict[str, Any]) -> str:
    """Say what a row of the backlog lacks, and what of it is outside of the schema."""
    words = [f"no {', '.join(row['missing'])}"] if row["missing"] else []
    if row["outside"]:
        words.append(f"outside of the schema: {', '.join(row['outside'])}")
    return "; ".join(words)


def backlog_lines(backlog: list[dict[str, Any]]) -> list[str]:
    """Write what to mend first, the dearest first."""
    if not backlog:
        return ["Nothing is unowned or unpriced."]
    lines = ["What to mend first:"]
    for place, row in enumerate(backlog, start=1):
        service = row["service_name"] or "(unknown service)"
        lines.append(
            f"{place:3}. {usd(row['total_cost']):>10} USD  {row['calls']:>9,} calls"
            f"  {service} / {row['scope_name'] or '(unknown scope)'}:"
            f" {lacks(row)}"
        )
    return lines
