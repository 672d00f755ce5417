"""Exports of billing systems: any column may be what, and a row that makes no sense is named."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from otel_costattr_collector.revenue.exports import Mapped, read_export, read_map, read_rates

from otel_costattr.errors import BadInput, BadSettings

STRIPE_MAP = """
amounts = "minor"
last_day = "excluded"
id_prefix = "stripe:"
only = { Status = ["paid"] }
customers = { cus_1 = "acme" }
plans = { price_9 = "pro" }

[columns]
id = "id"
customer = "Customer ID"
amount = "Amount"
currency = "Currency"
plan = "Price ID"
first_day = "Period Start (UTC)"
last_day = "Period End (UTC)"
"""
STRIPE = (
    "id,Customer ID,Amount,Currency,Price ID,Period Start (UTC),Period End (UTC),Status\n"
    "in_1,cus_1,4900,eur,price_9,2026-10-01 00:00,2026-11-01 00:00,paid\n"
    "in_2,cus_2,4900,jpy,price_8,2026-10-03 00:00,2026-10-03 00:00,paid\n"
    'in_3,cus_2,"1,500",bhd,price_8,2026-10-03 00:00,,paid\n'
    "in_4,cus_2,1500,usd,price_8,2026-10-03 00:00,,void\n"
)


def test_a_stripe_export_is_read_by_its_map(tmp_path: Path) -> None:
    """Cents, yen and fils, the day after the period, customers and plans by our names."""
    path = tmp_path / "stripe.toml"
    path.write_text(STRIPE_MAP)

    found = read_export(STRIPE, read_map(path))

    assert [(one.id, one.customer, one.plan, one.period, one.amount) for one in found] == [
        ("stripe:in_1", "acme", "pro", "2026-10-01/2026-10-31", Decimal("49.00")),
        ("stripe:in_2", "cus_2", "price_8", "2026-10-03/2026-10-03", Decimal(4900)),
        ("stripe:in_3", "cus_2", "price_8", "2026-10-03/2026-10-03", Decimal("1.5")),
    ]
    assert [one.currency for one in found] == ["EUR", "JPY", "BHD"]


def test_our_own_names_need_no_map() -> None:
    """A file with the fields of the API as headings; the byte order mark of Excel is no heading."""
    (found,) = read_export(
        "\ufeffid,customer,period,amount,currency,rate_day\n1,acme,2026-10,1000.50,EUR,2026-10-31\n"
    )

    assert (found.id, found.amount, str(found.rate_day)) == ("1", Decimal("1000.50"), "2026-10-31")


def test_a_single_moment_can_stand_for_its_month() -> None:
    """A charge of 5 October is revenue of October, if the map says so."""
    mapped = Mapped.model_validate({"columns": {"month_of": "created"}})
    (found,) = read_export("id,customer,created,amount\n1,acme,2026-10-05T10:00:00Z,3\n", mapped)

    assert (found.period, found.currency) == ("2026-10", "USD")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,customer,amount\n1,acme,3\n", "no column 'period'"),
        ("", "no column 'id', 'customer', 'amount', 'period': it has none"),
        ("id,customer,period,amount\n1,acme,2026-10,many\n", "line 2"),
        ("id,customer,period,amount\n1,,2026-10,3\n", "line 2: customer"),
        ('id,customer,period,amount\n1,acme,2026-10,"3\n', "line 1: unexpected end"),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str) -> None:
    """A missing column by its name, a broken row by its line."""
    with pytest.raises(BadInput, match=words):
        read_export(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[columns]\nprice = 'x'\n", "columns.price"),
        ("amounts = 'cents'", "amounts"),
        ("= 3", "map.toml"),
    ],
)
def test_a_map_with_unknown_words_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """A misspelt name must not be ignored."""
    path = tmp_path / "map.toml"
    path.write_text(text)

    with pytest.raises(BadSettings, match=words):
        read_map(path)


def test_rates_are_read_exactly_or_refused(tmp_path: Path) -> None:
    """1.085 in TOML is 1.085 and no float; a rate without a source is refused."""
    path = tmp_path / "rates.toml"
    path.write_text(
        "[[rates]]\ncurrency = 'EUR'\nfirst_day = 2026-10-01\nusd = 1.085\nsource = 'bank'\n"
    )
    (rate,) = read_rates(path).rates

    assert (rate.id, rate.last, rate.usd) == ("EUR:2026-10-01", rate.first_day, Decimal("1.085"))
    path.write_text("[[rates]]\ncurrency = 'EUR'\nfirst_day = 2026-10-01\nusd = 1.085\n")
    with pytest.raises(BadSettings, match=r"rates\.0\.source"):
        read_rates(path)
