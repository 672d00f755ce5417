"""The triage note: what on-call people write down, filled in, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from otel_costattr_collector.analytics.triage import Driver, Hypothesis, Row, Triage, Values

NOBODY: Final = "(unknown)"
_ZERO: Final = Decimal(0)
_SHOWN: Final = 5
_TABLES: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("Features", ("feature",)),
    ("Tenants and users", ("tenant", "user")),
    ("Prompt versions", ("prompt_version",)),
    ("Models", ("model",)),
)
_MEANING: Final[Mapping[Hypothesis, str]] = {
    "volume": "more calls of the usual kind and size",
    "efficiency": "calls that use more tokens than before",
    "routing": "calls that went to other models, providers or tiers",
    "retries": "the same requests tried again and again",
    "abuse": "one user far above everybody else",
    "price": "the same tokens at higher rates",
    "other": "tools, costs that are no model call, or bookings",
    "none": "nothing rose",
}
_NEXT: Final[Mapping[Hypothesis, str]] = {
    "volume": "Ask the owner whether the growth is wanted (launch, import, batch job); if not, "
    "limit the caller.",
    "efficiency": "Read a few of the calls below, compare the prompt with its last version, roll "
    "it back or cap the output.",
    "routing": "Look for a changed model alias, a fallback that stuck, or a lost cache.",
    "retries": "Stop the retry loop (back-off, a budget of tries), then mend what fails.",
    "abuse": "Limit or block the user, and check that a limit per user exists.",
    "price": "Check the price book and the contract: costattr explain LINE_ID.",
    "other": "Look at the lines: GET /v1/calls with the same filters.",
    "none": "Nothing to do.",
}


def triage_note(found: Triage, *, time_zone: str) -> str:
    """Fill in the triage note.

    Args:
        found: What triage found.
        time_zone: IANA name of the zone of the times in the note.
    """
    zone = ZoneInfo(time_zone)
    blocks = [
        _head(found, zone),
        _verdict(found),
        *(_driver(place, driver) for place, driver in enumerate(found.drivers, start=1)),
        *(_table(title, names, found) for title, names in _TABLES),
        _tokens(found.total),
        _retries(found),
        _unknown(found),
        _steps(found.drivers),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _head(found: Triage, zone: ZoneInfo) -> str:
    start, end = (_time(ns, zone) for ns in found.windows.after)
    total = found.total
    return (
        f"# Spend triage, {start} to {end} ({zone.key})\n\n"
        f"- Cost: {usd(total['cost_after'])} USD, usually {usd(total['cost_before'])} USD"
        f" ({found.windows.rule})\n"
        f"- Difference: {usd(total['delta'])} USD{_percent(total['delta_percent'])}\n"
        f"- Calls: {total['calls_after']:,}, usually"
        f" {_mean(total['calls_before'], found):,}"
    )


def _mean(count: int, found: Triage) -> int:
    return round(count / len(found.windows.before))


def _verdict(found: Triage) -> str:
    if not found.drivers:
        return "## Verdict\n\nSpend is not above its usual level: nothing to explain."
    first = found.drivers[0]
    return (
        f"## Verdict\n\n**{first.hypothesis}**: {_MEANING[first.hypothesis]}, in"
        f" {where(first.values)}. It explains {_share(first.explained)} of the difference."
    )


def _driver(place: int, driver: Driver) -> str:
    split = ", ".join(
        f"{name.replace('_', ' ')} {usd(amount)}" for name, amount in driver.split.items() if amount
    )
    change = driver.change
    return (
        f"### Driver {place}: {where(driver.values)}\n\n"
        f"- Hypothesis: {driver.hypothesis} ({_MEANING[driver.hypothesis]})\n"
        f"- Adds {usd(driver.delta_usd)} USD, {_share(driver.explained)} of the difference\n"
        f"- Split of {where(driver.split_of)} in USD: {split or 'nothing moved'}\n"
        f"- Cost of a call there: {usd(change['cost_per_call_after'])} USD, before"
        f" {usd(change['cost_per_call_before'])} USD\n"
        f"- Tries for each request there: {_multiplier(driver.retries_after)}, before"
        f" {_multiplier(driver.retries_before)}"
    )


def _table(title: str, names: Sequence[str], found: Triage) -> str:
    rows = [
        f"| {name} | {cell(row['value'])} | {usd(row['delta'])} | {usd(row['cost_after'])}"
        f" | {row['calls_after']:,} | {_mean(row['calls_before'], found):,} |"
        for name in names
        for row in found.movers[name][:_SHOWN]
        if row["delta"]
    ]
    if not rows:
        return ""
    head = "| what | value | more USD | USD now | calls now | calls usually |"
    return "\n".join([f"## {title}", "", head, "| --- | --- | ---: | ---: | ---: | ---: |", *rows])


def _tokens(total: Row) -> str:
    return (
        "## Tokens per call\n\n"
        f"- Now {_per(total['tokens_after'], total['calls_after'])}, usually"
        f" {_per(total['tokens_before'], total['calls_before'])} tokens a call with a price"
    )


def _per(tokens: int, calls: int) -> str:
    return f"{tokens / calls:,.0f}" if calls > 0 else "no call, so no"


def _retries(found: Triage) -> str:
    rows = [row for row in found.movers["error_type"] if row["value"] and row["calls_after"] > 0]
    errors = ", ".join(f"{cell(row['value'])} {row['calls_after']:,} calls" for row in rows[:3])
    unnamed = found.drivers and not any(one.retries_after["tries"] for one in found.drivers)
    named = " No call names its request: set external_request_id to see retries." if unnamed else ""
    return f"## Retries and errors\n\n- Failed calls now: {errors or 'none'}.{named}"


def _unknown(found: Triage) -> str:
    total = found.total
    unpriced = total["unpriced_calls_after"]
    lines = [f"- Not explained by any driver: {usd(found.left_usd)} USD"]
    if unpriced:
        lines.append(f"- {unpriced:,} calls of the window have no price and are in no amount above")
    return "\n".join(["## What is not known", "", *lines])


def _steps(drivers: Iterable[Driver]) -> str:
    steps = [
        f"{place}. {_NEXT[driver.hypothesis]}\n"
        f"   `costattr report --by tenant,user,model {_words(driver.values)}`"
        for place, driver in enumerate(drivers, start=1)
    ]
    return "\n".join(["## Next steps", "", *steps]) if steps else ""


def _words(values: Values) -> str:
    return " ".join(f"--where '{name}={value}'" for name, value in values.items())


def where(values: Values) -> str:
    """Name a part of the spend in words."""
    if not values:
        return "everything"
    return ", ".join(f"{name.replace('_', ' ')} {cell(value)}" for name, value in values.items())


def cell(value: str) -> str:
    """Write a value so that Markdown shows it as it is."""
    if not value:
        return NOBODY
    plain = "".join(letter if letter.isprintable() else " " for letter in value)
    return f"`{plain.replace('`', ' ').replace('|', ' ')}`"


def usd(amount: Any) -> str:
    """Write an amount for people: cents from a dollar up, else four digits that count."""
    if amount is None:
        return "unknown"
    exact = Decimal(amount)
    if exact == 0:
        return "0"
    places = 2 if abs(exact) >= 1 else min(3 - exact.adjusted(), 12)
    return f"{exact:,.{places}f}"


def _percent(percent: Any) -> str:
    return "" if percent is None else f" ({Decimal(percent):+,.1f} %)"


def _share(share: Decimal) -> str:
    return f"{share * 100:.0f} %"


def _multiplier(row: Row) -> str:
    found = row["retry_multiplier"]
    return "unknown" if found is None else f"{Decimal(found):.2f}"


def _time(ns: int, zone: ZoneInfo) -> str:
    moment = datetime.fromtimestamp(ns // 10**9, tz=UTC).astimezone(zone)
    return moment.strftime("%Y-%m-%d %H:%M")
