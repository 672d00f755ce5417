"""What somebody says that something cost, before it has a price and an owner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from typing import Final

from otel_costattr.costs import names
from otel_costattr.model import Attributes, AttributeValue, Span

MAX_QUANTITY: Final = Decimal(10) ** 12
"""No quantity and no amount in USD reaches this."""

_MAX_DIGITS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class CostClaim:
    """A cost that is no model call.

    Attributes:
        at_ns: When it happened, nanoseconds UTC.
        amount_usd: USD as told; None where a metric is priced, or nothing usable was told.
        type: Kind of cost, such as `compute` or `api_usage`, or `''`.
        source: Who charges it, such as `elevenlabs`, or `''`.
        metric: What is counted, such as `characters`, or `''`.
        quantity: How much of the metric; None where nobody says.
        description: What it was for, in words.
        pool: Shared cost that it belongs to, or `''`.
        rate_usd: USD for `per` of the metric where a rule says so; None asks the price book.
        per: How much of the metric the rate buys.
        rule: The rule that found it, or `''`.
        reasons: Keys of `REASONS` for what cannot be priced.
    """

    at_ns: int
    amount_usd: Decimal | None = None
    type: str = ""
    source: str = ""
    metric: str = ""
    quantity: Decimal | None = None
    description: str = ""
    pool: str = ""
    rate_usd: Decimal | None = None
    per: int = 1
    rule: str = ""
    reasons: tuple[str, ...] = ()

    def content(self, owner: Mapping[str, str]) -> str:
        """Return the hash of all that it says, so that the same id can be seen to say another.

        Args:
            owner: Its owner as attributes, people hashed already.
        """
        said = (
            str(self.at_ns),
            _plain(self.amount_usd),
            *(self.type, self.source, self.metric, _plain(self.quantity)),
            *(self.description, self.pool),
            *(part for pair in sorted(owner.items()) for part in pair),
        )
        return blake2b("\0".join(said).encode("utf-8", "replace"), digest_size=16).hexdigest()


def is_cost(span: Span) -> bool:
    """Tell whether a span or log record says itself that it is a cost."""
    return span.name == names.NAME


def read_cost(span: Span) -> CostClaim:
    """Read a span or log record named `costattr.cost`; never raises.

    What cannot be understood becomes a reason: a cost is never lost, and never 0 for a mistake.
    """
    attributes = span.attributes
    source, metric = _text(attributes, names.SOURCE), _text(attributes, names.METRIC)
    told = attributes.get(names.AMOUNT)
    amount = None if told is None else number(told)
    quantity = _quantity(attributes.get(names.QUANTITY))
    return CostClaim(
        at_ns=span.start_ns,
        amount_usd=amount,
        type=_text(attributes, names.TYPE),
        source=source.lower(),
        metric=metric.lower(),
        quantity=quantity,
        description=_text(attributes, names.DESCRIPTION, names.MAX_DESCRIPTION_CHARACTERS),
        pool=_text(attributes, names.POOL),
        reasons=_reasons(told, amount, f"{source}/{metric}" if source and metric else "", quantity),
    )


def number(value: AttributeValue) -> Decimal | None:
    """Read a number of less than 1e12, exact for text; None for what is none; never raises."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, int) and abs(value) >= MAX_QUANTITY:
        return None
    text = value.strip() if isinstance(value, str) else repr(value)
    if len(text) > _MAX_DIGITS:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) < MAX_QUANTITY else None


def _quantity(value: AttributeValue) -> Decimal | None:
    found = number(value)
    return None if found is None or found < 0 else found


def _reasons(
    told: AttributeValue, amount: Decimal | None, counted: str, quantity: Decimal | None
) -> tuple[str, ...]:
    if told is not None:
        return () if amount is not None else ("bad_amount",)
    if not counted:
        return ("no_amount",)
    return () if quantity is not None else ("no_quantity",)


def _text(attributes: Attributes, name: str, most: int = names.MAX_CHARACTERS) -> str:
    value = attributes.get(name)
    return value.strip()[:most] if isinstance(value, str) else ""


def _plain(value: Decimal | None) -> str:
    return "" if value is None else format(value.normalize(), "f")
