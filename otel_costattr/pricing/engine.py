"""Pricing one call: match the model, take the plan of the moment, multiply, say what was assumed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, cast

from otel_costattr.model import (
    INPUT_TOKEN_UNITS,
    LineItem,
    ModelCall,
    Price,
    Unit,
    Usage,
)
from otel_costattr.pricing.book import PriceBook
from otel_costattr.pricing.bounds import bounds
from otel_costattr.pricing.entries import PER, TOKEN_UNITS, Entry
from otel_costattr.pricing.exact import EXACT, amount_usd
from otel_costattr.pricing.matching import Asked, Match, match
from otel_costattr.pricing.plans import Cells, Plan, compile_plan
from otel_costattr.pricing.providers import region_of_host
from otel_costattr.pricing.records import QuickLine, QuickPrice
from otel_costattr.pricing.spelling import canonical

MAX_MEMO: Final = 8_192
"""Look-ups that a book remembers; at this number it forgets all and starts again."""

_ZERO: Final = Decimal(0)
_add: Final = EXACT.add
_multiply: Final = EXACT.multiply
_INPUT_TOKENS: Final = frozenset(INPUT_TOKEN_UNITS)
_ONE_FOR_ANOTHER: Final[tuple[frozenset[str], ...]] = (
    TOKEN_UNITS,
    frozenset({"seconds_input_audio", "seconds_output_audio"}),
    frozenset({"characters"}),
    frozenset({"pages"}),
    frozenset({"images"}),
    frozenset({"requests"}),
)
"""Measures of the same content: a provider bills some, and the others cost nothing beside them."""

_ONLY_TOKENS: Final = frozenset({"web_fetch"})
"""Uses that cost the tokens they bring in and nothing else, unless an entry names a fee."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is known about calls that carry the same names.

    Attributes:
        match: The model of the book, or why there is none.
        entries: Its dated prices.
        since_ns: Before that the provider sold nothing, nanoseconds UTC.
        names: Request and response model, lower case.
        host: Of the API, lower case.
        asked: Tier, speed, region and region of the host, lower case.
        assumed: Keys of `REASONS` for what the match takes for granted.
        plans: Compiled so far, one a stretch of time.
    """

    match: Match
    entries: tuple[Entry, ...]
    since_ns: int
    names: frozenset[str]
    host: str
    asked: tuple[str, ...]
    assumed: tuple[str, ...]
    plans: list[Plan] = field(default_factory=list)


def price(call: ModelCall, *, at_ns: int, book: PriceBook) -> tuple[Price, ...]:
    """Price every model that served a call, the main one first; never raises.

    Args:
        call: What a span says.
        at_ns: The call's start, nanoseconds UTC.
        book: The prices, in USD.

    Returns:
        One price a model, each a number of USD with its line items, or a named reason.
    """
    main = _priced(call, call.response_model, call.request_model, call.usage, at_ns, book)
    if not call.other_models:
        return (main,)
    others = (
        _priced(call, other.model, "", other.usage, at_ns, book) for other in call.other_models
    )
    return (main, *others)


def find(call: ModelCall, response_model: str, request_model: str, book: PriceBook) -> Found:
    """Return what the book knows about a call's names, tier, speed and region."""
    key = (
        call.provider,
        call.server_address,
        response_model,
        request_model,
        call.service_tier or call.requested_service_tier,
        call.speed,
        call.region,
    )
    found: Found | None = book.memo.get(key)
    if found is None:
        found = _find(key, book)
        if len(book.memo) >= MAX_MEMO:
            book.memo.clear()
        book.memo[key] = found
    return found


def _find(key: tuple[str, str, str, str, str, str, str], book: PriceBook) -> Found:
    provider, host, response_model, request_model, tier, speed, region = key
    asked = Asked(
        provider=provider, host=host, response_model=response_model, request_model=request_model
    )
    matched = match(asked, book)
    return Found(
        match=matched,
        entries=book.entries(matched.seller, matched.model) if matched.model else (),
        since_ns=book.since_ns(matched.seller),
        names=frozenset(canonical(name) for name in (response_model, request_model) if name),
        host=host.strip().lower(),
        asked=(
            tier.strip().lower(),
            speed.strip().lower(),
            region.strip().lower(),
            region_of_host(host) if host else "",
        ),
        assumed=(matched.assumed,) if matched.assumed else (),
    )


def _plan(found: Found, at_ns: int, book: PriceBook) -> Plan | None:
    if at_ns < found.since_ns:
        return None
    for plan in found.plans:
        if (plan.from_ns is None or plan.from_ns <= at_ns) and (
            plan.to_ns is None or at_ns < plan.to_ns
        ):
            return plan
    for entry in found.entries:
        if entry.valid(at_ns):
            plan = compile_plan(
                entry,
                book.contract,
                billed=found.match.provider,
                asked=found.asked,
                rule=found.match.rule,
                at_ns=at_ns,
            )
            found.plans.append(plan)
            return plan
    return None


def _priced(
    call: ModelCall,
    response_model: str,
    request_model: str,
    usage: Usage | None,
    at_ns: int,
    book: PriceBook,
) -> Price:
    found = find(call, response_model, request_model, book)
    counts = None if usage is None else usage.counts
    contract = book.contract
    if contract.capacities and counts:
        source = contract.capacity(found.match.provider, found.names, found.host, at_ns)
        if source:
            return _committed(found, counts, source, at_ns, book)
    plan = _plan(found, at_ns, book) if found.match.model else None
    if plan is None or not counts:
        return _unpriced(call, found, counts, at_ns, book)
    return _sum(call, found, counts, at_ns, book, plan=plan)


def _sum(
    call: ModelCall,
    found: Found,
    counts: Mapping[Unit, int],
    at_ns: int,
    book: PriceBook,
    *,
    plan: Plan,
) -> Price:
    cells = plan.cells(_input_total(counts), at_ns) if plan.stepped else plan.bands[0].cells
    least = plan.entry.minimums
    assumed = call.reasons + plan.assumed + found.assumed
    lines: list[QuickLine] = []
    total = _ZERO
    for unit, count in counts.items():
        if not count:
            continue
        cell = cells.get(unit)
        if cell is None:
            if _costs_nothing(unit, counts, cells):
                continue
            return _unpriced(call, found, counts, at_ns, book, plan=plan)
        rate_usd, per, list_rate_usd, one_usd, takes_for_granted = cell
        if least:
            count = max(count, least.get(unit, 0))  # noqa: PLW2901 - what is billed
        amount = _multiply(one_usd, count) if one_usd else amount_usd(count, rate_usd, per)
        lines.append(QuickLine(unit, count, rate_usd, per, amount, list_rate_usd))
        total = _add(total, amount)
        if takes_for_granted and takes_for_granted not in assumed:
            assumed = (*assumed, takes_for_granted)
    if not lines:
        return _unpriced(call, found, counts, at_ns, book)
    if plan.fee is not None and "requests" not in counts:
        lines.append(plan.fee)
        total = _add(total, plan.fee.amount_usd)
    items = cast("tuple[LineItem, ...]", tuple(lines))
    made = QuickPrice(
        "estimated" if assumed else "priced",
        assumed,
        items,
        total,
        total if plan.listed else _listed(items),
        found.match.provider,
        plan.entry,
        book.version,
        plan.rule,
    )
    return cast("Price", made)


def _input_total(counts: Mapping[Unit, int]) -> int:
    return sum(count for unit, count in counts.items() if unit in _INPUT_TOKENS)


def _listed(lines: Iterable[LineItem]) -> Decimal:
    total = _ZERO
    for line in lines:
        total = _add(total, amount_usd(line.quantity, line.list_rate_usd, line.per))
    return total


def _costs_nothing(unit: Unit, counts: Mapping[Unit, int], cells: Cells) -> bool:
    """Tell whether a unit without a rate measures what another, billed unit measures too."""
    if unit in _ONLY_TOKENS:
        return True
    measure = next((units for units in _ONE_FOR_ANOTHER if unit in units), None)
    if measure is None:
        return False
    if unit in TOKEN_UNITS and any(token in cells for token in TOKEN_UNITS):
        return False
    billed = {other for other, count in counts.items() if count and other in cells}
    return any(billed & units for units in _ONE_FOR_ANOTHER if units is not measure)


def _committed(
    found: Found, counts: Mapping[Unit, int], source: str, at_ns: int, book: PriceBook
) -> Price:
    plan = _plan(found, at_ns, book) if found.match.model else None
    cells: Cells = {} if plan is None else plan.cells(_input_total(counts), at_ns)
    lines = tuple(
        LineItem(
            unit=unit,
            quantity=count,
            rate_usd=_ZERO,
            per=PER[unit],
            amount_usd=_ZERO,
            list_rate_usd=cells[unit].list_rate_usd if unit in cells else _ZERO,
        )
        for unit, count in counts.items()
        if count
    )
    known = all(line.unit in cells for line in lines)
    return Price(
        status="priced",
        lines=lines,
        total_usd=_ZERO,
        list_usd=_listed(lines) if known else None,
        provider=found.match.provider,
        model=found.match.model,
        entry=source if plan is None else plan.entry.id,
        valid_from_ns=None if plan is None else plan.entry.from_ns,
        valid_to_ns=None if plan is None else plan.entry.to_ns,
        book=book.version,
        rule=f"provisioned capacity of {source}",
        committed=True,
    )


def _unpriced(
    call: ModelCall,
    found: Found,
    counts: Mapping[Unit, int] | None,
    at_ns: int,
    book: PriceBook,
    *,
    plan: Plan | None = None,
) -> Price:
    why = _why(call, found, counts, plan)
    matched = found.match
    entry = None if plan is None else plan.entry
    return Price(
        status="unpriced",
        reasons=(why, *(reason for reason in call.reasons if reason != why)),
        provider=matched.provider,
        model=matched.model,
        entry="" if entry is None else entry.id,
        valid_from_ns=None if entry is None else entry.from_ns,
        valid_to_ns=None if entry is None else entry.to_ns,
        book=book.version,
        rule=matched.rule,
        bounds_usd=bounds(book, matched.provider, found.entries, counts, at_ns),
    )


def _why(
    call: ModelCall, found: Found, counts: Mapping[Unit, int] | None, plan: Plan | None
) -> str:
    if "bad_usage" in call.reasons and counts is None:
        return "bad_usage"
    if not counts or not any(counts.values()):
        return "no_usage"
    if found.match.reason:
        return found.match.reason
    return "no_price_at_time" if plan is None else "no_rate"
