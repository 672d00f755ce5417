"""`costattr review weekly`: the ownership review of a week, filled in, in Markdown."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from otel_costattr.errors import BadInput

from ..analytics.notes import cell, usd
from ..analytics.quality import gates, read_thresholds
from ..client import Api
from ..progress import waiting
from ..spend import time_zone
from .quality import gate_lines
from .words import add_words, api_of, as_json, parameters_of, write

Answer = dict[str, Any]
_PARTS = (
    ("volume", "calls"),
    ("mix", "mix of models"),
    ("tokens_per_call", "tokens per call"),
    ("price", "prices"),
    ("other", "other"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the review is written from.

    Attributes:
        features: The week against the one before, by feature.
        teams: The same by team.
        tenants: Who spent most.
        versions: Prompt versions of the week.
        retries: Retries by feature.
        quality: Gates and backlog.
    """

    features: Answer
    teams: Answer
    tenants: Answer
    versions: Answer
    retries: Answer
    quality: Answer


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("period", choices=("weekly",), help="what is reviewed: a week from Monday")
    parser.add_argument(
        "--week", metavar="2026-W46", help="ISO week (default: the last one that is over)"
    )
    parser.add_argument("--thresholds", type=Path, metavar="FILE", help="as for costattr quality")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the review there")
    add_words(parser, period=False)


def run(arguments: argparse.Namespace) -> int:
    """Ask, print the review, and return 0.

    Raises:
        BadInput: The week or a question was refused.
        StoreError: No collector answers.
    """
    zone = time_zone(arguments.time_zone or "UTC")
    arguments.time_zone = zone
    today = datetime.now(UTC).astimezone(ZoneInfo(zone)).date()
    monday = monday_of(arguments.week, today)
    thresholds = read_thresholds(arguments.thresholds) if arguments.thresholds else {}
    with waiting("asking for the week and the one before"):
        facts = _ask(api_of(arguments), arguments, monday)
    if arguments.json:
        write(as_json({name: getattr(facts, name) for name in Facts.__slots__}), arguments.output)
        return 0
    held = gates(facts.quality["figures"], thresholds)
    text = review(facts, monday=monday, zone=zone, gates=gate_lines(held))
    write(text, arguments.output)
    return 0


def monday_of(week: str | None, today: date) -> date:
    """Find the first day of a week.

    Args:
        week: Such as `2026-W46`; None for the last one that is over.
        today: The day in the time zone of the review.

    Raises:
        BadInput: It is no ISO week.
    """
    if week is None:
        return today - timedelta(days=today.weekday() + 7)
    found = re.fullmatch(r"(\d{4})-?W(\d{1,2})", week)
    try:
        if found is not None:
            return date.fromisocalendar(int(found[1]), int(found[2]), 1)
    except ValueError:
        pass
    raise BadInput(f"--week {week!r}: use an ISO week such as 2026-W46")


def _ask(api: Api, arguments: argparse.Namespace, monday: date) -> Facts:
    sunday = monday + timedelta(days=6)
    before = {
        "before_start": monday - timedelta(days=7),
        "before_end": monday - timedelta(days=1),
    }

    def ask(path: str, **more: object) -> Answer:
        words = parameters_of(arguments, start_date=monday, end_date=sunday, **more)
        return api.get(f"/v1/analytics/{path}", words)

    return Facts(
        features=ask("compare", group_by="feature", limit=20, **before),
        teams=ask("compare", group_by="team", limit=20, **before),
        tenants=ask("top", group_by="tenant", limit=10),
        versions=ask("prompt-versions", limit=20),
        retries=ask("retries", group_by="feature", limit=10),
        quality=ask("quality", limit=10),
    )


def review(facts: Facts, *, monday: date, zone: str, gates: list[str]) -> str:
    """Fill in the ownership review.

    Args:
        facts: What the API answered.
        monday: First day of the week.
        zone: IANA name of the time zone of its days.
        gates: The quality gates, one line each.
    """
    total = facts.features["total"]
    blocks = [
        f"# Ownership review, week of {monday.isoformat()} ({zone})",
        _summary(total),
        _changes("Features", "feature", facts.features),
        _changes("Teams", "team", facts.teams),
        _tenants(facts.tenants),
        _versions(facts.versions, monday),
        _retries(facts.retries),
        "## Quality\n\n```\n" + "\n".join(gates) + "\n```",
        _backlog(facts.quality["backlog"]),
        _decisions(facts),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _summary(total: Answer) -> str:
    percent = "" if total["delta_percent"] is None else f" ({float(total['delta_percent']):+.1f} %)"
    parts = ", ".join(f"{words} {usd(total[name])}" for name, words in _PARTS)
    unpriced = total["unpriced_calls_after"]
    note = f"\n- {unpriced:,} calls have no price and are in no amount" if unpriced else ""
    return (
        f"- Cost: {usd(total['cost_after'])} USD, the week before {usd(total['cost_before'])} USD\n"
        f"- Change: {usd(total['delta'])} USD{percent}: {parts}\n"
        f"- Calls: {total['calls_after']:,}, the week before {total['calls_before']:,}{note}"
    )


def _changes(title: str, name: str, answer: Answer) -> str:
    rows = [
        f"| {cell(row['dimensions'][name])} | {usd(row['cost_after'])} | {usd(row['delta'])} |"
        f" {_largest(row)} | {usd(row['cost_per_call_after'])} |"
        for row in answer["data"]
    ]
    head = [
        f"| {name} | USD | change USD | mostly | USD a call |",
        "| --- | ---: | ---: | --- | ---: |",
    ]
    return "\n".join([f"## {title}", "", *head, *rows]) if rows else ""


def _largest(row: Answer) -> str:
    known = [(abs(float(row[name])), words) for name, words in _PARTS if row[name] is not None]
    if not known:
        return "unknown"
    size, words = max(known)
    return words if size else "nothing"


def _tenants(answer: Answer) -> str:
    rows = [
        f"| {cell(row['dimensions']['tenant'])} | {usd(row['total_cost'])} | {_share(row['share'])}"
        f" | {row['calls']:,} |"
        for row in answer["data"]
    ]
    head = ["| tenant | USD | share | calls |", "| --- | ---: | ---: | ---: |"]
    return "\n".join(["## Largest tenants", "", *head, *rows]) if rows else ""


def _share(share: str | None) -> str:
    return "unknown" if share is None else f"{float(share) * 100:.1f} %"


def _versions(answer: Answer, monday: date) -> str:
    rows = [
        f"| {' / '.join(cell(value) for value in row['dimensions'].values())} |"
        f" {usd(row['total_cost'])} | {usd(row['cost_per_call'])} | {_share(row['failed_share'])} |"
        f" {row['first_time'][:16]} |"
        for row in answer["data"]
    ]
    what = f"feature / prompt / version, since {monday.isoformat()}"
    head = [
        f"| {what} | USD | USD a call | failed | first call of the week |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    return "\n".join(["## Prompt versions", "", *head, *rows]) if rows else ""


def _retries(answer: Answer) -> str:
    total = answer["total"]
    if total is None or total["retry_multiplier"] is None:
        return "## Retries\n\nNo call names its request: set external_request_id to see retries."
    worst = next((row for row in answer["data"] if row["retried_requests"]), None)
    where = f", most in {cell(worst['dimensions']['feature'])}" if worst else ""
    return (
        f"## Retries\n\n{float(total['retry_multiplier']):.3f} tries for each request;"
        f" retries cost {usd(total['retry_cost'])} USD{where}."
    )


def _backlog(rows: list[Answer]) -> str:
    lines = [
        f"{place}. {usd(row['total_cost'])} USD, {row['calls']:,} calls: {cell(row['service_name'])}"
        f" through {cell(row['scope_name'])} {_lacks(row)}"
        for place, row in enumerate(rows, start=1)
    ]
    return "\n".join(
        ["## Backlog of ownership", "", *(lines or ["Nothing is unowned or unpriced."])]
    )


def _lacks(row: Answer) -> str:
    words = [f"lacks {', '.join(row['missing'])}"] if row["missing"] else []
    if row["outside"]:
        words.append(f"is outside of the schema in {cell(', '.join(row['outside']))}")
    return " and ".join(words)


def _mends(row: Answer) -> str:
    if row["missing"]:
        return f"adds {', '.join(row['missing'])} to"
    return f"brings {cell(', '.join(row['outside']))} into the schema for"


def _decisions(facts: Facts) -> str:
    lines = [
        f"- [ ] {cell(row['dimensions']['feature'])} costs {usd(row['delta'])} USD more, mostly by"
        f" {_largest(row)}: keep, change or limit? Owner: ____"
        for row in facts.features["data"]
        if row["delta"] is not None and float(row["delta"]) > 0
    ][:5]
    lines += [
        f"- [ ] Who {_mends(row)} {cell(row['service_name'])}? Owner: ____"
        for row in facts.quality["backlog"][:3]
    ]
    return "\n".join(["## Decisions", "", *(lines or ["None needed."])])
