"""What the company's month comes to, in plain Python over the seed; nothing of the product is used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from functools import cache

from company import seed
from company.seed import (
    BEFORE,
    CALLS,
    CHEAPER,
    CLAUDE,
    GPT,
    LIST,
    MINI,
    PROVIDER,
    Call,
    Rates,
)

Sums = dict[str, Decimal]
ZERO = Decimal(0)
PICO = Decimal("1E-12")
NOBODY = ""
FREE_USERS = "free_users"


def priced(call: Call, rates: Rates) -> Decimal:
    """Work out a call: tokens times rates, by the million."""
    sent, cached, produced = map(Decimal, rates)
    fresh = call.sent - call.cached
    return (fresh * sent + call.cached * cached + call.produced * produced) / 10**6


def true_cost(call: Call) -> Decimal:
    """Say what a call costs under the contract, counts or not."""
    cheaper = call.model == MINI and call.day >= seed.CUT
    return priced(call, CHEAPER if cheaper else BEFORE[call.model])


def cost(call: Call) -> Decimal | None:
    """Say what the ledger can know of it at last; None without counts, or without a price."""
    return true_cost(call) if call.priced else None


def first_cost(call: Call) -> Decimal | None:
    """Say what it was booked at, before anybody knew of the cut."""
    return priced(call, BEFORE[call.model]) if call.priced else None


def total(
    key: Callable[[Call], str], amount: Callable[[Call], Decimal | None] = cost
) -> Mapping[str, Decimal]:
    """Sum the calls by something."""
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for call in CALLS:
        found[key(call)] += amount(call) or ZERO
    return dict(found)


def tokens(call: Call) -> int:
    """Count its tokens, as far as its span tells."""
    return call.sent + call.produced if call.counted else 0


def shares(amount: Decimal, weights: Mapping[str, Decimal | int]) -> Sums:
    """Divide by largest remainder: cut off at 1e-12, the rest to those who lost most, by name."""
    whole = sum(Fraction(weight) for weight in weights.values())
    units = int(amount / PICO)
    exact = {name: units * Fraction(weight) / whole for name, weight in weights.items()}
    parts = {name: part.numerator // part.denominator for name, part in exact.items()}
    order = sorted(exact, key=lambda name: (parts[name] - exact[name], name))
    for name in order[: units - sum(parts.values())]:
        parts[name] += 1
    return {name: part * PICO for name, part in parts.items()}


def added(*sums: Mapping[str, Decimal]) -> Sums:
    """Add sums up by name."""
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for one in sums:
        for name, amount in one.items():
            found[name] += amount
    return dict(found)


# --- shared costs ------------------------------------------------------------------------------
def _tokens_by(key: Callable[[Call], str], among: Iterable[Call]) -> dict[str, int]:
    found: defaultdict[str, int] = defaultdict(int)
    for call in among:
        found[key(call)] += tokens(call)
    return dict(found)


@cache
def gpu_by_plan() -> Mapping[date, Sums]:
    """Divide each day's GPU nodes by the tokens of each plan in the month."""
    weights = _tokens_by(lambda call: call.plan, (call for call in CALLS if call.plan))
    return {day: shares(amount, weights) for day, amount in seed.GPU.items()}


@cache
def allocated() -> Mapping[str, Mapping[str, Decimal]]:
    """Say what each tenant gets of each pool."""
    pro = _tokens_by(lambda call: call.tenant, (call for call in CALLS if call.plan == "pro"))
    scale = {name: sum(call.tenant == name for call in CALLS) for name in seed.SCALE}
    days = gpu_by_plan().values()
    return {
        "gpu": added(
            *(shares(day["pro"], pro) for day in days),
            *(shares(day["scale"], scale) for day in days),
            {FREE_USERS: sum((day["free"] for day in days), ZERO)},
        ),
        "vectors": shares(seed.VECTORS, revenue()),
        "support": shares(seed.SUPPORT, dict.fromkeys((*seed.PRO, *seed.SCALE), 1)),
    }


def revenue() -> Mapping[str, Decimal]:
    """Say what each customer pays for June, USD."""
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for paid in seed.PAID:
        usd = paid.amount * (seed.EUR if paid.currency == "EUR" else 1)
        found[paid.customer] += usd * 30 / 91 if "/" in paid.period else usd
    return dict(found)


# --- the two measures --------------------------------------------------------------------------
POOLS = sum(seed.GPU.values(), seed.VECTORS + seed.SUPPORT)


def direct() -> Sums:
    """Sum by tenant what each caused itself; shared costs are nobody's."""
    return added(total(lambda call: call.tenant), {NOBODY: POOLS})


def loaded() -> Sums:
    """Sum by tenant with what was allocated; whom a free plan serves costs the cost centre."""
    moved = total(lambda call: FREE_USERS if call.plan == "free" else call.tenant)
    return added(dict.fromkeys(seed.FREE, ZERO), moved, *allocated().values())


def features(customer: str) -> Sums:
    """Sum a customer's loaded cost by feature: splits followed, what is allocated has none."""
    found = (feature_shares(call) for call in CALLS if call.tenant == customer)
    pools = sum((pool.get(customer, ZERO) for pool in allocated().values()), ZERO)
    return added(*found, {NOBODY: pools})


def feature_shares(call: Call) -> Sums:
    """Say which feature a call serves, and how much of it."""
    amount = cost(call) or ZERO
    return shares(amount, {"chat": 2, "search": 1}) if call.shared else {call.feature: amount}


def truncated(amount: Decimal) -> Decimal:
    """Cut off at 1e-12, as decimal division in the engine does."""
    return amount.quantize(PICO, ROUND_DOWN)


def cents(amount: Decimal) -> Decimal:
    """Round half-even to the cent."""
    return amount.quantize(Decimal("0.01"), ROUND_HALF_EVEN)


def invoice(customer: str) -> list[tuple[str, str, Decimal]]:
    """Work out a customer's invoice: name, detail and amount of each line."""
    calls = [call for call in CALLS if call.tenant == customer]
    if customer in seed.PRO:
        usage = features(customer)
        over = max(len(calls) - 25, 0)
        return [
            ("Platform", "", Decimal("49.00")),
            *(
                ("Usage", name or "(none)", cents(usage[name] * Decimal("1.30")))
                for name in sorted(usage)
            ),
            ("Calls beyond 25", "", cents(over * Decimal("0.05"))),
        ]
    thousands = Decimal(sum(map(tokens, calls))) / 1000
    first = min(thousands, Decimal(100))
    usd = first * Decimal("0.80") + (thousands - first) * Decimal("0.50")
    return [("Tokens, by the thousand", "", cents(usd))]


# --- bills of providers ------------------------------------------------------------------------
Cell = tuple[date, str]


@cache
def booked(model: str) -> Mapping[date, Decimal]:
    """Sum what the ledger knows of a model by day, UTC."""
    found: defaultdict[date, Decimal] = defaultdict(Decimal)
    for call in CALLS:
        if call.model == model:
            found[call.day] += cost(call) or ZERO
    return dict(found)


@cache
def billed() -> Mapping[Cell, tuple[Decimal, int]]:
    """Write openai's bill: amount, rounded, and tokens by day and model."""
    found: defaultdict[Cell, tuple[Decimal, int]] = defaultdict(lambda: (ZERO, 0))
    for call in CALLS:
        if PROVIDER[call.model] != "openai":
            continue
        at_list = call.model == GPT and call.day in seed.AT_LIST
        usd, count = found[call.day, call.model]
        amount = priced(call, LIST) if at_list else true_cost(call)
        found[call.day, call.model] = (usd + amount, count + call.sent + call.produced)
    usd, count = found[seed.ALIKE, MINI]
    lost = (1000 * Decimal(CHEAPER[0]) + 200 * Decimal(CHEAPER[2])) / 10**6
    found[seed.ALIKE, MINI] = (usd + seed.LOST * lost, count + seed.LOST * 1200)
    return {
        cell: (usd.quantize(seed.PLACES, ROUND_HALF_EVEN), count)
        for cell, (usd, count) in found.items()
    }


def gaps() -> dict[Cell, dict[str, Decimal]]:
    """Say what is planted in each cell of openai's bill, by cause."""
    day, model, amount = seed.UNSEEN
    found: dict[Cell, dict[str, Decimal]] = {
        (day, model): {"untraced": amount},
        (seed.LAST, ""): {"tax": seed.TAX, "discount": seed.CREDIT},
    }
    for cell, (usd, count) in billed().items():
        gap = usd - booked(cell[1]).get(cell[0], ZERO)
        if cell == (seed.STREAMS, MINI):
            found[cell] = {"unpriced": gap}
        elif cell[1] == GPT and cell[0] in seed.AT_LIST:
            found[cell] = {"discount": gap}
        elif cell == (seed.ALIKE, MINI):
            with localcontext(prec=60):
                lost = (usd * seed.LOST * 1200 / count).quantize(PICO)
            found[cell] = {"untraced": lost, "rounding": gap - lost}
        elif gap:
            found[cell] = {"rounding": gap}
    return {
        cell: kept
        for cell, causes in found.items()
        if (kept := {cause: usd for cause, usd in causes.items() if usd})
    }


def by_cause(cells: Mapping[Cell, Mapping[str, Decimal]]) -> Sums:
    """Sum causes over cells."""
    return added(*cells.values())


def claude_by_day(behind: timedelta) -> dict[date, Decimal]:
    """Sum the calls of anthropic's model by days that begin later than those of UTC; June only."""
    found: defaultdict[date, Decimal] = defaultdict(Decimal)
    for call in CALLS:
        day = (call.at - behind).date()
        if call.model == CLAUDE and seed.FIRST <= day <= seed.LAST:
            found[day] += cost(call) or ZERO
    return dict(found)
