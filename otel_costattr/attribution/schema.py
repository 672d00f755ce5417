"""Which dimensions, tags and values an organisation allows, and what they were called before.

A schema refuses nothing at the door: what stands outside of it is kept and shown as such.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from otel_costattr.attribution.identities import is_hashed
from otel_costattr.attribution.renames import Renames
from otel_costattr.attribution.splits import SPLIT
from otel_costattr.model import DIMENSIONS, EMPTY, Owner

What = Literal["missing", "outside", "undocumented", "renamed"]
Undocumented = Literal["report", "allow"]

TAG: Final = "tags."
RESERVED: Final = frozenset({"__other__", "__small__", "erased"})
"""Values that we write ourselves; they stand in every schema."""

WHATS: Final[Mapping[What, str]] = MappingProxyType(
    {
        "missing": "is required and not known",
        "outside": "has values that are not allowed",
        "undocumented": "is not in the schema",
        "renamed": "has names that were replaced before",
    }
)
"""What may be wrong with the owner of a call, in words."""


class Deviation(NamedTuple):
    """One thing in which the owner of a call stands outside of a schema.

    Attributes:
        target: Dimension or `tags.<name>`.
        what: A key of `WHATS`.
        value: The value in question, or `''`.
    """

    target: str
    what: What
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """A name that was replaced.

    Attributes:
        old: What it was called.
        new: What it is called.
        since: The first day, UTC, on which only the new name is right; None for ever.
    """

    old: str
    new: str
    since: date | None = None

    def holds(self, at_ns: int | None) -> bool:
        """Tell whether the old name was wrong already at an instant; None for now."""
        if self.since is None or at_ns is None:
            return True
        return datetime.fromtimestamp(at_ns // 10**9, UTC).date() >= self.since


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What one dimension or tag may say.

    Attributes:
        description: What it means.
        owner: Who decides about it.
        contact: Where they are reached.
        required: Whether every call has to have it.
        values: Each value that is allowed, with what it means; empty for any.
        pattern: A regular expression, as Python and RE2 both understand it, that a value matches
            as a whole; `''` for none.
        renamed: Values that were replaced.
        formerly: Names that the tag had before, `new` being its own.
    """

    description: str = ""
    owner: str = ""
    contact: str = ""
    required: bool = False
    values: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    pattern: str = ""
    renamed: tuple[Rename, ...] = ()
    formerly: tuple[Rename, ...] = ()

    def allows(self, value: str) -> bool:
        """Tell whether a value is allowed; a hashed one cannot be read and is."""
        if value in RESERVED or is_hashed(value):
            return True
        if self.values and value not in self.values:
            return False
        return not self.pattern or re.fullmatch(self.pattern, value, re.ASCII) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What an organisation allows of owners.

    Attributes:
        owner: Who answers for it.
        contact: Where they are reached.
        description: What it is for.
        undocumented: Whether dimensions and tags that it does not name are reported.
        allowed: Dimension or `tags.<name>` to what it may say; empty for no schema at all.
        renames: Derived: every name that changed.

    Raises:
        BadSettings: A rename cannot be.
    """

    owner: str = ""
    contact: str = ""
    description: str = ""
    undocumented: Undocumented = "report"
    allowed: Mapping[str, Allowed] = field(default_factory=lambda: _NOTHING)
    renames: Renames = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        values = {
            target: {one.old: one.new for one in allowed.renamed}
            for target, allowed in self.allowed.items()
            if allowed.renamed
        }
        tags = {one.old: one.new for allowed in self.allowed.values() for one in allowed.formerly}
        object.__setattr__(self, "renames", Renames(values=values, tags=tags))

    def __bool__(self) -> bool:
        return bool(self.allowed)

    @property
    def required(self) -> tuple[str, ...]:
        """The dimensions and tags that every call has to have."""
        return tuple(target for target, allowed in self.allowed.items() if allowed.required)

    def documents(self, target: str) -> bool:
        """Tell whether a dimension or tag may be there at all."""
        return (
            self.undocumented == "allow"
            or target in self.allowed
            or target.startswith(TAG + SPLIT)
            or target.removeprefix(TAG) in self.renames.tags
        )

    def deviations(self, owner: Owner, *, at_ns: int | None = None) -> Iterator[Deviation]:
        """Yield everything in which an owner stands outside.

        Args:
            owner: Whose, with the names that it came with.
            at_ns: When the call was made, nanoseconds UTC; names that were right then are.
        """
        said = dict(_said(owner))
        known = {self._now(target) for target in said}
        for target in self.required:
            if target not in known:
                yield Deviation(target, "missing", "")
        for target, value in said.items():
            found = self.deviation(target, value, at_ns=at_ns)
            if found is not None:
                yield found

    def deviation(self, target: str, value: str, *, at_ns: int | None = None) -> Deviation | None:
        """Say what is wrong with one value of a dimension or tag; None if nothing is."""
        if not self.documents(target):
            return Deviation(target, "undocumented", value)
        now = self._now(target)
        allowed = self.allowed.get(now)
        if allowed is None:
            return None
        former = [one for one in allowed.formerly if TAG + one.old == target]
        former += [one for one in allowed.renamed if one.old == value]
        if any(one.holds(at_ns) for one in former):
            return Deviation(target, "renamed", value)
        meant = next((one.new for one in allowed.renamed if one.old == value), value)
        return None if allowed.allows(meant) else Deviation(target, "outside", value)

    def _now(self, target: str) -> str:
        tag = target.removeprefix(TAG)
        return TAG + self.renames.tags.get(tag, tag) if target.startswith(TAG) else target


def _said(owner: Owner) -> Iterator[tuple[str, str]]:
    for dimension in DIMENSIONS:
        if dimension in owner.values:
            yield dimension, owner.values[dimension]
    for name, value in owner.tags.items():
        yield TAG + name, value


_NOTHING: Final[Mapping[str, Allowed]] = MappingProxyType({})
NO_SCHEMA: Final = Schema(undocumented="allow")
"""Everything is allowed."""
