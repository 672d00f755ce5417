"""The same answers worked out in plain Python over the raw lines: a second implementation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from otel_costattr_collector.store import Store
from typing_extensions import override

Line = Mapping[str, Any]
_RAW = (
    "SELECT line_id, call_key, entry, status, reason, toUnixTimestamp64Nano(event_ns) AS event_ns,"
    " toUnixTimestamp64Nano(recorded_ns) AS recorded_ns, tenant, user, feature, step, prompt,"
    " prompt_version, session, agent, team, plan, environment, data_mode, external_request_id,"
    " trace_id, provider, model, operation, service_tier, service_name, scope_name, error_type,"
    " tags, lines, calls, usage_calls, input_tokens, cache_read_tokens, output_tokens,"
    " reasoning_tokens, input_usd, cache_read_usd, cache_write_usd, output_usd, reasoning_usd,"
    " uses_usd, other_usd, amount_usd, most_usd, duration_ns, scope_version FROM ledger"
)
GRAINS: Mapping[str, Callable[[datetime], str]] = {
    "15m": lambda local: _instant(
        local.astimezone(UTC).replace(minute=local.astimezone(UTC).minute // 15 * 15)
    ),
    "hour": lambda local: _instant(local.astimezone(UTC) - timedelta(minutes=local.minute)),
    "day": lambda local: local.date().isoformat(),
    "week": lambda local: (local.date() - timedelta(days=local.weekday())).isoformat(),
    "month": lambda local: local.date().replace(day=1).isoformat(),
}


@dataclass(frozen=True, slots=True)
class Sums:
    """What lines sum to; an amount is None where no line has one."""

    calls: int
    cost: Decimal | None
    tokens: int
    failed: int
    unpriced: int


class Lines(tuple[Line, ...]):
    """Many lines, shown as a number."""

    __slots__ = ()

    @override
    def __repr__(self) -> str:
        return f"<{len(self)} lines>"


def raw_lines(store: Store) -> Lines:
    """Read every line as it stands in the ledger."""
    return Lines(store.query(_RAW).mappings())


def value_of(line: Line, dimension: str) -> str:
    """Read one dimension of a line; `''` is unknown."""
    if dimension.startswith("tags."):
        return str(line["tags"].get(dimension.removeprefix("tags."), ""))
    return str(line[dimension])


def bucket_of(line: Line, grain: str, zone: str) -> str:
    """Name the bucket that a line is in."""
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=line["event_ns"] // 1000)
    return GRAINS[grain](instant.replace(second=0, microsecond=0).astimezone(ZoneInfo(zone)))


def within(lines: Iterable[Line], zone: str, first: date, last: date) -> list[Line]:
    """Keep the lines of some days of a time zone, the last one included."""
    since, until = midnight_ns(zone, first), midnight_ns(zone, last + timedelta(days=1))
    return [line for line in lines if since <= line["event_ns"] < until]


def midnight_ns(zone: str, day: date) -> int:
    """Say when a day begins in a time zone, nanoseconds UTC."""
    begins = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    return int(begins.timestamp()) * 10**9


def kept(lines: Iterable[Line], where: Iterable[str]) -> list[Line]:
    """Keep the lines that filters such as `feature!=chat` let through."""
    chosen = list(lines)
    for word in where:
        name, _, value = word.partition("=")
        negated = name.endswith("!")
        dimension = name.removesuffix("!")
        chosen = [ln for ln in chosen if (value_of(ln, dimension) == value) != negated]
    return chosen


def divided_by(part: Decimal | None, whole: Decimal) -> Decimal | None:
    """Give a share of an amount, cut off after twelve places."""
    if part is None:
        return None
    return Decimal(int(Fraction(part) / Fraction(whole) * 10**12)).scaleb(-12)


def divided(part: Decimal | int | None, whole: int, places: int) -> Decimal | None:
    """Divide and cut off after some places; None where there is nothing to divide by."""
    if part is None or not whole:
        return None
    exact = Fraction(part) / whole * 10**places
    return Decimal(int(exact)).scaleb(-places)


def _instant(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat() + "Z"


def sums(lines: Iterable[Line]) -> Sums:
    """Add lines up, one by one."""
    calls = tokens = failed = unpriced = 0
    cost: Decimal | None = None
    for line in lines:
        calls += line["calls"]
        failed += line["calls"] if line["error_type"] else 0
        unpriced += line["calls"] if line["amount_usd"] is None else 0
        tokens += line["input_tokens"] + line["cache_read_tokens"]
        tokens += line["output_tokens"] + line["reasoning_tokens"]
        if line["amount_usd"] is not None:
            cost = (cost or Decimal(0)) + line["amount_usd"]
    return Sums(calls, cost, tokens, failed, unpriced)


def grouped(lines: Iterable[Line], key: Callable[[Line], Any]) -> dict[Any, list[Line]]:
    """Put lines with the same key together."""
    groups: dict[Any, list[Line]] = {}
    for line in lines:
        groups.setdefault(key(line), []).append(line)
    return groups
