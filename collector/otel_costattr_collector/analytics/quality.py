"""Quality gates: which shares of the calls are good enough to bill and to decide from."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

from otel_costattr.errors import BadInput, BadSettings
from otel_costattr_collector import queries, spend
from otel_costattr_collector.analytics.metrics_coverage import metrics_parts
from otel_costattr_collector.analytics.schema_conditions import outside
from otel_costattr_collector.plain import decimal_text
from otel_costattr_collector.spend import Question
from otel_costattr_collector.store import Store

Figures = Mapping[str, Any]
State = Literal["pass", "fail", "no data"]
_SHARE: Final = Decimal("0.000001")
_TRIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a gate measures.

    Attributes:
        name: Its name in the file of thresholds.
        part: The figure that is counted.
        whole: The figure that it is a share of; `''` if the part itself is measured.
        bound: Whether the threshold is the most or the least that passes.
        threshold: The shipped threshold.
        says: What it means, for people.
    """

    name: str
    part: str
    whole: str
    bound: Literal["most", "least"]
    threshold: Decimal
    says: str


def _most(name: str, part: str, threshold: str, says: str, whole: str = "calls") -> Rule:
    return Rule(
        name=name, part=part, whole=whole, bound="most", threshold=Decimal(threshold), says=says
    )


def _least(name: str, part: str, threshold: str, says: str) -> Rule:
    return Rule(
        name=name, part=part, whole="calls", bound="least", threshold=Decimal(threshold), says=says
    )


RULES: Final = (
    _most("unknown_model", "unknown_model_calls", "0.01", "calls whose model has no price"),
    _most("unpriced", "unpriced_calls", "0.02", "calls without a price, whatever the reason"),
    _most("estimated", "estimated_calls", "0.10", "calls with something assumed in the price"),
    _most("duplicates", "duplicates", "0.30", "spans that told of a call twice", "spans"),
    _least("tenant", "tenant_calls", "0.95", "calls with a known tenant"),
    _least("feature", "feature_calls", "0.95", "calls with a known feature"),
    _least("prompt_version", "prompt_version_calls", "0.80", "calls with a known prompt version"),
    _least(
        "demo_apart", "data_mode_calls", "0.95", "calls that say if they are real, test or demo"
    ),
    _most("schema", "outside_schema_calls", "0.05", "calls with owners outside of the schema"),
    Rule(
        name="metrics",
        part="explained_tokens",
        whole="metric_tokens",
        bound="least",
        threshold=Decimal("0.95"),
        says="tokens of metrics that calls explain",
    ),
    _most(
        "rollups", "rollup_difference", "0", "lines by which a rollup differs from the ledger", ""
    ),
    _most("audit", "audit_left", "0", "differences that the last audit found and left", ""),
)
"""The gates, in the order that they are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One gate and how it stands.

    Attributes:
        name: The gate.
        state: `no data` if there is nothing to measure.
        measured: The share, 0 to 1, or the number; None without data.
        bound: Whether the threshold is the most or the least that passes.
        threshold: What passes.
        says: What it means.
    """

    name: str
    state: State
    measured: str | None
    bound: str
    threshold: str
    says: str


def figures(store: Store, question: Question, *, rollups: bool) -> dict[str, Any]:
    """Measure what the gates need.

    Args:
        store: Where the figures come from.
        question: Period and filters.
        rollups: Whether to compare ledger and rollups, and read the last audit, as well.

    Raises:
        StoreError: The store refused or did not answer.
    """
    frame = spend.frame(question, table="ledger")
    parts = {"filter": frame.parts["filter"]}
    wrong = outside(question, frame.parameters)
    if wrong:
        parts["outside"] = f"sumIf(spent.calls, {' OR '.join(wrong.values())})"
    sql = queries.render("quality", parts)
    found = dict(store.query(sql, frame.parameters).mappings()[0])
    found["spans"] = found["calls"] + found["duplicates"]
    found |= _explained(store, question)
    found["rollup_difference"] = _difference(store, question) if rollups else None
    found["audit_left"] = _audit_left(store) if rollups else None
    return found


def _audit_left(store: Store) -> int | None:
    """Count what the newest audit left unmended, over all its checks; None before the first."""
    checks = store.query(queries.render("audits")).mappings()
    return (
        sum(one["left"] for one in checks if one["audit_id"] == checks[0]["audit_id"])
        if checks
        else None
    )


def _explained(store: Store, question: Question) -> dict[str, Any]:
    """Say how many tokens of metrics calls explain; None where metrics cannot be asked so."""
    try:
        parts, parameters = metrics_parts(question)
    except BadInput:
        return {"metric_tokens": None, "explained_tokens": None}
    total = store.query(queries.render("metrics_coverage", parts), parameters).mappings()[0]
    return {name: total[name] for name in ("metric_tokens", "explained_tokens")}


def _difference(store: Store, question: Question) -> int:
    """Compare whole days; a batch in flight differs for a moment, damage for good."""
    sql, parameters = _comparison(question)
    least: int | None = None
    for _ in range(_TRIES):
        rows = store.query(sql, parameters).mappings()
        now = max((_worst(row) for row in rows), default=0)
        least = now if least is None else min(least, now)
        if least == 0:
            break
    return least or 0


def _worst(row: Mapping[str, Any]) -> int:
    counted = ("lines_difference", "calls_difference", "tokens_difference")
    worst = max(abs(row[name]) for name in counted)
    return int(worst or (1 if row["cost_difference"] else 0))


def _comparison(question: Question) -> tuple[str, dict[str, object]]:
    edges = [end for end in (question.since, question.until) if end is not None]
    if any(end.day is None for end in edges):
        return queries.render("ledger_against_rollups"), {}
    bare = Question(group_by=("tenant",), since=question.since, until=question.until)
    frames = [
        spend.frame(bare, table=table)
        for table in ("spend_by_tenant_day", "spend_by_feature_15m", "ledger")
    ]
    days, quarters, exact = frames
    parts = {
        "days": days.parts["filter"],
        "quarters": quarters.parts["filter"],
        "filter": exact.parts["filter"],
    }
    parameters = {**days.parameters, **quarters.parameters, **exact.parameters}
    return queries.render("ledger_against_rollups", parts), parameters


def gates(found: Figures, thresholds: Mapping[str, Decimal] | None = None) -> tuple[Gate, ...]:
    """Hold figures against thresholds.

    Args:
        found: What `figures` measured, or its JSON.
        thresholds: Gate to threshold; the shipped one for gates that are not named.
    """
    return tuple(_gate(rule, found, (thresholds or {}).get(rule.name)) for rule in RULES)


def _gate(rule: Rule, found: Figures, threshold: Decimal | None) -> Gate:
    allowed = rule.threshold if threshold is None else threshold
    measured = _measured(rule, found)
    if measured is None:
        state: State = "no data"
    else:
        good = measured <= allowed if rule.bound == "most" else measured >= allowed
        state = "pass" if good else "fail"
    return Gate(
        name=rule.name,
        state=state,
        measured=None if measured is None else decimal_text(measured),
        bound=rule.bound,
        threshold=decimal_text(allowed),
        says=rule.says,
    )


def _measured(rule: Rule, found: Figures) -> Decimal | None:
    part, whole = found[rule.part], found[rule.whole] if rule.whole else 1
    if part is None or not whole:
        return None
    return (Decimal(part) / Decimal(whole)).quantize(_SHARE)


def read_thresholds(path: Path) -> dict[str, Decimal]:
    """Read a TOML file of thresholds: one `gate = 0.95` a line.

    Raises:
        BadSettings: The file cannot be read, or names a gate that does not exist or a threshold
            that is no share.
    """
    try:
        words = tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
    except (OSError, ValueError) as error:
        raise BadSettings(f"{path}: cannot be read as TOML: {error}") from error
    known = {rule.name: rule for rule in RULES}
    thresholds: dict[str, Decimal] = {}
    for name, value in words.items():
        if name not in known:
            raise BadSettings(f"{path}: {name!r} is no gate; there are {', '.join(known)}")
        number = isinstance(value, int | Decimal) and not isinstance(value, bool)
        if not number or value < 0 or (known[name].whole and value > 1):
            raise BadSettings(f"{path}: {name} = {value}: use a share from 0 to 1")
        thresholds[name] = Decimal(value)
    return thresholds
