"""CrewAI: a crew's span carries the sum of its calls as a Python repr, and no call of its own."""

from __future__ import annotations

from typing import Final

from otel_costattr.model import Role
from otel_costattr.usage.reader import Dialect, Reading


def _role(_reading: Reading) -> Role | None:
    return "aggregate"


DIALECT: Final = Dialect(
    name="crewai",
    scopes=(
        "opentelemetry.instrumentation.crewai*",
        "openinference.instrumentation.crewai",
        "crewAI-telemetry",
    ),
    objects=(("crewai.crew.usage_metrics", ()),),
    role=_role,
    page="CrewAI through Traceloop or OpenInference; sums only",
)
