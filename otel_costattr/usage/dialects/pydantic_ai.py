"""pydantic-ai: 1.x sums on `agent run`, 2.x names the sums as such."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from otel_costattr.model import Role
from otel_costattr.usage.keys import GEN_AI, Field, keys_of
from otel_costattr.usage.reader import Dialect, Reading, by_operation

_AGGREGATED: Final[Mapping[Field, tuple[str, ...]]] = {
    field: tuple(
        name.replace("gen_ai.usage.", "gen_ai.aggregated_usage.", 1)
        for name in names
        if name.startswith("gen_ai.usage.")
    )
    for field, names in GEN_AI.items()
}


def _role(reading: Reading) -> Role | None:
    if reading.text("kind") == "pending_span":
        return None
    if "operation" not in reading.fields:
        return "aggregate"
    return by_operation(reading)


DIALECT: Final = Dialect(
    name="pydantic_ai",
    scopes=("pydantic-ai*", "pydantic_ai*"),
    keys=keys_of(
        GEN_AI,
        _AGGREGATED,
        {
            "kind": ("logfire.span_type",),
            "request_model": ("model_name",),
            "tool_use": (),
        },
    ),
    role=_role,
    page="pydantic-ai 1.x and 2.x",
)
