"""A collector that says what a test wants, and a clock that the test moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from otel_costattr.guard import BudgetGuard, OnStale
from otel_costattr.model import Dimension, Owner

ACME = Owner(values={"tenant": "acme"})
GLOBEX = Owner(values={"tenant": "globex"})


def owner(tags: Mapping[str, str] | None = None, **values: str) -> Owner:
    """Make an owner."""
    return Owner(values=cast("dict[Dimension, str]", values), tags=tags or {})


def limit(
    budget: str = "b",
    filters: Mapping[str, Sequence[str]] | None = None,
    steps: Sequence[tuple[str, str, str]] = (("1", "block", ""),),
    others: str = "0",
    cap: str | None = "1",
) -> dict[str, Any]:
    """Write one limit as the collector does: of acme, blocked at 1 USD, all of it for us."""
    return {
        "account": f"{budget}@1",
        "budget": budget,
        "filters": {"tenant": ["acme"]} if filters is None else filters,
        "steps": [{"at_usd": at, "action": action, "model": model} for at, action, model in steps],
        "others_usd": others,
        "cap_usd": cap,
    }


class Collector:
    """Answers with `limits`, or fails with `error`; remembers what it was told."""

    def __init__(self, *limits: dict[str, Any]) -> None:
        self.limits: list[dict[str, Any]] = list(limits)
        self.told: list[Mapping[str, Any]] = []
        self.error: Exception | None = None
        self.now_s = 1000.0

    def fetch(self, report: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer one question."""
        self.told.append(report)
        if self.error is not None:
            raise self.error
        return {"limits": self.limits, "lag_s": 120}

    def clock(self) -> float:
        """Tell the time of the test."""
        return self.now_s

    def guard(self, *, estimate: str = "0.10", on_stale: OnStale = "allow") -> BudgetGuard:
        """Make a guard that asks here, with a fresh copy."""
        made = BudgetGuard(
            "http://nowhere",
            estimate_usd=Decimal(estimate),
            on_stale=on_stale,
            fetch=self.fetch,
            clock=self.clock,
        )
        made.refresh()
        return made
