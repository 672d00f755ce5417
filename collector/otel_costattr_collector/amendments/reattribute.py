"""Owners that were learned later: lines that match get them by pairs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from otel_costattr.attribution import check_value
from otel_costattr.errors import BadInput
from otel_costattr.model import DIMENSIONS
from otel_costattr_collector import queries

from ..analytics.asking import Asked, question_of
from ..bookings import Bookings
from ..ledger import Line, as_mapping
from ..ledger.columns import LINE_COLUMNS
from ..store import Store
from .changes import Amended, Change, amended, pairs
from .heads import heads_between, period_of
from .reprice import MOST_CHANGES
from .wishes import BY_HAND

MOST_RULES: Final = 10_000
PROVEN: Final = "the tenant is proven by the sender's key"
_COLUMNS: Final = ("match", "set", "from", "to")
_STANDING: Final = "ledger.status != 'duplicate_of'"
_PLACES: Final = {column.name: place for place, column in enumerate(LINE_COLUMNS)}


class Owners(BaseModel):
    """Which lines get which owners."""

    model_config = ConfigDict(extra="forbid")

    csv: Annotated[str, Field(max_length=5_000_000)] = Field(
        description="Columns match and set, both dimension=value, several with semicolons between;"
        " from and to, days, if wanted."
    )
    dry_run: bool = Field(default=False, description="Whether to say only what would change.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row of the file.

    Attributes:
        where: Conditions that a line fulfils, `dimension=value`.
        sets: Dimension or `tags.NAME` to its value.
        first: First day, or None.
        last: Last day, or None.
    """

    where: tuple[str, ...]
    sets: tuple[tuple[str, str], ...]
    first: str | None
    last: str | None


def reattribute(store: Store, bookings: Bookings, wanted: Owners, *, tenant: str = "") -> Amended:
    """Give lines the owners of a file, each by a pair: all of them or none.

    A tenant that a key has proven stays as it is. The first row that sets a dimension of a line
    wins. The same file again changes nothing.

    Args:
        store: Where the ledger is.
        bookings: Books the pairs.
        wanted: The file.
        tenant: The only tenant whose lines may be touched, or `''` for all.

    Raises:
        BadInput: A row makes no sense, or too much would change at once.
        StoreError: The store refused or did not answer.
    """
    rules = tuple(rules_of(wanted.csv))
    digest = blake2b(repr(rules).encode(), digest_size=6).hexdigest()
    cause = f"reattribute:{digest}"
    if wanted.dry_run:
        return _look(store, rules, tenant).amended(store, bookings, cause, dry_run=True)
    seen: list[_Looked] = []

    def make() -> Iterator[Line]:
        seen.append(_look(store, rules, tenant))
        yield from pairs(seen[-1].changes(), cause=cause, run_id=cause)

    booked = bookings.book(make)
    return seen[-1].amended(store, bookings, cause, booked=booked.lines)


def rules_of(text: str) -> Iterator[Rule]:
    """Read the rows of a file.

    Raises:
        BadInput: A column or a row makes no sense; the message names the row.
    """
    reader = csv.DictReader(io.StringIO(text))
    named = tuple(reader.fieldnames or ())
    if not {"match", "set"} <= set(named) <= set(_COLUMNS):
        raise BadInput(f"the columns are {', '.join(named) or 'none'}: use {', '.join(_COLUMNS)}")
    for number, row in enumerate(reader, start=2):
        if number > MOST_RULES + 1:
            raise BadInput(f"more than {MOST_RULES} rows: divide the file")
        try:
            yield _rule(row)
        except BadInput as error:
            raise BadInput(f"line {number}: {error}") from error


def _rule(row: Mapping[str, str | None]) -> Rule:
    where = _words(row["match"])
    sets = tuple(_set(word) for word in _words(row["set"]))
    if not where or not sets:
        raise BadInput("match and set need dimension=value each")
    for word in where:
        name, equals, _ = word.partition("=")
        if not equals:
            raise BadInput(f"{word!r}: use dimension=value")
        queries.dimension(name.strip())
    return Rule(where=where, sets=sets, first=row.get("from") or None, last=row.get("to") or None)


def _words(cell: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (cell or "").split(";") if word.strip())


def _set(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    dimension = queries.ENTITY_TYPES.get(name.strip(), name.strip())
    if not equals or (dimension not in DIMENSIONS and not queries.tag_of(dimension)):
        raise BadInput(f"{word!r}: set {', '.join(DIMENSIONS)} or tags.NAME, such as tenant=acme")
    if "@" in value:
        raise BadInput(f"{name.strip()}: looks like an e-mail address; use its hashed form")
    return dimension, check_value(dimension, value.strip())


@dataclass(slots=True)
class _Looked:
    lines: dict[str, Line]
    made: dict[str, Line]
    proven: int = 0

    def changes(self) -> list[Change]:
        return [
            Change(line=self.lines[name], corrected=made)
            for name, made in self.made.items()
            if made != self.lines[name]
        ]

    def amended(
        self,
        store: Store,
        bookings: Bookings,
        cause: str,
        *,
        booked: int = 0,
        dry_run: bool = False,
    ) -> Amended:
        made = amended(
            store,
            self.changes(),
            cause=cause,
            looked_at=len(self.lines),
            booked=booked,
            dry_run=dry_run,
            bookings=bookings,
        )
        return made.model_copy(update={"left": {PROVEN: self.proven} if self.proven else {}})


def _look(store: Store, rules: Sequence[Rule], tenant: str) -> _Looked:
    found = _Looked({}, {})
    done: set[tuple[str, str]] = set()
    for rule in rules:
        asked = Asked(start_date=rule.first, end_date=rule.last, where=list(rule.where))
        period = period_of(store, question_of(asked, store.layout, tenant=tenant), _STANDING)
        for line in heads_between(store, period, with_costs=True):
            name = str(line[_PLACES["line_id"]])
            found.lines.setdefault(name, line)
            found.made[name] = _with(found.made.get(name, line), rule, name, done, found)
            if len(found.made) > MOST_CHANGES:
                raise BadInput(f"more than {MOST_CHANGES} lines match: divide the period")
    return found


def _with(line: Line, rule: Rule, name: str, done: set[tuple[str, str]], found: _Looked) -> Line:
    values: dict[str, Any] = dict(as_mapping(line))
    sources = dict(values["owner_source"])
    for dimension, value in rule.sets:
        if (name, dimension) in done:
            continue
        done.add((name, dimension))
        if dimension == "tenant" and sources.get("tenant") == "key":
            found.proven += values["tenant"] != value
            continue
        tag = queries.tag_of(dimension)
        if (values["tags"].get(tag) if tag else values[dimension]) == value:
            continue
        if tag:
            values["tags"] = {**values["tags"], tag: value}
        else:
            values[dimension] = value
        sources[dimension] = "rule"
        values["provenance"] = {**values["provenance"], BY_HAND: "reattribute"}
    values["owner_source"] = sources
    return tuple(values.values())
