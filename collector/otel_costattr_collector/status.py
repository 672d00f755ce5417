"""What runs and how it does, in figures that name nobody: what `costattr status` shows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from typing import Any, Final

from prometheus_client import Counter

from .ingest.pipeline import Pipeline
from .metrics import Metrics
from .plain import decimal_text

_SHARE: Final = Decimal("0.000001")
_COUNTED: Final = ("priced", "estimated", "unpriced", "committed")


@dataclass(slots=True, kw_only=True)
class Status:
    """Answers how a service does; `state` and `ports` follow the service.

    Attributes:
        metrics: What it counted.
        engine: `embedded` or `server`.
        pipeline: Gives the way of the spans; None while it is not open.
        ports: Gives where each port is reached, by name.
        state: Gives `''` while it serves, else `starting` or `stopping`.
        clock: Seconds since 1970.
        started: When it began, seconds since 1970.
    """

    metrics: Metrics
    engine: str
    pipeline: Callable[[], Pipeline | None]
    ports: Callable[[], Mapping[str, str]]
    state: Callable[[], str]
    clock: Callable[[], float] = time.time
    started: float = field(default_factory=time.time)

    def figures(self) -> dict[str, Any]:
        """Return everything as values that JSON knows."""
        pipeline = self.pipeline()
        statuses = _by_label(self.metrics.assessed)
        audited = self.metrics.registry.get_sample_value("costattr_audit_timestamp_seconds") or 0
        return {
            "version": version("otel-costattr"),
            "state": self.state() or "serving",
            "started": _moment(self.started),
            "uptime_seconds": round(self.clock() - self.started),
            "engine": self.engine,
            "ports": dict(self.ports()),
            **(asdict(pipeline.statistics()) if pipeline else {}),
            "lag_seconds": round(pipeline.lag_seconds, 3) if pipeline else None,
            "accepted": _by_label(self.metrics.received),
            "requests": _by_outcome(self.metrics.requests),
            "assessed": statuses,
            "unpriced_share": _unpriced(statuses),
            "last_audit": _moment(audited) if audited else None,
            "audit_differences": _total("costattr_audit_differences", self.metrics),
        }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _by_label(counter: Counter) -> dict[str, int]:
    return {
        next(iter(sample.labels.values())): round(sample.value)
        for family in counter.collect()
        for sample in family.samples
        if sample.name.endswith("_total")
    }


def _by_outcome(counter: Counter) -> dict[str, int]:
    found: dict[str, int] = {}
    for family in counter.collect():
        for sample in family.samples:
            if sample.name.endswith("_total"):
                outcome = sample.labels["outcome"]
                found[outcome] = found.get(outcome, 0) + round(sample.value)
    return found


def _total(name: str, metrics: Metrics) -> int:
    return sum(
        round(sample.value)
        for family in metrics.registry.collect()
        if family.name == name
        for sample in family.samples
    )


def _unpriced(statuses: Mapping[str, int]) -> str | None:
    """Return the share of calls without a price since the start; None before the first call."""
    calls = sum(statuses.get(name, 0) for name in _COUNTED)
    if not calls:
        return None
    return decimal_text((Decimal(statuses.get("unpriced", 0)) / calls).quantize(_SHARE))
