"""One line before it is laid out in columns: who, what, how many and how much."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from otel_costattr.model import Assessment, ModelCall, Price, Span, Unit
from otel_costattr.pricing.exact import plain
from otel_costattr_collector.ledger.money import Amounts

MAX_TIME_NS: Final = 2**63 - 1


class Cost(NamedTuple):
    """What a line says of a cost that is no model call; empty for calls.

    Attributes:
        type: Kind of cost, such as `compute` or `api_usage`.
        source: Who charges it, such as `elevenlabs`.
        metric: What is counted, such as `characters`.
        quantity: How much of the metric; None where nothing is counted.
        description: What it was for, in words.
        pool: Name of the shared cost that it belongs to, or `''` for a direct one.
        rate: USD and how much of the metric they buy, such as `0.00018/1`, or `''`.
    """

    type: str = ""
    source: str = ""
    metric: str = ""
    quantity: Decimal | None = None
    description: str = ""
    pool: str = ""
    rate: str = ""


NO_COST: Final = Cost()


class Draft(NamedTuple):
    """Everything that the columns of one line are taken from.

    Attributes:
        assessment: The verdict on the span.
        span: Its span.
        call: Its call.
        price: The price of this line; an empty one where there is none.
        amounts: The money.
        line_id: 24 hex digits.
        call_key: 24 hex digits.
        source_key: How something that is no span arrived, or `''`.
        status: The status of this line.
        reasons: The reasons of this line.
        response_model: The model of this line as the response spells it.
        calls: 1 on the line that counts the call.
        usage_calls: 1 if it does and its counts are known.
        counts: Leaf unit to count.
        reported_usd: What the emitter claims; on the first line only.
        entry: What is booked: call, cost, an amendment (see `entries`), allocation or true_up.
        amends: Line that an amendment is about, or `''`.
        cause: Why an amendment was made, or `''`.
        lines: 1, and -1 for a reversal.
        cost: What is said of a cost that is no model call.
        run_id: The run that booked it, such as an allocation or a repricing, or `''`.
    """

    assessment: Assessment
    span: Span
    call: ModelCall
    price: Price
    amounts: Amounts
    line_id: str
    call_key: str
    source_key: str
    status: str
    reasons: tuple[str, ...]
    response_model: str
    calls: int
    usage_calls: int
    counts: Mapping[Unit, int]
    reported_usd: Decimal | None
    entry: str = "call"
    amends: str = ""
    cause: str = ""
    lines: int = 1
    cost: Cost = NO_COST
    run_id: str = ""

    @property
    def event_ns(self) -> int:
        """When the call started, moved into what the engine can hold."""
        return min(max(self.span.start_ns, 0), MAX_TIME_NS)

    @property
    def duration_ns(self) -> int | None:
        """How long it took; None where nobody measured it."""
        span = self.span
        if self.entry != "call":
            return None
        duration = span.end_ns - span.start_ns
        if duration == 0 and span.signal != "span":
            return None
        return duration if 0 <= duration <= MAX_TIME_NS else None

    @property
    def service_name(self) -> str:
        """The service that made the call, or `''`."""
        name = self.span.resource.get("service.name")
        return name if isinstance(name, str) else ""

    @property
    def provider(self) -> str:
        """The provider as the book names it, else as the span does."""
        return self.price.provider or self.call.provider

    @property
    def model(self) -> str:
        """The model as the book names it, else as the response or the request does."""
        return self.price.model or self.response_model or self.call.request_model

    @property
    def reason(self) -> str:
        """The most important reason, or `''`."""
        return self.reasons[0] if self.reasons else ""

    @property
    def least_usd(self) -> Decimal | None:
        """Least that an unpriced call can have cost."""
        return None if self.price.bounds_usd is None else self.price.bounds_usd[0]

    @property
    def most_usd(self) -> Decimal | None:
        """Most that an unpriced call can have cost."""
        return None if self.price.bounds_usd is None else self.price.bounds_usd[1]

    @property
    def rates(self) -> Mapping[str, str]:
        """Unit to the rate that was applied, `USD/units`."""
        if self.cost.rate:
            return {self.cost.metric: self.cost.rate}
        return rates_of(self.price)


def rates_of(price: Price) -> Mapping[str, str]:
    """Write the rates that a price applied: unit to `USD/units`."""
    return {line.unit: _rate(line.rate_usd, line.per) for line in price.lines}


_MAX_RATES: Final = 4096
_rates: Final[dict[int, tuple[Decimal, dict[int, str]]]] = {}
"""By identity, since hashing a decimal takes longer than writing a short one."""


def _rate(rate_usd: Decimal, per: int) -> str:
    known = _rates.get(id(rate_usd))
    if known is None or known[0] is not rate_usd:
        if len(_rates) >= _MAX_RATES:
            _rates.clear()
        known = _rates[id(rate_usd)] = (rate_usd, {})
    text = known[1].get(per)
    if text is None:
        text = known[1][per] = f"{plain(rate_usd)}/{per}"
    return text
