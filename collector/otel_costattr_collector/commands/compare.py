"""`costattr compare --by prompt_version A B`: is a call of B dearer than one of A? A gate for CI."""

from __future__ import annotations

import argparse
import re
from typing import Any, Final

from otel_costattr.errors import BadInput

from ..analytics.notes import usd
from .words import add_min_group, add_words, api_of, as_json, parameters_of

_EXIT: Final = {"regression": 1, "improvement": 0, "no regression": 0, "undecided": 2}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--by",
        default="prompt_version",
        metavar="DIMENSION",
        help="what tells the two apart (default: %(default)s)",
    )
    parser.add_argument("a", metavar="A", help="the value to compare with")
    parser.add_argument("b", metavar="B", help="the value in question")
    parser.add_argument(
        "--fail-over",
        type=_share,
        default=0.0,
        metavar="10%",
        help="how much dearer a call of B may be (default: not at all)",
    )
    parser.add_argument(
        "--adjust-for",
        default="model,operation",
        metavar="DIMENSIONS",
        help="a different mix of these is not B's fault; none for no adjustment "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--alpha", type=float, default=0.05, help="accepted chance of a false alarm (default: 0.05)"
    )
    parser.add_argument(
        "--least-calls", type=int, default=30, help="calls that each side must have (default: 30)"
    )
    add_min_group(parser)
    add_words(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare, print, and return 1 on a regression, 2 if it cannot be decided, else 0.

    Raises:
        BadInput: The question was refused.
        StoreError: No collector answers.
    """
    words = parameters_of(
        arguments,
        by=arguments.by,
        a=arguments.a,
        b=arguments.b,
        fail_over=arguments.fail_over,
        adjust_for=arguments.adjust_for,
        alpha=arguments.alpha,
        least_calls=arguments.least_calls,
        min_group=arguments.min_group,
    )
    found = api_of(arguments).get("/v1/analytics/versions", words)
    print(as_json(found) if arguments.json else _table(found))
    return _EXIT[found["verdict"]]


def _share(word: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%?)", word.strip())
    if found is None:
        raise BadInput(f"--fail-over {word!r}: use 10% or 0.1")
    return float(found[1]) / (100 if found[2] else 1)


def _table(found: dict[str, Any]) -> str:
    a, b = found["a"], found["b"]
    rows = [
        ("", f"A: {a['value']}", f"B: {b['value']}"),
        ("calls with a price", f"{a['calls']:,}", f"{b['calls']:,}"),
        ("calls without one", f"{a['unpriced_calls']:,}", f"{b['unpriced_calls']:,}"),
        ("cost USD", usd(a["cost"]), usd(b["cost"])),
        ("cost of a call USD", usd(a["cost_per_call"]), usd(b["cost_per_call"])),
        ("tokens of a call", *(one["tokens_per_call"] or "unknown" for one in (a, b))),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        f"{row[0]:{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}".rstrip()
        for row in rows
    ]
    return "\n".join([*lines, "", *_verdict(found)])


def _verdict(found: dict[str, Any]) -> list[str]:
    allowed = f"{found['fail_over'] * 100:g} %"
    mix = ", ".join(found["adjust_for"])
    adjusted = f"adjusted for the mix of {mix}" if mix else "not adjusted for any mix"
    if found["verdict"] == "undecided":
        few = "too few calls with a price on one side, or too few that can be compared"
        return [f"undecided: {few} ({found['comparable'] * 100:.0f} % of all, {adjusted})"]
    change, low, high = (found[name] * 100 for name in ("change", "low", "high"))
    measured = f"a call of B costs {change:+.1f} % ({low:+.1f} to {high:+.1f} %), {adjusted}"
    verdict = f"{found['verdict']}: a rise of {allowed} is allowed; p = {found['p_value']:.3g}"
    return [measured, f"{verdict}; {found['test']}"]
