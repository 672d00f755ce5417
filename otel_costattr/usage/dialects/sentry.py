"""Sentry's agent monitoring: costs under names that end in `_tokens`, in USD."""

from __future__ import annotations

from typing import Final

from otel_costattr.model import Role
from otel_costattr.usage.keys import GEN_AI, keys_of
from otel_costattr.usage.reader import Dialect, Reading, by_operation

_SUMS: Final = frozenset({"agent", "tool", "handoff"})


def _role(reading: Reading) -> Role | None:
    if reading.text("kind") in _SUMS:
        return "aggregate"
    return by_operation(reading)


DIALECT: Final = Dialect(
    name="sentry",
    scopes=("sentry*",),
    marks=("gen_ai.operation.type",),
    keys=keys_of(
        GEN_AI,
        {
            "kind": ("gen_ai.operation.type",),
            "cost": ("gen_ai.cost.total_tokens", "ai.total_cost"),
        },
    ),
    role=_role,
    page="Sentry SDK",
)
