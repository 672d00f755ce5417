"""What a quantity of something that is no model costs: characters, queries, GPU hours."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from otel_costattr.model import Price
from otel_costattr.pricing.exact import EXACT

if TYPE_CHECKING:
    from otel_costattr.pricing.book import PriceBook


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPrice:
    """The price of a quantity.

    Attributes:
        price: Status, reason, total in USD and the entry that matched.
        rate_usd: USD for `per` of the metric; None without a price.
        per: How much of the metric the rate buys.
    """

    price: Price
    rate_usd: Decimal | None = None
    per: int = 1


def price_metric(
    *, source: str, metric: str, quantity: Decimal, at_ns: int, book: PriceBook
) -> MetricPrice:
    """Price a quantity by the rate that is valid at an instant; never raises.

    Args:
        source: Who charges it, lower case.
        metric: What is counted, lower case.
        quantity: How much.
        at_ns: When it was used, nanoseconds UTC.
        book: The prices; rates of metrics come from its overlays.

    Returns:
        The exact price in USD, or `unpriced` with `unknown_metric` or `no_price_at_time`.
    """
    known = [
        rate for rate in book.contract.metrics if (rate.source, rate.metric) == (source, metric)
    ]
    valid = [rate for rate in known if rate.period.holds(at_ns)]
    if not valid:
        reason = "no_price_at_time" if known else "unknown_metric"
        return MetricPrice(
            price=Price(status="unpriced", reasons=(reason,), provider=source, book=book.version)
        )
    rate = valid[-1]
    total = amount_of(quantity, rate.rate_usd, rate.per)
    price = Price(
        status="priced",
        total_usd=total,
        list_usd=total,
        provider=source,
        entry=rate.entry,
        valid_from_ns=rate.period.from_ns,
        valid_to_ns=rate.period.to_ns,
        book=book.version,
        rule=f"metric; {rate.origin}",
    )
    return MetricPrice(price=price, rate_usd=rate.rate_usd, per=rate.per)


def amount_of(quantity: Decimal, rate_usd: Decimal, per: int) -> Decimal:
    """Return `quantity * rate_usd / per` in USD, to 120 digits."""
    return EXACT.divide(EXACT.multiply(quantity, rate_usd), Decimal(per))
