"""The routes that take several queries: triage, versions against each other, quality."""

from dataclasses import asdict, replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from otel_costattr.errors import BadInput
from otel_costattr_collector import queries, spend
from otel_costattr_collector.access.gate import Principal
from otel_costattr_collector.analytics import answering
from otel_costattr_collector.analytics.asking import Asked, Time, dimensions_of, question_of
from otel_costattr_collector.analytics.catalogue import BY_QUERY
from otel_costattr_collector.analytics.notes import triage_note
from otel_costattr_collector.analytics.quality import figures, gates
from otel_costattr_collector.analytics.router import FAILURES
from otel_costattr_collector.analytics.rows import Backlog
from otel_costattr_collector.analytics.small_groups import asked_as, refuse, refuse_small
from otel_costattr_collector.analytics.statistics import Stratum, Verdict, compare
from otel_costattr_collector.analytics.triage import Driver, Triage, triage
from otel_costattr_collector.analytics.windows import windows_around
from otel_costattr_collector.plain import decimal_text, moment_text
from otel_costattr_collector.spend import Question
from otel_costattr_collector.store import Store

_EXECUTION = {"max_execution_time": answering.EXECUTION_S}


class TriageAsked(Asked):
    """A question about a spike."""

    around: Time = Field(description="An instant inside the spike, such as 2026-11-20T03:00Z.")
    format: Literal["json"] = "json"


class VersionsAsked(Asked):
    """Two groups of calls to compare."""

    by: Time = Field(default="prompt_version", description="The dimension that tells them apart.")
    a: Annotated[str, Field(max_length=1024)] = Field(description="Its value in group A.")
    b: Annotated[str, Field(max_length=1024)] = Field(description="Its value in group B.")
    adjust_for: list[Annotated[str, Field(max_length=128)]] = Field(
        default=["model,operation"],
        description="Dimensions whose mix must not matter; `none` for no adjustment.",
    )
    fail_over: float = Field(default=0, ge=0, le=100, description="Allowed rise, 0.1 for 10 %.")
    alpha: float = Field(default=0.05, gt=0, lt=0.5, description="Accepted chance of false alarm.")
    least_calls: int = Field(default=30, ge=2, description="Calls that each group must have.")
    min_group: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="Fewest people behind each group; refused where there are fewer."
    )
    format: Literal["json"] = "json"


class FoundDriver(BaseModel):
    """One cause of a spike."""

    values: dict[str, str] = Field(description="What singles it out.")
    hypothesis: str
    delta: str = Field(description="USD that it adds.")
    explained: str = Field(description="Share of the whole difference.")
    split: dict[str, str] = Field(description="Volume, mix, tokens per call, price, other: USD.")


class FoundTriage(BaseModel):
    """What triage found."""

    start: str
    end: str
    compared_with: str
    cost_after: str | None
    cost_before: str | None
    delta: str | None
    drivers: list[FoundDriver] = Field(description="The largest first.")
    left: str = Field(description="USD of the difference that no driver explains.")
    note: str = Field(description="The filled triage note, Markdown.")


class Arm(BaseModel):
    """One group of calls."""

    value: str
    calls: int = Field(description="With a price.")
    unpriced_calls: int
    cost: str | None
    cost_per_call: str | None
    tokens_per_call: str | None


class FoundVersions(BaseModel):
    """Two groups compared; estimates are floating point."""

    by: str
    a: Arm
    b: Arm
    adjust_for: list[str]
    strata: int
    fail_over: float
    verdict: Verdict
    change: float | None = Field(description="Mix-adjusted cost of a call, B against A.")
    low: float | None = Field(description="Lower end of its 90 % interval.")
    high: float | None = Field(description="Upper end of it.")
    p_value: float | None
    comparable: float = Field(description="Share of calls in strata that both groups have.")
    test: str = "Welch, one-sided, over strata weighted by their share of all calls"


class FoundGate(BaseModel):
    """One quality gate."""

    name: str
    state: Literal["pass", "fail", "no data"]
    measured: str | None
    bound: str
    threshold: str
    says: str


class FoundQuality(BaseModel):
    """Gates, the figures behind them, and what to mend first."""

    start_date: str | None
    end_date: str | None
    figures: dict[str, int | str | None]
    gates: list[FoundGate]
    backlog: list[Backlog]


def investigations_router(store: Store, reader: Any) -> APIRouter:
    """Make the routes.

    Args:
        store: Where the answers come from.
        reader: A dependency that gives the principal who asks.
    """
    router = APIRouter(tags=["investigations"])

    @router.get("/v1/analytics/triage", responses=FAILURES)
    def find_drivers(
        asked: Annotated[TriageAsked, Query()], principal: Principal = reader
    ) -> FoundTriage:
        """Find what drove spend up around an instant, and fill in the triage note."""
        refuse(principal)
        return _triage(store, asked, principal.tenant)

    @router.get("/v1/analytics/versions", responses=FAILURES)
    def versions(
        asked: Annotated[VersionsAsked, Query()], principal: Principal = reader
    ) -> FoundVersions:
        """Test whether a call of B costs more than one of A, adjusted for the mix."""
        least = max(asked.min_group or 0, principal.min_group) or None
        asked = asked.model_copy(update={"min_group": least})
        return _versions(store, asked, principal.tenant)

    @router.get("/v1/analytics/quality", responses=FAILURES)
    def quality(asked: Annotated[Asked, Query()], principal: Principal = reader) -> FoundQuality:
        """Hold the shares of unpriced, estimated, doubled and unowned calls against thresholds."""
        asked = asked_as(principal, "quality", asked)
        return _quality(store, asked, principal.tenant)

    return router


def _triage(store: Store, asked: TriageAsked, tenant: str) -> FoundTriage:
    question = question_of(asked, store.layout, tenant=tenant)
    fixed = None
    if question.since is not None and question.until is not None:
        fixed = (question.since.ns, question.until.ns)
    elif question.since is not None or question.until is not None:
        raise BadInput("start_date and end_date of a window go together")
    around = spend.edge(asked.around, question.time_zone)
    windows = windows_around(store, question, around.ns, fixed=fixed)
    found = triage(store, question, windows)
    return _shown(found, question)


def _shown(found: Triage, question: Question) -> FoundTriage:
    start, end = (moment_text(spend.instant_of(ns)) for ns in found.windows.after)
    total = {name: answering.plain(value) for name, value in found.total.items()}
    return FoundTriage(
        start=start,
        end=end,
        compared_with=found.windows.rule,
        cost_after=total["cost_after"],
        cost_before=total["cost_before"],
        delta=total["delta"],
        drivers=[_driver(driver) for driver in found.drivers],
        left=decimal_text(found.left_usd),
        note=triage_note(found, time_zone=question.time_zone),
    )


def _driver(driver: Driver) -> FoundDriver:
    return FoundDriver(
        values=dict(driver.values),
        hypothesis=driver.hypothesis,
        delta=decimal_text(driver.delta_usd),
        explained=f"{driver.explained:.4f}",
        split={name: decimal_text(amount) for name, amount in driver.split.items()},
    )


def _versions(store: Store, asked: VersionsAsked, tenant: str) -> FoundVersions:
    by = queries.dimension(asked.by)
    if asked.a == asked.b:
        raise BadInput(f"{by} {asked.a!r} is compared with itself")
    none = asked.adjust_for == ["none"]
    names = () if none else tuple(n for n in dimensions_of(asked.adjust_for) if n != by)
    question = question_of(asked, store.layout, tenant=tenant)
    if asked.min_group is not None:
        two = {**question.filters, by: (asked.a, asked.b)}
        arms = replace(question, group_by=(by,), filters=two)
        refuse_small(store, arms, asked.min_group)
    rows = _arms(store, question, (by, asked.a, asked.b), names)
    found = compare(
        [_stratum(row) for row in rows],
        allowed=asked.fail_over,
        alpha=asked.alpha,
        least_calls=asked.least_calls,
    )
    outcome = asdict(found)
    outcome.pop("degrees")
    return FoundVersions(
        by=by,
        a=_arm(rows, asked.a, "a"),
        b=_arm(rows, asked.b, "b"),
        adjust_for=list(names),
        strata=len(rows),
        fail_over=asked.fail_over,
        **outcome,
    )


def _arms(
    store: Store, question: Question, arms: tuple[str, str, str], names: tuple[str, ...]
) -> tuple[dict[str, Any], ...]:
    by, a, b = arms
    asked = Question(
        group_by=(by, *names),
        since=question.since,
        until=question.until,
        as_of=question.as_of,
        filters=question.filters,
        without=question.without,
        schema=question.schema,
    )
    frame = spend.frame(asked, table="ledger")
    arm, *strata = frame.expressions
    frame.parameters.update(a=a, b=b)
    keys = [f"stratum_{place}" for place, _ in enumerate(strata)] or ["stratum"]
    taken = [f"argMax({expression}, spent.calls)" for expression in strata] or ["''"]
    sql = queries.render(
        "arms",
        {
            "keys": ", ".join(keys),
            "dimensions": ", ".join(
                f"{one} AS {key}" for one, key in zip(taken, keys, strict=True)
            ),
            "a": f"{arm} = {{a:String}}",
            "both": f"{arm} = {{a:String}} OR {arm} = {{b:String}}",
            "filter": frame.parts["filter"],
        },
    )
    return store.query(sql, frame.parameters, settings=_EXECUTION).mappings()


def _stratum(row: dict[str, Any]) -> Stratum:
    return Stratum(
        calls_a=row["calls_a"],
        calls_b=row["calls_b"],
        cost_a=float(row["cost_a"]),
        cost_b=float(row["cost_b"]),
        squares_a=row["squares_a"],
        squares_b=row["squares_b"],
    )


def _arm(rows: tuple[dict[str, Any], ...], value: str, arm: str) -> Arm:
    calls, unpriced, cost, tokens = (
        sum(row[f"{name}_{arm}"] for row in rows)
        for name in ("calls", "unpriced", "cost", "tokens")
    )
    known = bool(calls)
    return Arm(
        value=value,
        calls=calls,
        unpriced_calls=unpriced,
        cost=decimal_text(cost) if known else None,
        cost_per_call=f"{cost / calls:.12f}" if known else None,
        tokens_per_call=f"{tokens / calls:.3f}" if known else None,
    )


def _quality(store: Store, asked: Asked, tenant: str) -> FoundQuality:
    question = question_of(asked, store.layout, tenant=tenant)
    found = figures(store, question, rollups=not tenant)
    backlog = answering.answer(store, BY_QUERY["backlog"], asked, tenant=tenant)
    return FoundQuality(
        start_date=asked.start_date,
        end_date=asked.end_date,
        figures={name: answering.plain(value) for name, value in found.items()},
        gates=[FoundGate(**asdict(gate)) for gate in gates(found)],
        backlog=backlog.data,
    )
