"""`costattr explain`: why a span in a file, or a ledger line of a running collector, costs that."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from otel_costattr.assess import assess_all
from otel_costattr.cli.explanation import explain_assessment
from otel_costattr.cli.otlp_json import read_files
from otel_costattr.cli.price import add_overlay, book_of
from otel_costattr.errors import BadInput

from ..client import Api, add_api
from ..ledger.entries import is_of_cost


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("what", help="a file of OTLP/JSON spans, or the id of a ledger line")
    parser.add_argument("--span", default="", metavar="ID", help="only this span of the file")
    parser.add_argument("--json", action="store_true", help="print the line's explanation as JSON")
    add_api(parser, key="a key that may read")
    add_overlay(parser)


def run(arguments: argparse.Namespace) -> int:
    """Explain and return 0.

    Raises:
        BadInput: There is no such span or line, or the file is no OTLP/JSON.
        StoreError: No collector answers.
    """
    path = Path(arguments.what)
    if path.exists():
        print(_spans(path, arguments.span, arguments.overlay))
        return 0
    found = Api(arguments.url, arguments.key).get(f"/v1/explain/{arguments.what}")
    print(json.dumps(found, indent=2) if arguments.json else "\n".join(_line(found)))
    return 0


def _spans(path: Path, span_id: str, overlays: list[str]) -> str:
    book = book_of(overlays)
    assessed = assess_all(read_files([str(path)]), book=book)
    wanted = [
        explain_assessment(one, book=book)
        for one in assessed
        if not span_id or one.span.span_id == span_id.lower()
    ]
    if not wanted:
        which = f"span {span_id!r}" if span_id else "model call"
        raise BadInput(f"{path}: there is no {which}")
    return "\n\n".join(wanted)


def _what(line: Mapping[str, Any]) -> str:
    if line["entry"] in {"allocation", "true_up"} or is_of_cost(line):
        said = (line["cost_source"], line["cost_type"], line["description"])
        return " ".join(word for word in said if word) or "cost"
    return f"{line['provider'] or 'no provider'} {line['model'] or 'no model'}"


def _line(found: Mapping[str, Any]) -> Iterator[str]:
    line = found["line"]
    amount = "no price" if found["amount_usd"] is None else f"{found['amount_usd']} USD"
    yield f"line {found['line_id']}, {line['event_ns']}: {amount} ({found['status']})"
    if found["closed_month"]:
        yield (
            f"happened {found['happened']} in {found['closed_month']}, which is closed: so it has"
            " a later date"
        )
    yield f"{_what(line)}: {found['formula']}"
    for unit in found["units"]:
        source = f"  from {unit['source']}" if unit["source"] else ""
        rate = "no rate" if unit["rate"] is None else f"x {unit['rate']} = {unit['amount']}"
        yield f"  {unit['unit']}: {unit['quantity']:,} {rate}{source}"
    for reason, sentence in found["reasons"].items():
        yield f"{reason}: {sentence}"
    price = found["price"]
    if price["entry"]:
        period = f"from {price['valid_from'] or 'ever'} to {price['valid_to'] or 'open'}"
        yield f"entry: {price['entry']}, valid {period}, book {price['book']}"
        yield f"matched by: {price['rule']}"
    for dimension, value in found["owner"].items():
        yield f"{dimension}: {value} (from {found['owner_source'].get(dimension, 'nowhere')})"
    yield from _chain(found)


def _chain(found: Mapping[str, Any]) -> Iterator[str]:
    """Say what the line amends and what amended it, each with its cause and its amount."""
    if found["chain"]:
        yield "chain:"
    for link in found["chain"]:
        amount = "no price" if link["amount_usd"] is None else f"{link['amount_usd']} USD"
        cause = f" of {link['amends']}, because {link['cause']}" if link["amends"] else ""
        here = "  <- this line" if link["line_id"] == found["line_id"] else ""
        yield f"  {link['line_id']} {link['recorded']}: {link['entry']}{cause}: {amount}{here}"
