"""Rules of allocation: a TOML file that says what moves to whom, in which order, by what."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final, Literal

from otel_costattr.errors import BadInput
from otel_costattr_collector import queries
from otel_costattr_collector.analytics.asking import filters_of

from .shifts import KEYS, Cell

Basis = Literal["calls", "tokens", "cost", "revenue", "even", "weights", "listed"]
Grain = Literal["day", "month"]

BASES: Final = ("calls", "tokens", "cost", "revenue", "even", "weights", "listed")
_SET_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_RULE_NAME: Final = re.compile(r"[^\x00-\x1f:]{1,80}")
_RULE_KEYS: Final = frozenset(
    [
        "name",
        "pool",
        "where",
        "target",
        "basis",
        "among",
        "weights",
        "value",
        "list",
        "separator",
        "otherwise",
    ]
)
_SET_KEYS: Final = frozenset({"name", "grain", "unite", "rule"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which cells are meant: `where` words of a question.

    Attributes:
        filters: Dimension to the values that count.
        without: Dimensions and values that, all together, do not count.
        pool: Name of a shared cost; `''` for none of a certain one.
    """

    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    without: tuple[Mapping[str, str], ...] = ()
    pool: str = ""

    def takes(self, cell: Cell) -> bool:
        """Tell whether a cell is meant."""
        if self.pool and cell.values["cost_pool"] != self.pool:
            return False
        if any(cell.at(name) not in values for name, values in self.filters.items()):
            return False
        return not any(
            all(cell.at(name) == value for name, value in group.items()) for group in self.without
        )

    @property
    def dimensions(self) -> frozenset[str]:
        """Every dimension that it looks at."""
        return frozenset((*self.filters, *(name for group in self.without for name in group)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        name: Its name; lines name it.
        source: What it moves.
        target: The dimension, or `tags.NAME`, whose value changes.
        basis: What the shares are in proportion to.
        among: Which calls are weighed, for a basis of use.
        weights: Value to weight, for the basis `weights`.
        listed: The tag whose value lists the values of the target, for the basis `listed`.
        separator: What stands between them.
        otherwise: Value that takes all where nobody has a weight; `''` leaves it where it is.
    """

    name: str
    source: Match
    target: str
    basis: Basis
    among: Match = field(default_factory=Match)
    weights: Mapping[str, Decimal] = field(default_factory=dict)
    listed: str = ""
    separator: str = ","
    otherwise: str = ""

    def takes(self, cell: Cell) -> bool:
        """Tell whether the rule moves a cell.

        Of a pool it takes what has no value of the target yet, unless `where` speaks of the
        target: what was allocated once is not allocated again.
        """
        owned = self.source.pool and self.target not in self.source.dimensions
        return self.source.takes(cell) and not (owned and cell.at(self.target))


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """Rules that run together, one after the other.

    Attributes:
        name: What a run replaces: the former run of the same name and period.
        grain: Whether the lines of a run are of single days, or of the first day of the period.
        unite: Dimensions that the lines of a run leave empty, so that there are fewer.
        rules: In order; a later one also moves what an earlier one moved.
        digest: 12 hex digits over all of it.
    """

    name: str
    grain: Grain
    unite: tuple[str, ...]
    rules: tuple[Rule, ...]
    digest: str


def read_rules(text: str, *, source: str = "rules") -> RuleSet:
    """Read a TOML file of rules.

    Args:
        text: The file.
        source: Its name, for messages.

    Raises:
        BadInput: It is no TOML, or says something that is not understood; the message says where.
    """
    try:
        words = tomllib.loads(text, parse_float=Decimal)
        return _rule_set(words)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{source}: cannot be read as TOML: {error}") from error
    except BadInput as error:
        raise BadInput(f"{source}: {error}") from error


def _rule_set(words: Mapping[str, Any]) -> RuleSet:
    _only(words, _SET_KEYS, "the file")
    name, grain = words.get("name", "default"), words.get("grain", "day")
    if not isinstance(name, str) or not _SET_NAME.fullmatch(name):
        raise BadInput("name: use 1 to 64 letters, digits, '_', '.' and '-'")
    if grain not in ("day", "month"):
        raise BadInput(f"grain = {grain!r}: use day or month")
    unite = tuple(_known(word) for word in _words(words.get("unite", []), "unite"))
    tables = words.get("rule", [])
    if not isinstance(tables, list) or not tables:
        raise BadInput("there is no [[rule]]")
    rules = tuple(_rule(table, place) for place, table in enumerate(tables, 1))
    names = [rule.name for rule in rules]
    if len(set(names)) < len(names):
        raise BadInput("two rules have the same name")
    for rule in rules:
        lost = (rule.source.dimensions | {rule.target}) & set(unite)
        if lost:
            raise BadInput(f"rule {rule.name!r} needs {', '.join(sorted(lost))}: do not unite it")
    canonical = json.dumps(words, sort_keys=True, default=str)
    return RuleSet(
        name=name,
        grain=grain,
        unite=unite,
        rules=rules,
        digest=sha256(canonical.encode()).hexdigest()[:12],
    )


def _rule(table: Any, place: int) -> Rule:
    if not isinstance(table, Mapping):
        raise BadInput(f"rule {place} is no table")
    name = table.get("name", f"rule {place}")
    if not isinstance(name, str) or not _RULE_NAME.fullmatch(name):
        raise BadInput(f"rule {place}: name: use 1 to 80 characters without ':'")
    try:
        return _checked(name, table)
    except BadInput as error:
        raise BadInput(f"rule {name!r}: {error}") from error


def _checked(name: str, table: Mapping[str, Any]) -> Rule:
    _only(table, _RULE_KEYS, "it")
    source = _match(table.get("where", []), pool=_text(table, "pool"))
    if not (source.pool or source.dimensions):
        raise BadInput("say what it moves: pool, where, or both")
    weights = _weights(table)
    basis = table.get("basis", "weights" if weights else None)
    if basis not in BASES:
        raise BadInput(f"basis = {basis!r}: use {', '.join(BASES)}")
    if (basis == "weights") != bool(weights):
        raise BadInput("weights (or value) and basis 'weights' go together")
    listed = _text(table, "list")
    if (basis == "listed") != bool(listed):
        raise BadInput("list, such as tags.labels, and basis 'listed' go together")
    return Rule(
        name=name,
        source=source,
        target=_known(_text(table, "target")),
        basis=basis,
        among=_match(table.get("among", [])),
        weights=weights,
        listed=_known(listed) if listed else "",
        separator=_text(table, "separator") or ",",
        otherwise=_text(table, "otherwise"),
    )


def _weights(table: Mapping[str, Any]) -> dict[str, Decimal]:
    value, weights = _text(table, "value"), table.get("weights", {})
    if value and weights:
        raise BadInput("use value or weights, not both")
    if value:
        return {value: Decimal(1)}
    if not isinstance(weights, Mapping):
        raise BadInput("weights: use a table such as {acme = 3, globex = 1}")
    return {name: weight_of(name, weight) for name, weight in weights.items()}


def weight_of(name: str, weight: object) -> Decimal:
    """Check one weight.

    Raises:
        BadInput: It is no number from 0 to 1e18.
    """
    if isinstance(weight, bool) or not isinstance(weight, int | Decimal):
        raise BadInput(f"weight of {name!r} is {weight!r}: use a number")
    number = Decimal(weight)
    if not number.is_finite() or not 0 <= number < Decimal(10) ** 18:
        raise BadInput(f"weight of {name!r} is {weight}: use a number from 0 to 1e18")
    return number


def _match(words: object, *, pool: str = "") -> Match:
    filters, without = filters_of(_words(words, "where"))
    match = Match(filters=filters, without=without, pool=pool)
    for name in match.dimensions:
        _known(name)
    return match


def _known(word: str) -> str:
    name = queries.dimension(word)
    if name in KEYS or queries.tag_of(name):
        return name
    raise BadInput(f"{word!r} cannot be allocated by: use {', '.join(KEYS)} or tags.NAME")


def _words(words: object, name: str) -> Sequence[str]:
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise BadInput(f'{name}: use a list of texts, such as ["plan=free"]')
    return words


def _text(table: Mapping[str, Any], name: str) -> str:
    value = table.get(name, "")
    if not isinstance(value, str) or len(value) > 256 or not value.isprintable():
        raise BadInput(f"{name}: use a text of at most 256 printable characters")
    return value


def _only(words: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    unknown = sorted(set(words) - known)
    if unknown:
        raise BadInput(f"{what} says {', '.join(unknown)}: known are {', '.join(sorted(known))}")
