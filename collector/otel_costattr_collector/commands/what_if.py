"""`costattr what-if`: the same usage on another model, tier or contract; nothing is booked."""

from __future__ import annotations

import argparse

from ..client import Api
from .amended import add_books, add_stretch, books_of, shown, stretch_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_stretch(parser, role="read")
    add_books(parser)
    parser.add_argument("--model", help="as telemetry spells it; provider/model names the seller")
    parser.add_argument("--service-tier", help="batch, flex, priority, ...")


def run(arguments: argparse.Namespace) -> int:
    """Print the difference by tenant, month and model, and return 0.

    Raises:
        BadInput: Nothing is supposed, or the period or a contract makes no sense.
        StoreError: No collector answers.
    """
    wanted = {
        **stretch_of(arguments),
        "overlays": books_of(arguments),
        "model": arguments.model,
        "service_tier": arguments.service_tier,
    }
    found = Api(arguments.url, arguments.key).post("/v1/what-if", wanted)
    print(shown(found, as_json=arguments.json))
    return 0
