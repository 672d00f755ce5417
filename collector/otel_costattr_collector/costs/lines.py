"""From a claim to a ledger line: priced, owned, and named so that it is booked once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from otel_costattr.attribution import DEFAULT_RULES, OwnerRules, owner_attributes, owner_of
from otel_costattr.costs import (
    NO_COST_RULES,
    CostClaim,
    CostRules,
    is_cost,
    read_cost,
)
from otel_costattr.costs.names import KEY
from otel_costattr.model import NOBODY, Owner, Price, Span
from otel_costattr.pricing import MetricPrice, PriceBook, amount_of, price_metric

from .. import ledger
from ..ledger import Cost, CostLine, Line
from ..ledger.money import pico
from ..plain import decimal_text
from .ids import CONTENT


class CostLines:
    """Prices and attributes costs; for any thread.

    Args:
        book: Prices of metrics.
        owners: How owners are found.
        rules: Find costs in spans that do not say so themselves.
        fold: Says as whose a cost of an owner is booked that happened at a moment; what it says
            is no part of the content by which a cost is known again.
    """

    def __init__(
        self,
        book: PriceBook,
        *,
        owners: OwnerRules = DEFAULT_RULES,
        rules: CostRules = NO_COST_RULES,
        fold: Callable[[Owner, int], Owner] = lambda owner, _: owner,
    ) -> None:
        self._book: Final = book
        self._owners: Final = owners
        self._rules: Final = rules
        self._fold: Final = fold

    def of_span(self, span: Span, *, key_tenant: str = "") -> Sequence[Line]:
        """Return the lines of a span that is no model call: none, one, or one a rule.

        Args:
            span: A span or log record.
            key_tenant: The tenant that the sender's key proves, or `''`.
        """
        if is_cost(span):
            owner = self.owner(span, key_tenant)
            return (self.line(read_cost(span), span, owner, _identity(span)),)
        found = [
            (claim, ("rule", claim.rule, *_identity(span))) for claim in self._rules.claims(span)
        ]
        if not found:
            return ()
        owner = self.owner(span, key_tenant)
        return tuple(self.line(claim, span, owner, identity) for claim, identity in found)

    def owner(self, span: Span, key_tenant: str = "") -> Owner:
        """Return who owns a cost."""
        return owner_of(span, rules=self._owners, key_tenant=key_tenant)

    def content(self, span: Span, key_tenant: str = "") -> str:
        """Return the hash of what a span named `costattr.cost` says."""
        return content_of(read_cost(span), self.owner(span, key_tenant))

    def line(self, claim: CostClaim, span: Span, owner: Owner, identity: tuple[str, ...]) -> Line:
        """Return the ledger line of a claim.

        Args:
            claim: What it says.
            span: Where it came from.
            owner: Who owns it.
            identity: What it is: the same identity always gives the same line id.
        """
        found = self._price(claim)
        price, amount = found.price, found.price.total_usd
        if amount is not None and pico(amount) is None:
            price, amount = Price(status="unpriced", reasons=("bad_amount",)), None
        return ledger.line_of_cost(
            CostLine(
                entry="cost",
                identity=identity,
                event_ns=claim.at_ns,
                amount_usd=amount,
                owner=self._fold(owner, claim.at_ns),
                cost=Cost(
                    type=claim.type,
                    source=claim.source,
                    metric=claim.metric,
                    quantity=None if claim.quantity is None else pico(claim.quantity),
                    description=claim.description,
                    pool=claim.pool,
                    rate=""
                    if found.rate_usd is None
                    else f"{decimal_text(found.rate_usd)}/{found.per}",
                ),
                status="unpriced" if amount is None else "priced",
                reasons=price.reasons,
                source_key=identity[1] if identity[0] == "key" else "",
                provider=claim.source,
                price=price,
                span=span,
                provenance={CONTENT: content_of(claim, owner)},
            )
        )

    def _price(self, claim: CostClaim) -> MetricPrice:
        if claim.reasons:
            return MetricPrice(price=Price(status="unpriced", reasons=claim.reasons))
        if claim.amount_usd is not None:
            return MetricPrice(price=_posted(claim.amount_usd, "as posted"))
        quantity = claim.quantity or Decimal(0)
        if claim.rate_usd is not None:
            amount = amount_of(quantity, claim.rate_usd, claim.per)
            price = _posted(amount, f"rule {claim.rule}")
            return MetricPrice(price=price, rate_usd=claim.rate_usd, per=claim.per)
        return price_metric(
            source=claim.source,
            metric=claim.metric,
            quantity=quantity,
            at_ns=claim.at_ns,
            book=self._book,
        )


def content_of(claim: CostClaim, owner: Owner) -> str:
    """Return the hash of a claim and its owner."""
    return claim.content(owner_attributes(owner) if owner is not NOBODY else {})


def key_identity(key: str) -> tuple[str, ...]:
    """Return the identity of a cost that has an id, told by its key."""
    return ("key", key)


def _posted(amount_usd: Decimal, rule: str) -> Price:
    return Price(status="priced", total_usd=amount_usd, list_usd=amount_usd, rule=rule)


def _identity(span: Span) -> tuple[str, ...]:
    key = span.attributes.get(KEY)
    if isinstance(key, str):
        return key_identity(key)
    if span.span_id and span.signal == "span":
        return ("span", span.ref)
    told = sorted((name, repr(value)) for name, value in span.attributes.items())
    return (span.signal, span.ref, str(span.start_ns), repr(told))
