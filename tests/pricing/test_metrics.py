"""Quantities of what is no model."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tariff import BOOK, ns

from otel_costattr.errors import BadPriceBook
from otel_costattr.pricing import PriceBook, price_metric, read_overlay

VOICE = """
[[metric]]
source = "ElevenLabs"
metric = "Characters"
rate = "0.18"
per = 1000
to = "2026-07-01"

[[metric]]
source = "elevenlabs"
metric = "characters"
rate = "0.00009"
from = "2026-07-01"
"""


def under(text: str) -> PriceBook:
    """Lay rates over a book."""
    return BOOK.with_overlay(read_overlay(text, source="metrics.toml"))


@pytest.mark.parametrize(
    ("moment", "total", "entry"),
    [
        ("2026-06-30T23:59:59", "0.216", "elevenlabs/characters"),
        ("2026-07-01T00:00:00", "0.108", "elevenlabs/characters@2026-07-01"),
    ],
)
def test_a_quantity_costs_the_rate_of_its_day(moment: str, total: str, entry: str) -> None:
    """1,200 characters: 1200 x 0.18 / 1000, then 1200 x 0.00009."""
    book = under(VOICE)
    found = price_metric(
        source="elevenlabs",
        metric="characters",
        quantity=Decimal(1200),
        at_ns=ns(moment),
        book=book,
    )

    assert (found.price.status, found.price.total_usd) == ("priced", Decimal(total))
    assert (found.price.entry, found.price.book) == (entry, book.version)


@pytest.mark.parametrize(
    ("metric", "reason"), [("minutes", "unknown_metric"), ("old", "no_price_at_time")]
)
def test_without_a_rate_there_is_a_reason_and_no_zero(metric: str, reason: str) -> None:
    """A metric that the book does not know, or not at this time."""
    book = under('[[metric]]\nsource="a"\nmetric="old"\nrate=1\nto="2020-01-01"\n')
    found = price_metric(
        source="a", metric=metric, quantity=Decimal(1), at_ns=ns("2026-01-01T00:00:00"), book=book
    )

    assert (found.price.status, found.price.reasons) == ("unpriced", (reason,))
    assert found.price.total_usd is None


def test_a_rate_in_another_currency_is_changed_exactly() -> None:
    """2 EUR at 1.08 are 2.16 USD, and a later overlay wins."""
    rate = '[[metric]]\nsource="gpu"\nmetric="hours"\nrate=2\n'
    euros = read_overlay(f'currency="EUR"\nusd_per_unit="1.08"\n{rate}', source="euro.toml")
    book = under(rate).with_overlay(euros)
    found = price_metric(source="gpu", metric="hours", quantity=Decimal("1.5"), at_ns=1, book=book)

    assert found.price.total_usd == Decimal("3.24")
    assert found.price.rule == "metric; euro.toml"


@pytest.mark.parametrize(
    "text",
    [
        '[[metric]]\nsource="a"\nmetric="b"\nrate=1\n' * 2,
        '[[metric]]\nsource="a"\nmetric="b"\n',
        '[[metric]]\nsource="a"\nmetric="b"\nrate=-1\n',
        '[[metric]]\nsource="a"\nmetric="b"\nrate=1\nper=0\n',
        '[[metric]]\nsource=" "\nmetric="b"\nrate=1\n',
        VOICE.replace("2026-07-01", "2026-08-01", 1),
    ],
)
def test_rates_that_cannot_be_true_are_refused(text: str) -> None:
    """No rate, a negative one, no name, or two for one time."""
    with pytest.raises(BadPriceBook):
        under(text)
