"""Spring AI through Micrometer: every value is a string."""

from __future__ import annotations

from typing import Final

from otel_costattr.usage.reader import Dialect

DIALECT: Final = Dialect(
    name="spring_ai",
    scopes=("org.springframework.ai*", "org.springframework.boot"),
    marks=("spring.ai.kind",),
    page="Spring AI",
)
