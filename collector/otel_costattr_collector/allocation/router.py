"""`/v1/allocations`: show, book, list and take back runs of allocation.

Without postponed annotations: the types of a route are values here.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from otel_costattr.errors import BadInput
from otel_costattr_collector.access.dependency import who_may
from otel_costattr_collector.access.gate import Gate
from otel_costattr_collector.analytics.router import FAILURES
from otel_costattr_collector.bookings import Bookings
from otel_costattr_collector.closing.records import closed_between
from otel_costattr_collector.plain import decimal_text
from otel_costattr_collector.store import Store

from .rules import RuleSet, read_rules
from .runs import Allocator, Outcome
from .sources import Period, known_pools
from .spread import Step

_ZERO: Final = Decimal(0)
Name = Annotated[str, Field(max_length=256)]
Weight = Annotated[Decimal, Field(ge=0, lt=Decimal(10) ** 18)]


class Wanted(BaseModel):
    """A run that is asked for."""

    model_config = ConfigDict(extra="forbid")

    rules: Annotated[str, Field(max_length=1_000_000)] = Field(description="The TOML file.")
    first_day: date = Field(description="First day, in the reporting time zone.")
    last_day: date = Field(description="Last day, included.")
    weights: dict[Name, dict[Name, Weight]] = Field(
        default={}, description="Name of a rule to value to weight, such as revenue in USD."
    )
    dry_run: bool = Field(default=False, description="Whether to book nothing and show only.")


class Reversal(BaseModel):
    """A run that is to be taken back."""

    model_config = ConfigDict(extra="forbid")

    run_id: Annotated[str, Field(max_length=512)]


class Share(BaseModel):
    """What one value gets from a rule."""

    value: str
    weight: str = Field(description="Of its basis: calls, tokens, USD, ...")
    amount_usd: str


class Ruled(BaseModel):
    """What one rule moves."""

    rule: str
    target: str
    basis: str
    moved_usd: str = Field(description="What leaves the places that the rule names.")
    kept_usd: str = Field(description="What stays there, since it is the share of its own owner.")
    left_usd: str = Field(description="What nobody has a weight for; it stays, too.")
    shares: list[Share]


class Run(BaseModel):
    """What a run did, or would do."""

    run_id: str
    state: str = Field(description="preview, posted, unchanged or reversed.")
    replaces: list[str] = Field(description="Former runs that are taken back with it.")
    lines: int = Field(description="Ledger lines that are booked.")
    unpriced_lines: int = Field(description="Lines that rules name but that have no price.")
    rules: list[Ruled]
    notes: list[str]


class Listed(BaseModel):
    """One posting of a run."""

    run_id: str
    posting: int
    in_force: bool
    lines: int
    moved_usd: str


class Runs(BaseModel):
    """Every posting, the oldest first."""

    runs: list[Listed]


def allocation_router(store: Store, bookings: Bookings, gate: Gate | None) -> APIRouter:
    """Make the routes; only keys with the role admin may use them.

    Args:
        store: Where the ledger is.
        bookings: Books runs of lines.
        gate: Knows who may; None lets everybody, for tests.
    """
    admin = Depends(who_may(gate, "admin"))
    router = APIRouter(tags=["allocation"], dependencies=[admin])
    allocator = Allocator(store, bookings)
    zone = store.layout.time_zone

    @router.post("/v1/allocations", responses=FAILURES)
    def allocate(wanted: Wanted) -> Run:
        """Move shared costs to who uses them, by rules; the same again changes nothing."""
        rules = read_rules(wanted.rules)
        period = Period(first=wanted.first_day, last=wanted.last_day, zone=zone)
        given = _given(rules, wanted.weights)
        if wanted.dry_run:
            outcome = allocator.preview(rules, period, given)
        else:
            outcome = allocator.post(rules, period, given)
        return _run(outcome, _notes(store, rules, period, outcome))

    @router.post("/v1/allocations/reverse", responses=FAILURES)
    def reverse(wanted: Reversal) -> Run:
        """Take back what a run has in force."""
        return _run(allocator.reverse(wanted.run_id), [])

    @router.get("/v1/allocations", responses=FAILURES)
    def runs() -> Runs:
        """List every posting of every run."""
        return Runs(
            runs=[
                Listed(
                    run_id=one.run_id,
                    posting=one.number,
                    in_force=one.live > 0,
                    lines=one.live,
                    moved_usd=decimal_text(one.moved_usd),
                )
                for one in allocator.runs()
            ]
        )

    return router


def _given(
    rules: RuleSet, weights: Mapping[str, Mapping[str, Decimal]]
) -> dict[str, Mapping[str, Decimal]]:
    """Sort weights by rule; those under `''` are for every rule by revenue."""
    by_revenue = [rule.name for rule in rules.rules if rule.basis == "revenue"]
    known = {rule.name for rule in rules.rules if rule.basis in ("revenue", "weights")}
    found: dict[str, Mapping[str, Decimal]] = {}
    for name, given in weights.items():
        names = [name] if name else by_revenue
        if not names or not set(names) <= known:
            raise BadInput(f"weights are given for {name!r}: no rule by revenue or weights")
        found |= dict.fromkeys(names, given)
    return found


def _run(outcome: Outcome, notes: list[str]) -> Run:
    return Run(
        run_id=outcome.run_id,
        state=outcome.state,
        replaces=list(outcome.replaces),
        lines=outcome.lines,
        unpriced_lines=outcome.unpriced,
        rules=[_ruled(step, outcome.weights[step.rule.name]) for step in outcome.steps],
        notes=notes,
    )


def _ruled(step: Step, weights: Mapping[str, Decimal]) -> Ruled:
    amounts: dict[str, Decimal] = {}
    for moved in step.shifts:
        for part in moved.parts:
            value = part.at(moved.target)
            amounts[value] = amounts.get(value, _ZERO) + part.amount_usd
    kept = sum((moved.left.amount_usd for moved in step.shifts), _ZERO)
    return Ruled(
        rule=step.rule.name,
        target=step.rule.target,
        basis=step.rule.basis,
        moved_usd=decimal_text(sum(amounts.values(), _ZERO)),
        kept_usd=decimal_text(kept),
        left_usd=decimal_text(sum((cell.amount_usd for cell in step.left), _ZERO)),
        shares=[
            Share(
                value=value,
                weight=decimal_text(weights.get(value, _ZERO)),
                amount_usd=decimal_text(amount),
            )
            for value, amount in sorted(amounts.items(), key=lambda one: (-one[1], one[0]))
        ],
    )


def _notes(store: Store, rules: RuleSet, period: Period, outcome: Outcome) -> list[str]:
    notes = [
        f"{step.rule.name}: nobody has a weight, so it stays; `otherwise` names who takes it"
        for step in outcome.steps
        if step.left
    ]
    if outcome.unpriced:
        notes.append(f"{outcome.unpriced} lines have no price and stay where they are")
    closed = closed_between(store, period.since, period.until)
    if closed:
        notes.append(f"{', '.join(closed)} is closed: lines are dated in an open month")
    named = {rule.source.pool for rule in rules.rules}
    notes += [
        f"pool {pool!r} has costs in the period and no rule"
        for pool in known_pools(store, period)
        if pool not in named
    ]
    return notes
