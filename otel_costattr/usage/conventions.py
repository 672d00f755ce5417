"""Whether an emitter counts cached tokens inside the input count: data, with its source.

A row names a scope, a range of versions and a vendor; the most specific row wins. An operator can
put rows before the shipped ones.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, cast

from otel_costattr.errors import BadSettings
from otel_costattr.usage.claims import Convention
from otel_costattr.usage.vendors import vendor


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One known convention.

    Attributes:
        scope: Instrumentation scope; a trailing `*` matches every name that begins so.
        convention: Whether cached tokens are inside the input count.
        source: How it is known.
        vendor: Whose model is called, as in `vendors.vendor`; `*` for any.
        since: First version, inclusive, or `''` for any.
        before: First version that is different, or `''` for none yet.
    """

    scope: str
    convention: Convention
    source: str
    vendor: str = "*"
    since: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conventions:
    """A table of conventions; earlier rows win over later ones. Compared by identity.

    Attributes:
        rows: The rows in order.
    """

    rows: tuple[Row, ...]

    def with_overrides(self, text: str, *, source: str) -> Conventions:
        """Put an operator's rows before these.

        Args:
            text: TOML with `[[convention]]` tables of `scope`, `convention` and optionally
                `vendor`, `since`, `before`, `source`.
            source: Named in errors, and as the source of rows that name none.

        Raises:
            BadSettings: The text is no TOML, or a row has an unknown key or value.
        """
        try:
            tables = tomllib.loads(text).get("convention", [])
        except tomllib.TOMLDecodeError as error:
            raise BadSettings(f"{source}: no TOML: {error}") from error
        return Conventions(rows=(*(_row(table, source) for table in tables), *self.rows))


def _row(table: Mapping[str, object], source: str) -> Row:
    unknown = set(table) - {"scope", "vendor", "convention", "since", "before", "source"}
    if unknown:
        raise BadSettings(f"{source}: unknown key {min(unknown)!r} in a convention")
    if not table.get("scope") or not all(isinstance(value, str) for value in table.values()):
        raise BadSettings(f"{source}: a convention needs a scope, and text values only")
    if table.get("convention") not in {"inclusive", "exclusive"}:
        raise BadSettings(f"{source}: convention is 'inclusive' or 'exclusive'")
    return Row(**cast("dict[str, str]", {"source": source, **table}))  # type: ignore[arg-type]


@lru_cache(maxsize=4096)
def convention_of(
    table: Conventions, scope: str, version: str, provider: str, model: str
) -> tuple[Convention | None, str]:
    """Look up a convention, None where no row matches, and the vendor whose model was called.

    Args:
        table: The rows.
        scope: Instrumentation scope of the span.
        version: Its version, or `''`, which matches every range.
        provider: As the span names it.
        model: As the span names it.
    """
    whose = vendor(provider, model)
    found = row_of(table, scope, version, whose)
    return found.convention if found else None, whose


def row_of(table: Conventions, scope: str, version: str, whose: str) -> Row | None:
    """Find the first row that matches.

    Args:
        table: The rows.
        scope: Instrumentation scope of the span.
        version: Its version, or `''`, which matches every range.
        whose: As in `vendors.vendor`.
    """
    for row in table.rows:
        if row.vendor in {"*", whose} and matches(row.scope, row.since, row.before, scope, version):
            return row
    return None


def matches(pattern: str, since: str, before: str, scope: str, version: str) -> bool:
    """Tell whether a scope and its version are what a row is about.

    Args:
        pattern: The row's scope; a trailing `*` matches every name that begins so.
        since: First version, inclusive, or `''`.
        before: First version that is different, or `''`.
        scope: Instrumentation scope of a span.
        version: Its version, or `''`, which is in every range.
    """
    named = scope.startswith(pattern[:-1]) if pattern.endswith("*") else pattern == scope
    return named and (not version or _in_range(version, since, before))


def _in_range(version: str, since: str, before: str) -> bool:
    parsed = _parse(version)
    return (not since or parsed >= _parse(since)) and (not before or parsed < _parse(before))


def _parse(version: str) -> tuple[int, ...]:
    """Read the leading numbers of a version; pre-releases count as their release."""
    parts: list[int] = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits or len(digits) > 9:
            break
        parts.append(int(digits))
        if digits != part:
            break
    return tuple(parts)


_RECORDED: Final = "recorded against a stand-in provider, 2026-11-21"
_READ: Final = "read in the emitter's source, 2026-11-21"

SHIPPED: Final = Conventions(
    rows=(
        # Official packages break their own specification on Bedrock.
        Row(scope="opentelemetry.instrumentation.genai.bedrock", convention="exclusive", source=_RECORDED),
        Row(scope="opentelemetry.instrumentation.botocore*", convention="exclusive", source=_RECORDED),
        Row(scope="opentelemetry.instrumentation.bedrock", convention="exclusive", source=_RECORDED),
        Row(scope="opentelemetry.instrumentation.*", convention="inclusive", source=_RECORDED),
        Row(scope="opentelemetry.util.genai*", convention="inclusive", source=_RECORDED),
        Row(scope="com.anthropic.sdk.*", convention="inclusive", source=_RECORDED),
        Row(scope="openinference.instrumentation.*", convention="inclusive", source=_RECORDED),
        Row(scope="openlit.*", vendor="anthropic", convention="exclusive", source=_RECORDED),
        Row(scope="openlit.*", vendor="bedrock", convention="exclusive", source=_RECORDED),
        Row(scope="openlit.*", convention="inclusive", source=_RECORDED),
        Row(scope="ai", vendor="anthropic", before="6", convention="exclusive", source=_RECORDED),
        Row(scope="ai", vendor="bedrock", before="6", convention="exclusive", source=_READ),
        Row(scope="ai", convention="inclusive", source=_RECORDED),
        Row(scope="gen_ai", convention="inclusive", source=_RECORDED),
        Row(scope="pydantic-ai", convention="inclusive", source=_RECORDED),
        Row(scope="logfire.*", convention="inclusive", source=_RECORDED),
        Row(scope="litellm", convention="inclusive", source=_RECORDED),
        Row(scope="langsmith", convention="inclusive", source=_RECORDED),
        Row(scope="gcp.vertex.agent", convention="inclusive", source=_RECORDED),
        Row(scope="strands.*", convention="inclusive", source=_RECORDED),
        Row(scope="semantic_kernel*", convention="inclusive", source=_RECORDED),
        Row(scope="Microsoft.SemanticKernel*", convention="inclusive", source=_RECORDED),
        Row(scope="agent_framework*", convention="inclusive", source=_RECORDED),
        Row(scope="org.springframework.ai*", vendor="anthropic", convention="exclusive", source=_READ),
        Row(scope="org.springframework.ai*", vendor="bedrock", convention="exclusive", source=_READ),
        Row(scope="org.springframework.ai*", convention="inclusive", source=_READ),
        Row(scope="com.anthropic.claude_code*", convention="exclusive", source="published field list, 2026-11-21"),
        Row(scope="codex*", convention="inclusive", source=_READ),
        Row(scope="gemini-cli*", convention="inclusive", source=_READ),
        Row(scope="github.copilot*", convention="inclusive", source="published field list, 2026-11-21"),
        Row(scope="@mastra*", convention="inclusive", source=_READ),
        Row(scope="mastra*", convention="inclusive", source=_READ),
        Row(scope="sentry*", convention="inclusive", source="published field list, 2026-11-21"),
    )
)  # fmt: skip
"""What is known. A scope without a row is read as inclusive and says so, unless arithmetic or a
raw usage object proves otherwise."""
