"""`costattr triage`: what drove spend up around an instant, and the filled triage note."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..progress import waiting
from .words import add_words, api_of, as_json, parameters_of, write


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--around",
        required=True,
        metavar="TIME",
        help="an instant inside the spike, such as 2026-11-20T03:00Z; the window around it is "
        "found, unless --from and --to name it",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the note there")
    add_words(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask, print the note, and return 0.

    Raises:
        BadInput: The question was refused.
        StoreError: No collector answers.
    """
    with waiting("walking through features, tenants, users, prompts and models"):
        found = api_of(arguments).get(
            "/v1/analytics/triage", parameters_of(arguments, around=arguments.around)
        )
    write(as_json(found) if arguments.json else found["note"], arguments.output)
    return 0
