"""What an audit found, as the API says it and the command prints it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal

from pydantic import BaseModel, Field

CALL_KEYS: Final = "call_keys"
MOST_SHOWN: Final = 1000
"""Differences of one check that a report lists; their number is always said."""


class Difference(BaseModel):
    """One difference: a line that counts too often, or a key of a rollup that does not add up."""

    what: Literal["copy", "same_call", "taken_back_twice", "rollup"] = Field(
        description="A copy of a line, a second span of a call, a line taken back twice, a rollup."
    )
    key: dict[str, str] = Field(description="Which line, or which row of the rollup.")
    too_many: dict[str, str] = Field(
        description="What the books hold too many of, by column; negative is too few."
    )
    state: Literal["found", "mended", "busy"] = Field(
        description="`busy`: somebody writes to it just now, so it waits for a later audit."
    )


class Check(BaseModel):
    """The differences between the ledger and one of: its call keys, its rollups."""

    check: str = Field(description="`call_keys`, or the name of a rollup.")
    differences: int = Field(description="How many were found.")
    mended: int = Field(description="Of these, those that were mended.")
    busy: int = Field(description="Of these, those that wait for a quiet time.")
    calls_difference: int = Field(description="Calls too many, before mending.")
    cost_difference: Decimal = Field(description="USD too many, before mending.")
    shown: list[Difference] = Field(description=f"The first {MOST_SHOWN} of them.")


class Report(BaseModel):
    """What one audit found and mended."""

    audit_id: str = Field(description="Identity of the audit, 16 hex digits.")
    auditor: str = Field(description="The collector that looked.")
    first_day: date = Field(description="First day of recording that was looked at.")
    last_day: date = Field(description="Last day, in the reporting time zone.")
    repair: bool = Field(description="Whether differences were to be mended.")
    differences: int = Field(description="How many were found.")
    mended: int = Field(description="Of these, those that were mended.")
    busy: int = Field(description="Of these, those that wait for a quiet time.")
    checks: list[Check] = Field(description="One for the call keys and one for each rollup.")

    @property
    def left(self) -> int:
        """Differences that are still there."""
        return self.differences - self.mended


def report_lines(report: Mapping[str, Any]) -> list[str]:
    """Write a report as lines of text, every difference on one of its own."""
    lines = [f"recorded {report['first_day']} to {report['last_day']}, seen by {report['auditor']}"]
    for check in report["checks"]:
        lines.append(f"  {check['check']:22} {_result(check)}")
        lines += [f"    {_difference(one)}" for one in check["shown"]]
        hidden = check["differences"] - len(check["shown"])
        if hidden > 0:
            lines.append(f"    ... and {hidden} more")
    return [*lines, _sum(report)]


def _result(check: Mapping[str, Any]) -> str:
    if not check["differences"]:
        return "agrees"
    parts = [f"{check['differences']} differences", f"{check['mended']} mended"]
    if check["busy"]:
        parts.append(f"{check['busy']} wait for a quiet time")
    calls, cost = check["calls_difference"], Decimal(check["cost_difference"])
    return ", ".join(parts) + f" ({calls:+} calls, {cost:+f} USD)"


def _difference(one: Mapping[str, Any]) -> str:
    key = " ".join(f"{name}={value}" for name, value in one["key"].items() if value)
    amounts = " ".join(f"{name}{Decimal(value):+f}" for name, value in one["too_many"].items())
    return f"{one['state']:6}  {one['what']}  {key}  {amounts}".rstrip()


def _sum(report: Mapping[str, Any]) -> str:
    left = report["differences"] - report["mended"]
    if not report["differences"]:
        return "the books agree"
    if not left:
        return f"{report['mended']} differences, all mended"
    ask = "" if report["repair"] else ": costattr audit --repair mends them"
    return f"{left} differences left{ask}"
