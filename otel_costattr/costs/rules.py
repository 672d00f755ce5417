"""Rules that find costs in spans of tools, vector databases and other services, from TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any, Final

from otel_costattr.costs.claims import CostClaim, number
from otel_costattr.errors import BadSettings
from otel_costattr.model import AttributeValue, Span

SPAN_NAME: Final = "span.name"
SCOPE_NAME: Final = "scope.name"
_OF_SPAN: Final = frozenset({SPAN_NAME, SCOPE_NAME})
_KEYS: Final = frozenset(
    {"name", "when", "usd", "per", "quantity", "source", "metric", "type", "pool", "failed"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRule:
    """Spans that look a certain way cost something.

    Attributes:
        name: Names the rule in the ledger; part of each line's identity.
        when: Attribute, or `span.name` or `scope.name`, to the pattern that its text matches
            (`*` and `?` as in file names); all must match.
        rate_usd: USD for `per`; None asks the price book for `source` and `metric`.
        per: How much of the metric the rate buys.
        quantity: Attribute that says how much was used; `''` for 1 a span.
        source: Who charges it.
        metric: What is counted.
        type: Kind of cost.
        pool: Shared cost that it belongs to, or `''`.
        failed: Whether a failed span costs, too.
    """

    name: str
    when: Mapping[str, str]
    rate_usd: Decimal | None = None
    per: int = 1
    quantity: str = ""
    source: str = ""
    metric: str = ""
    type: str = "api_usage"
    pool: str = ""
    failed: bool = True

    def matches(self, span: Span) -> bool:
        """Tell whether every condition holds for `span`."""
        if span.failed and not self.failed:
            return False
        return all(fnmatchcase(_text(span, name), pattern) for name, pattern in self.when.items())

    def claim(self, span: Span) -> CostClaim:
        """Return what a span that matches costs."""
        quantity: Decimal | None = Decimal(1)
        if self.quantity:
            quantity = number(span.attributes.get(self.quantity))
            quantity = None if quantity is None or quantity < 0 else quantity
        return CostClaim(
            at_ns=span.start_ns,
            type=self.type,
            source=self.source,
            metric=self.metric or "spans",
            quantity=quantity,
            description=span.name[:256],
            pool=self.pool,
            rate_usd=self.rate_usd,
            per=self.per,
            rule=self.name,
            reasons=() if quantity is not None else ("no_quantity",),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRules:
    """All rules of an operator.

    Attributes:
        rules: Each that matches a span books a cost of its own.
    """

    rules: tuple[CostRule, ...] = ()

    @property
    def attributes(self) -> frozenset[str]:
        """Attributes of spans that the rules read, and that the door has to keep."""
        read = {name for rule in self.rules for name in rule.when} - _OF_SPAN
        return frozenset(read | {rule.quantity for rule in self.rules if rule.quantity})

    def wants(self, span: Span) -> bool:
        """Tell whether any rule matches."""
        return any(rule.matches(span) for rule in self.rules)

    def claims(self, span: Span) -> Iterator[CostClaim]:
        """Yield what a span costs by each rule that matches."""
        for rule in self.rules:
            if rule.matches(span):
                yield rule.claim(span)


NO_COST_RULES: Final = CostRules()


def read_cost_rules(text: str, *, source: str) -> CostRules:
    """Read rules.

    Args:
        text: TOML with one `[[cost]]` a rule.
        source: Where it was read, for messages.

    Raises:
        BadSettings: It is no TOML, or a rule cannot be meant so.
    """
    try:
        raw = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"{source}: {error}") from None
    tables = raw.pop("cost", [])
    if raw or not isinstance(tables, list):
        raise BadSettings(f"{source}: {', '.join(raw) or 'cost'}: write rules as [[cost]]")
    rules = tuple(_rule(f"{source}: cost {at}", table) for at, table in enumerate(tables, start=1))
    named = [rule.name for rule in rules]
    for name in named:
        if named.count(name) > 1:
            raise BadSettings(f"{source}: two rules are named {name!r}: a line could not tell them")
    return CostRules(rules=rules)


def _rule(where: str, table: Mapping[str, Any]) -> CostRule:
    for key in table:
        if key not in _KEYS:
            raise BadSettings(f"{where}: {key!r} is unknown: use {', '.join(sorted(_KEYS))}")
    when = table.get("when")
    if not isinstance(when, Mapping) or not when:
        raise BadSettings(f'{where}: say when, such as {{ "db.system.name" = "pinecone" }}')
    rule = CostRule(
        name=_word(where, table, "name"),
        when={str(name): str(pattern) for name, pattern in when.items()},
        rate_usd=_rate(where, table.get("usd")),
        per=_per(where, table.get("per", 1)),
        quantity=_word(where, table, "quantity"),
        source=_word(where, table, "source").lower(),
        metric=_word(where, table, "metric").lower(),
        type=_word(where, table, "type") or "api_usage",
        pool=_word(where, table, "pool"),
        failed=bool(table.get("failed", True)),
    )
    if not rule.name:
        raise BadSettings(f"{where}: give it a name")
    if rule.rate_usd is None and not (rule.source and rule.metric):
        raise BadSettings(f"{where}: say usd, or source and metric of a [[metric]] in an overlay")
    return rule


def _rate(where: str, value: object) -> Decimal | None:
    if value is None:
        return None
    rate = number(str(value))
    if rate is None or rate < 0:
        raise BadSettings(f"{where}: usd is {value!r}: write an amount such as 0.0004")
    return rate


def _per(where: str, value: object) -> int:
    if type(value) is not int or not 1 <= value <= 10**9:
        raise BadSettings(f"{where}: per is {value!r}: write a whole number from 1")
    return value


def _word(where: str, table: Mapping[str, Any], key: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str) or len(value) > 256:
        raise BadSettings(f"{where}: {key} is {value!r}: write a text of up to 256 characters")
    return value.strip()


def _text(span: Span, name: str) -> str:
    if name == SPAN_NAME:
        return span.name
    if name == SCOPE_NAME:
        return span.scope_name
    value: AttributeValue = span.attributes.get(name, span.resource.get(name))
    return str(value) if isinstance(value, str | bool | int) else ""
