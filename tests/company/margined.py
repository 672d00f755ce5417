"""The company's margin table in plain Python over the seed; nothing of the product is used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from statistics import median

from company import plainly, seed
from company.plainly import FREE_USERS, NOBODY, ZERO
from company.seed import CALLS, HOUSE, PLAN, Call

Key = tuple[str, str, str]
"""Tenant, plan and feature."""

NAMES = ("tenant", "plan", "feature")
KEPT = Decimal("0.4")
"""Of revenue, beside the margin of 60 % that is asked for."""

NOWHERE: Key = (NOBODY, "", "")


@dataclass(slots=True, kw_only=True)
class Sums:
    """One row, as it is added up; an amount is None as long as nothing of it is known."""

    paid: Decimal | None = None
    direct: Decimal | None = None
    loaded: Decimal | None = None
    lines: int = 0
    calls: int = 0
    unpriced: int = 0
    least: Decimal | None = None
    most: Decimal | None = None
    wanted: int | None = None

    def add(self, other: Sums) -> None:
        """Add another part."""
        for name in ("paid", "direct", "loaded", "least", "most", "wanted"):
            mine, theirs = getattr(self, name), getattr(other, name)
            setattr(self, name, mine if theirs is None else theirs + (mine or 0))
        for name in ("lines", "calls", "unpriced"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def parts() -> Iterator[tuple[Key, Sums]]:
    """Yield what every row is added up of, by all dimensions."""
    for call in CALLS:
        yield from _of_call(call)
    yield NOWHERE, Sums(direct=plainly.POOLS, lines=1)
    for plan, tenant, usd in _shared():
        yield (tenant, plan, ""), Sums(loaded=usd)
    yield NOWHERE, _true_ups()
    for customer, usd in plainly.revenue().items():
        yield (customer, PLAN[customer], ""), Sums(paid=plainly.truncated(usd))
    for customer, count in seed.SOLVED.items():
        yield (customer, "", ""), Sums(wanted=count)


def _true_ups() -> Sums:
    usd = sum(plainly.by_cause(plainly.gaps()).values(), ZERO)
    return Sums(direct=usd, loaded=usd, lines=1)


def _of_call(call: Call) -> Iterator[tuple[Key, Sums]]:
    """Tell a call where it was made, and its cost where it ends: features split, free plans moved."""
    usd = plainly.cost(call)
    least, most = _bounds(call)
    yield (
        (call.tenant, call.plan, call.feature),
        Sums(
            direct=usd,
            loaded=None if usd is None else ZERO,
            lines=1,
            calls=1,
            unpriced=not call.priced,
            least=least,
            most=most,
        ),
    )
    if usd is not None:
        tenant = FREE_USERS if call.plan == "free" else call.tenant
        for feature, share in plainly.feature_shares(call).items():
            yield (tenant, call.plan, feature), Sums(loaded=share)


def _bounds(call: Call) -> tuple[Decimal | None, Decimal | None]:
    """Say what a call of a model in no contract costs at the cheapest and the dearest of its seller."""
    if not call.counted or call.priced:
        return None, None
    found = [plainly.priced(call, rates) for rates in HOUSE.values()]
    return min(found), max(found)


def _shared() -> Iterator[tuple[str, str, Decimal]]:
    """Yield plan, tenant and USD of what is allocated: GPUs go through plans, the others do not."""
    pools = plainly.allocated()
    for tenant, usd in pools["gpu"].items():
        yield PLAN.get(tenant, "free"), tenant, usd
    for pool in ("vectors", "support"):
        for tenant, usd in pools[pool].items():
            yield "", tenant, usd


def table(by: Sequence[str]) -> tuple[list[dict[str, object]], dict[str, object]]:
    """Work the whole table out: its rows in order, as the answer writes them, and its total."""
    rows: defaultdict[tuple[str, ...], Sums] = defaultdict(Sums)
    total = Sums()
    for key, part in parts():
        if part.wanted is not None and "plan" in by:  # outcomes name no plan
            continue
        rows[tuple(value for name, value in zip(NAMES, key, strict=True) if name in by)].add(part)
        total.add(part)
    shown = {key: sums for key, sums in rows.items() if _is_shown(sums)}
    order = sorted(shown, key=lambda key: _place(key, shown[key]))
    blank = dict.fromkeys(by, "")
    return (
        [_written(dict(zip(blank, key, strict=True)), shown[key]) for key in order],
        _written(blank, total),
    )


def _is_shown(sums: Sums) -> bool:
    return bool(sums.calls or sums.paid is not None or sums.direct or sums.loaded or sums.wanted)


def _cost(amount: Decimal | None, sums: Sums) -> Decimal | None:
    """Say 0 where nothing was spent, and nothing where nothing that was has a price."""
    return ZERO if amount is None and not sums.lines else amount


def _less(paid: Decimal | None, cost: Decimal | None) -> Decimal | None:
    return None if paid is None or cost is None else paid - cost


def _place(key: tuple[str, ...], sums: Sums) -> tuple[object, ...]:
    """Order by the smallest margin, then the largest cost; what is not known comes last."""
    direct = _cost(sums.direct, sums)
    margin = _less(sums.paid, direct)
    return margin is None, margin or ZERO, direct is None, -(direct or ZERO), key


def _written(names: Mapping[str, str], sums: Sums) -> dict[str, object]:
    direct, loaded = _cost(sums.direct, sums), _cost(sums.loaded, sums)
    margin, percent, proposed, each = _less(sums.paid, direct), None, None, None
    if margin is not None and sums.paid:
        exact = plainly.truncated(margin * 100 / sums.paid)
        percent = exact.quantize(Decimal("0.0001"), ROUND_HALF_UP)
    if loaded is not None:
        cents = plainly.truncated(loaded / KEPT)
        proposed = cents.quantize(Decimal("0.01"), ROUND_CEILING)
        each = plainly.truncated(loaded / sums.wanted) if sums.wanted else None
    return {
        "dimensions": dict(names),
        "revenue": text(sums.paid),
        "direct_cost": text(direct),
        "loaded_cost": text(loaded),
        "margin": text(margin),
        "margin_percent": text(percent),
        "loaded_margin": text(_less(sums.paid, loaded)),
        "calls": sums.calls,
        "unpriced_calls": sums.unpriced,
        "least_cost": text(sums.least),
        "most_cost": text(sums.most),
        "successes": sums.wanted,
        "cost_per_success": text(each),
        "proposed_revenue": text(proposed),
    }


def text(amount: Decimal | None) -> str | None:
    """Write an amount without zeros at its end."""
    return None if amount is None else f"{amount.normalize() + 0:f}"


def customers() -> dict[tuple[str, str], tuple[str, ...]]:
    """Say what stands out about whom: tenant and plan to words."""
    owners: defaultdict[str, Sums] = defaultdict(Sums)
    for (tenant, _, _), part in parts():
        owners[tenant].add(part)
    usual = {
        plan: median(
            direct
            for name, one in owners.items()
            if PLAN.get(name) == plan and (direct := _cost(one.direct, one)) is not None
        )
        for plan in ("free", "pro", "scale")
    }
    return {
        (name, PLAN.get(name, "free")): tuple(_stands_out(one, usual.get(PLAN.get(name, ""))))
        for name, one in owners.items()
        if name
    }


def _stands_out(sums: Sums, usual: Decimal | None) -> Iterator[str]:
    direct, loaded = _cost(sums.direct, sums), _cost(sums.loaded, sums)
    if sums.paid is not None and direct is not None and sums.paid < direct:
        yield "negative margin"
    elif sums.paid is not None and loaded is not None and sums.paid < loaded:
        yield "negative margin when fully loaded"
    if sums.paid is None:
        yield "no revenue posted"
    if usual and direct is not None and direct >= 2 * usual:
        yield "heavy"
    if usual and direct is not None and direct <= usual / 2:
        yield "efficient"
    if sums.unpriced:
        yield "margin too high: calls without a price"
