"""`costattr doctor`: what telemetry lacks, in files or in the ledger of a running collector."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from otel_costattr.cli import doctor
from otel_costattr.cli.doctor import MENDS, STREAM, Finding, Patient
from otel_costattr.errors import BadInput
from otel_costattr.reasons import REASONS

from ..client import DEFAULT_URL, KEY_VARIABLE, URL_VARIABLE, Api


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="OTLP/JSON, a request or one a line"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object an emitter")
    parser.add_argument(
        "--conventions", metavar="TOML", help="counting conventions that go before the shipped ones"
    )
    parser.add_argument(
        "--url",
        help=(
            "API of a running collector, to look into its ledger instead of files"
            f" (without files: {URL_VARIABLE}, else {DEFAULT_URL})"
        ),
    )
    parser.add_argument("--key", help=f"a key that may read (default: {KEY_VARIABLE})")
    parser.add_argument("--from", dest="start", metavar="DAY", help="first day of the ledger")
    parser.add_argument("--to", dest="end", metavar="DAY", help="last day of the ledger")


def run(arguments: argparse.Namespace) -> int:
    """Examine files or the ledger and print what is lacking; 1 where something is.

    Raises:
        BadInput: Files and an address were given, or a file is no OTLP/JSON.
        StoreError: No collector answers.
    """
    if arguments.files:
        if arguments.url:
            raise BadInput("doctor looks into files or, with --url, into a ledger: not into both")
        return doctor.run(arguments)
    asked = {"start_date": arguments.start, "end_date": arguments.end}
    rows = Api(arguments.url, arguments.key).get(
        "/v1/analytics/doctor", [(name, value) for name, value in asked.items() if value]
    )["data"]
    patients = patients_of(rows)
    if arguments.json:
        for patient in patients:
            print(json.dumps(doctor.as_json(patient), ensure_ascii=False))
    else:
        print("\n".join(doctor.report(patients)))
    return 1 if any(patient.findings for patient in patients) else 0


def patients_of(rows: Iterable[Mapping[str, Any]]) -> tuple[Patient, ...]:
    """Collect the rows of the question by emitter and version.

    Args:
        rows: Of `/v1/analytics/doctor`.
    """
    found: dict[tuple[str, str, str], Patient] = {}
    for row in rows:
        key = (row["emitter"], row["scope_name"], row["scope_version"])
        patient = found.setdefault(key, Patient(emitter=key[0], scope=key[1], version=key[2]))
        if row["what"]:
            patient.findings[row["what"]] = _finding(row)
        else:
            patient.calls = row["calls"]
            patient.priced = row["priced_calls"]
            patient.total_usd = Decimal(row["total_cost"] or 0)
    return tuple(found.values())


def _finding(row: Mapping[str, Any]) -> Finding:
    what = row["what"]
    mend = row["mend"] or MENDS.get(what, "")
    if what == "no_usage" and row["providers"] == ["openai"]:
        mend = f"{STREAM}; {mend}"
    return Finding(
        what=what,
        why=REASONS.get(what, "The emitter drops it."),
        mend=mend,
        calls=row["calls"],
        stake_usd=_stake(row),
    )


def _stake(row: Mapping[str, Any]) -> Decimal | None:
    """Say by how much the cost may be off: the distance of the bounds of what has no price."""
    least, most = row["least_cost"], row["most_cost"]
    return None if least is None or most is None else Decimal(most) - Decimal(least)
