"""Costs that are no model call: what telemetry says of them, and rules that find more of them."""

from __future__ import annotations

from otel_costattr.costs.claims import CostClaim, is_cost, read_cost
from otel_costattr.costs.names import NAME, SCOPE
from otel_costattr.costs.rules import NO_COST_RULES, CostRule, CostRules, read_cost_rules

__all__ = [
    "NAME",
    "NO_COST_RULES",
    "SCOPE",
    "CostClaim",
    "CostRule",
    "CostRules",
    "is_cost",
    "read_cost",
    "read_cost_rules",
]
