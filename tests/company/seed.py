"""June 2026 of a company: who called what when, and what its providers charge for it.

Everything is drawn from the number of a call, so the same month comes out each time. The figures
that tests expect are worked out from this file alone (`plainly.py`): its rates are typed here, and
handed to the product as contracts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

FIRST: Final = date(2026, 6, 1)
LAST: Final = date(2026, 6, 30)
CUT: Final = date(2026, 6, 16)
"""From this day on gpt-4o-mini costs less; the collector learns of it in July."""

FREE: Final = tuple(f"free{n:02}" for n in range(1, 17))
PRO: Final = tuple(f"pro{n:02}" for n in range(1, 15))
SCALE: Final = tuple(f"scale{n:02}" for n in range(1, 11))
TENANTS: Final = (*FREE, *PRO, *SCALE)
PLAN: Final = {
    **dict.fromkeys(FREE, "free"),
    **dict.fromkeys(PRO, "pro"),
    **dict.fromkeys(SCALE, "scale"),
}
_CALLS: Final = {"free": 12, "pro": 30, "scale": 60}
LATE: Final = "pro03"
"""Its mails were sent by a service that did not say for whom; a file told in July."""

MINI, GPT, CLAUDE, NEXT = "gpt-4o-mini", "gpt-4o", "claude-sonnet-4-5", "house-next"
PROVIDER: Final = {MINI: "openai", GPT: "openai", CLAUDE: "anthropic", NEXT: "house"}

Rates = tuple[str, str, str]
"""USD per million tokens: sent, read from the cache, produced."""

BEFORE: Final[dict[str, Rates]] = {
    MINI: ("0.20", "0.10", "0.80"),
    GPT: ("2.25", "1.125", "9.00"),
    CLAUDE: ("3.00", "0.30", "15.00"),
}
HOUSE: Final[dict[str, Rates]] = {
    "house-small": ("1.00", "1.00", "3.00"),
    "house-large": ("4.00", "4.00", "16.00"),
}
"""Models of our own; house-next is in no contract: between these it costs nobody knows what."""

CHEAPER: Final[Rates] = ("0.12", "0.06", "0.48")
LIST: Final[Rates] = ("2.50", "1.25", "10.00")
"""Of gpt-4o, as published; the contract takes a tenth off."""

_RATES: Final = '[[rates]]\nprovider = "{}"\nmodel = "{}"\n{}rates = {{{}}}\n'


def _table(model: str, rates: Rates, days: str = "") -> str:
    units = zip(("input", "cache_read", "output"), rates, strict=True)
    return _RATES.format(PROVIDER[model], model, days, ", ".join(f"{u} = {r}" for u, r in units))


_OTHERS: Final = _table(CLAUDE, BEFORE[CLAUDE]) + (
    '[[discount]]\nprovider = "openai"\nmodel = "gpt-4o"\npercent = 10\n'
)
_OWN: Final = "".join(
    f'[[model]]\nprovider = "house"\nmodel = "{model}"\n'
    f"rates = {{input = {sent}, output = {produced}}}\n"
    for model, (sent, _, produced) in HOUSE.items()
)
CONTRACT: Final = _OWN + _OTHERS + _table(MINI, BEFORE[MINI])
"""What the collector runs with."""

NEW_CONTRACT: Final = (
    _OTHERS
    + _table(MINI, BEFORE[MINI], f'to = "{CUT}"\n')
    + _table(MINI, CHEAPER, f'from = "{CUT}"\n')
)
"""What it should have run with: the same until the cut, dated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One model call.

    Attributes:
        number: Its number.
        tenant: Whose it is; `''` if nobody ever learns.
        told: Whether its span says so.
        feature: What it is for.
        version: Version of the prompt.
        model: Who answered.
        at: When, UTC.
        sent: Tokens sent, those from the cache included.
        cached: Tokens read from the cache.
        produced: Tokens produced.
        counted: Whether its span has counts; a stream that was cut off has none.
        shared: Whether two thirds of it serve `chat` and one third `search`.
        twice: Whether another library tells of it as well: at once, late, or not at all.
    """

    number: int
    tenant: str
    told: bool
    feature: str
    version: str
    model: str
    at: datetime
    sent: int
    cached: int
    produced: int
    counted: bool
    shared: bool
    twice: str

    @property
    def priced(self) -> bool:
        """Whether the ledger can know a price of it."""
        return self.counted and self.model != NEXT

    @property
    def plan(self) -> str:
        """The plan of its tenant."""
        return PLAN.get(self.tenant, "")

    @property
    def session(self) -> str:
        """What the mailing service named, and the file names later."""
        return f"mail-{self.number % 3}" if not self.told and self.tenant else ""

    @property
    def day(self) -> date:
        """Day of it, UTC."""
        return self.at.date()


def _draw(number: int, salt: int, below: int) -> int:
    return ((number * 2_654_435_761 + salt * 40_503 * (number % 97 + 1)) % 2**32 >> 7) % below


def _calls() -> Iterator[Call]:
    number = 0
    for tenant in TENANTS:
        for place in range(_CALLS[PLAN[tenant]]):
            number += 1
            yield _call(number, tenant, told=tenant != LATE or place % 2 == 0)
    for _ in range(4):
        number += 1
        yield _call(number, "", told=False)


def _call(number: int, tenant: str, *, told: bool) -> Call:
    minute = timedelta(minutes=_draw(number, 1, 30 * 24 * 60))
    at = datetime(2026, 6, 1, tzinfo=UTC) + minute
    model = NEXT if number % 120 == 11 else (MINI, MINI, GPT, CLAUDE)[_draw(number, 2, 4)]
    feature = ("chat", "search", "mail")[_draw(number, 3, 3)] if told else "mail"
    sent, produced = 400 + _draw(number, 4, 3000), 50 + _draw(number, 5, 900)
    cached = _draw(number, 6, 3) * (sent // 4) if model in {MINI, GPT} else 0
    if model == MINI and at.day == ALIKE.day:
        sent, cached, produced = 1000, 0, 200
    return Call(
        number=number,
        tenant=tenant,
        told=told,
        feature=feature,
        version="v1" if at.day < 10 else "v2",
        model=model,
        at=at,
        sent=sent,
        cached=cached,
        produced=produced,
        counted=not (model == MINI and at.day == STREAMS.day),
        shared=feature == "chat" and number % 9 == 0,
        twice={0: "at once", 7: "late"}.get(number % 14, ""),
    )


# --- what is planted in the bill of openai -----------------------------------------------------
STREAMS: Final = date(2026, 6, 7)
"""Streams of gpt-4o-mini on this day were cut off before their counts came: unpriced."""

AT_LIST: Final = frozenset({date(2026, 6, 3), date(2026, 6, 4)})
"""On these days the bill forgets the contract for gpt-4o: discount."""

UNSEEN: Final = (date(2026, 6, 12), "o3-mini", Decimal("3.2100"))
"""A job without telemetry: a model that the ledger never saw."""

ALIKE: Final = date(2026, 6, 20)
LOST: Final = 5
"""Calls of gpt-4o-mini on that day without telemetry, each 1,000 tokens in and 200 out."""

TAX: Final = Decimal("7.7700")
CREDIT: Final = Decimal("-2.5000")
PLACES: Final = Decimal("0.0001")
"""The bill is rounded to this, line by line."""

BEHIND: Final = timedelta(hours=7)
"""The days of anthropic's report begin so much later than those of UTC."""

CALLS: Final = tuple(_calls())

# --- what is shared, and what is earned --------------------------------------------------------
GPU: Final = {
    FIRST + timedelta(days=day): Decimal("11.10") + day * Decimal("0.07") for day in range(30)
}
VECTORS: Final = Decimal("100.00")
SUPPORT: Final = Decimal("64.01")
"""Shared costs of the month: GPU nodes by day, a vector database, and tools of the support team."""

RULES: Final = """
name = "june"
unite = ["session"]

[[rule]]
name = "gpu to plans"
pool = "gpu"
target = "plan"
basis = "tokens"

[[rule]]
name = "gpu of pro"
pool = "gpu"
where = ["plan=pro"]
target = "tenant"
basis = "tokens"
among = ["plan=pro"]

[[rule]]
name = "gpu of scale"
pool = "gpu"
where = ["plan=scale"]
target = "tenant"
basis = "calls"
among = ["plan=scale"]

[[rule]]
name = "vectors"
pool = "vectors"
target = "tenant"
basis = "revenue"

[[rule]]
name = "support"
pool = "support"
target = "tenant"
basis = "even"
among = ["plan!=free"]

[[rule]]
name = "free plans"
where = ["plan=free"]
target = "tenant"
value = "free_users"
"""

EUR: Final = Decimal("1.0850")
UNPAID: Final = "scale10"
"""A customer whose revenue nobody posted."""

QUARTERLY: Final = "scale09"
"""Pays 910 USD for the 91 days of April to June, so 300 for June."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """One row of the export of revenue: id, customer, period, plan, amount and currency."""

    id: str
    customer: str
    period: str
    plan: str
    amount: Decimal
    currency: str


def _paid() -> Iterator[Paid]:
    month = "2026-06"
    for name in PRO:
        yield Paid(
            id=f"p-{name}",
            customer=name,
            period=month,
            plan="pro",
            amount=Decimal("49.00"),
            currency="EUR",
        )
    for place, name in enumerate(SCALE):
        if name == UNPAID:
            continue
        quarter = name == QUARTERLY
        yield Paid(
            id=f"s-{name}",
            customer=name,
            period="2026-04-01/2026-06-30" if quarter else month,
            plan="scale",
            amount=Decimal(910) if quarter else Decimal(200) + 25 * place,
            currency="USD",
        )
    yield Paid(
        id="refund",
        customer=SCALE[0],
        period=month,
        plan="scale",
        amount=Decimal(-195),
        currency="USD",
    )


PAID: Final = tuple(_paid())
SOLVED: Final = {"scale01": 4, "scale02": 7, "pro01": 3}
"""Outcomes that were wanted, by customer."""

PLANS: Final = """
issuer = "Example Inc."
round = 0.01
gates = ["unknown_model", "unpriced", "tenant"]
cost = "fully_loaded"

[[plans.pro.charge]]
name = "Platform"
kind = "fee"
usd = 49.00

[[plans.pro.charge]]
name = "Usage"
kind = "margin"
margin = 0.30
by = ["feature"]

[[plans.pro.charge]]
name = "Calls beyond 25"
kind = "allowance"
unit = "calls"
included = 25
usd = 0.05

[[plans.scale.charge]]
name = "Tokens, by the thousand"
kind = "tiered"
unit = "tokens"
per = 1000
tiers = [{ up_to = 100, usd = 0.80 }, { usd = 0.50 }]
"""
