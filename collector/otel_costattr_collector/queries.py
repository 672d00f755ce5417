"""Named queries: SQL files that read without us, and the parts of them that a question changes.

A part stands in a file as `/*{name*/ default /*}*/`. What replaces a default is text of ours, from
the tables below; what a user says reaches the engine as a `{name:Type}` parameter only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from otel_costattr.errors import BadInput
from otel_costattr.model import DIMENSIONS
from otel_costattr_collector import schema

_PART: Final = re.compile(r"/\*\{(\w+)\*/(.*?)/\*\}\*/", re.DOTALL)
_COMMENT: Final = re.compile(r"^ *--.*\n", re.MULTILINE)
_TAG: Final = re.compile(r"tags\.(.{1,128})", re.DOTALL)

ENTITY_TYPES: Final[Mapping[str, str]] = {"customer": "tenant"}
"""Other people's words for our dimensions."""

ASKABLE: Final[tuple[str, ...]] = (
    *DIMENSIONS,
    "provider",
    "model",
    "request_model",
    "response_model",
    "operation",
    "service_tier",
    "region",
    "service_name",
    "scope_name",
    "emitter",
    "entry",
    "status",
    "reason",
    "error_type",
)
"""Columns that a question may group and filter by; `tags.NAME` is allowed too."""


ROOTS: Final[Mapping[str, str]] = {
    f"{name}_root": name for name in ("tenant", "user", "team", "project", "session")
}
"""What an identifier rolls up to (`org_123:user_456` to `org_123`), and whose identifier it is."""

_ROOT: Final = (
    "if(match({column}, '^h:[A-Za-z0-9_-]+:[0-9a-f]+$') AND length(extract({column}, '[^:]+$')) = 32"
    " OR NOT match({column}, '[^:]'), {column}, extract({column}, '^:*[^:]+'))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A table that keeps spend.

    Attributes:
        table: Its name.
        dimensions: What it can be asked for; None for everything, tags included.
        grain: Its unit of time: `day` in the reporting time zone, `quarter` hours, or `exact`.
        moment: The column that says when it happened.
        month: Its month, where the engine keeps sums of months beside the rows; else `''`.
    """

    table: str
    dimensions: frozenset[str] | None
    grain: Literal["day", "quarter", "exact"]
    moment: str
    month: str = ""


_TENANT_DAY: Final = "tenant plan provider environment data_mode entry status"
_FEATURE_15M: Final = (
    "feature step prompt prompt_version agent workflow team project experiment variant"
    " environment data_mode provider model operation service_tier entry status reason"
)
_SESSION: Final = "tenant session environment data_mode entry status"

SOURCES: Final[tuple[Source, ...]] = (
    Source(
        table="spend_by_tenant_day",
        dimensions=frozenset(_TENANT_DAY.split()),
        grain="day",
        moment="spent.day",
        month="toStartOfMonth(spent.day)",
    ),
    Source(
        table="spend_by_feature_15m",
        dimensions=frozenset(_FEATURE_15M.split()),
        grain="quarter",
        moment="spent.bucket",
    ),
    Source(
        table="spend_by_session",
        dimensions=frozenset(_SESSION.split()),
        grain="day",
        moment="spent.day",
    ),
    Source(
        table="ledger",
        dimensions=None,
        grain="exact",
        moment="spent.event_ns",
    ),
)
"""Where spend is kept, the smallest first; the ledger answers what no rollup can."""


@cache
def text(name: str) -> str:
    """Read a named query as it stands in its file.

    Raises:
        BadInput: There is no such query.
    """
    path = schema.folder() / "queries" / f"{name}.sql"
    if not re.fullmatch(r"[a-z_]+", name) or not path.is_file():
        raise BadInput(f"there is no query named {name!r}")
    return path.read_text("utf-8")


@cache
def _bare(name: str) -> str:
    """Read a named query without comments: for a short question they take longer than its words."""
    return _COMMENT.sub("", text(name))


def render(name: str, parts: Mapping[str, str] | None = None) -> str:
    """Replace parts of a named query; those that are not given keep their defaults.

    Where `keys` are given, `first_key` and `last_key` are the first and the last of them, and `whole`
    is the condition that a row is one of all keys, or the total.

    Raises:
        BadInput: There is no such query or no such part in it.
    """
    given = parts or {}
    source = _bare(name)
    unknown = set(given) - {found[1] for found in _PART.finditer(source)}
    if unknown:
        raise BadInput(f"query {name!r} has no part {', '.join(sorted(unknown))}")

    keys = given.get("keys", "").split(", ")
    whole = f"grouping({keys[-1]}) = is_total" if keys[1:] else ""
    filled = {"first_key": keys[0], "last_key": keys[-1], "whole": whole, **given}

    def replaced(found: re.Match[str]) -> str:
        return filled.get(found[1]) or found[2].strip()

    return _PART.sub(replaced, source)


def dimension(word: str) -> str:
    """Check that a word names a dimension, and give its own name.

    Args:
        word: A dimension, an entity type such as `customer`, or `tags.NAME`.

    Raises:
        BadInput: It is none; the message lists what is allowed.
    """
    name = ENTITY_TYPES.get(word, word)
    if name in ASKABLE or name in ROOTS or _TAG.fullmatch(name):
        return name
    raise BadInput(f"unknown dimension {word!r}: use {', '.join(ASKABLE)} or tags.NAME")


def column_of(name: str, column: str = "") -> str:
    """Write the expression of a dimension that is no tag, in a table named `spent`.

    Args:
        name: The dimension.
        column: What is read instead of the dimension's own column.
    """
    if name in ROOTS:
        return _ROOT.format(column=column or f"spent.{ROOTS[name]}")
    return column or f"spent.{name}"


def tag_of(name: str) -> str | None:
    """Give the name of a tag if a dimension is one."""
    found = _TAG.fullmatch(name)
    return found[1] if found else None


def source_of(dimensions: frozenset[str], grains: frozenset[str]) -> Source:
    """Choose the smallest table that can answer.

    Args:
        dimensions: Everything that is grouped or filtered by.
        grains: The grains that both ends of the period fit; `exact` is always one of them.
    """
    stored = frozenset(ROOTS.get(name, name) for name in dimensions)
    return next(
        source
        for source in SOURCES
        if source.grain in grains and (source.dimensions is None or stored <= source.dimensions)
    )


def source_named(table: str) -> Source:
    """Look up a table that keeps spend.

    Raises:
        KeyError: There is none of this name.
    """
    return {source.table: source for source in SOURCES}[table]
