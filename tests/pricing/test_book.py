"""Reading a book, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tariff import tariff

from otel_costattr.errors import BadPriceBook
from otel_costattr.pricing import read_book, shipped_book
from otel_costattr.pricing.book import check


def book_of(prices: Any, **models: Any) -> str:
    """Write the text of a book with one model, and others."""
    table = {"m": {"names": ["m"], "prices": prices}, **models}
    return json.dumps({"header": {}, "providers": {"acme": {"models": table}}})


@pytest.mark.parametrize(
    ("prices", "message"),
    [
        ([{"rates": {"input": -1}}], "acme/m: input is -1; a rate is a finite number, 0 or more"),
        ([{"rates": {"input": "x"}}], "acme/m: input is 'x'; write the rate as a decimal number"),
        ([{"rates": {"input": True}}], "acme/m: input is True; write the rate as a decimal number"),
        ([{"rates": {"input": "NaN"}}], "acme/m: input is 'NaN'; a rate is a finite number, 0 or more"),
        (
            [{"rates": {"input": 2_000_000}}],
            "acme/m: input is 2000000; above 1000000 USD the unit must be wrong",
        ),
        (
            [{"rates": {"input": 0.001, "output": 10}}],
            "acme/m: output is 10 and input is 0.001, more than 1000 times apart; rates of tokens are",
        ),
        (
            [{"to": "2026-01-01", "rates": {"input": 0.001}}, {"from": "2026-01-01", "rates": {"input": 5}}],
            "acme/m@2026-01-01: input is 5 after 0.001, more than 1000 times apart; is the unit right?",
        ),
        ([{"rates": {"inputs": 1}}], "acme/m: rates: unknown key 'inputs'; known are input, "),
        ([{"rates": {"input": 1}, "form": 1}], "acme/m: unknown key 'form'; known are from, to, "),
        ([{"rates": {"input": {"bse": 1}}}], "acme/m: input: unknown key 'bse'; known are base, over, from"),
        ([{"rates": {"input": {"base": 1, "over": [[-5, 2]]}}}], "acme/m: input: -5 is negative"),
        ([{"rates": {"input": {"base": 1, "over": [[1.5, 2]]}}}], "acme/m: input: Decimal('1.5') is no"),
        ([{"rates": 7}], "acme/m: rates is 7; give a table"),
        ([{}], "acme/m: rates is None; give a table"),
        ([], "acme/m: prices is []; give a list with at least one price"),
        (
            [{"rates": {}}, {"from": "2026-01-01", "rates": {}}],
            "acme/m@2026-01-01: overlaps acme/m; end the earlier price where this one starts",
        ),
        (
            [{"from": "2026-01-01", "to": "2026-03-01", "rates": {}}, {"from": "2026-02-01", "rates": {}}],
            "acme/m@2026-02-01: overlaps acme/m@2026-01-01",
        ),
        (
            [{"from": "2026-03-01", "to": "2026-01-01", "rates": {}}],
            "acme/m@2026-03-01: to is '2026-01-01', which is not after from",
        ),
        ([{"from": "soon", "rates": {}}], "acme/m@soon: from is 'soon'; write a day as 2026-08-21"),
        ([{"rates": {}, "variants": 3}], "acme/m: variants is 3; give a list"),
        ([{"rates": {}, "variants": [{"rates": {}}]}], "acme/m: when is None; name a tier, a speed or"),
        (
            [{"rates": {}, "windows": [{"from": "25:00", "to": "1:00", "rates": {}}]}],
            "acme/m: window '25:00'; write hours and minutes UTC as 16:30",
        ),
        (
            [{"rates": {}, "windows": [{"from": "5:00", "to": "1:00", "rates": {}, "days": [8]}]}],
            "acme/m: days is [8]; weekdays are 1 for Monday to 7",
        ),
    ],
)  # fmt: skip
def test_a_book_that_cannot_be_true_is_refused(prices: Any, message: str) -> None:
    """Each refusal names the entry, the key and the value."""
    with pytest.raises(BadPriceBook) as refusal:
        read_book(book_of(prices))

    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "the price book is no JSON: "),
        ('{"headers": {}}', "price book: unknown key 'headers'; known are header, providers"),
        ('{"providers": {"acme": {"model": {}}}}', "acme: unknown key 'model'; known are models, "),
        (
            book_of([{"rates": {}}], n={"names": ["m"], "prices": [{"rates": {}}]}),
            "acme: both m and n claim the name 'm'",
        ),
        (
            '{"providers": {"acme": {"models": {"m": {"names": [], "cost": 1}}}}}',
            "acme/m: unknown key 'cost'",
        ),
    ],
)
def test_a_book_that_is_none_is_refused(text: str, message: str) -> None:
    """What is no book, or not a clear one, is refused as a whole."""
    with pytest.raises(BadPriceBook) as refusal:
        read_book(text)

    assert str(refusal.value).startswith(message)


def test_a_book_is_named_by_its_content() -> None:
    """The same text has the same version, a changed rate another one."""
    one, same, other = (read_book(book_of([{"rates": {"input": rate}}])) for rate in (1, 1, 2))

    assert one.version == same.version != other.version
    assert len(one.version) == 12


def test_the_shipped_book_is_sound() -> None:
    """Every entry that this release ships can be true."""
    check(shipped_book())


def test_the_shipped_book_is_read_once() -> None:
    """Asking twice gives the same object."""
    assert shipped_book() is shipped_book()


def test_the_shipped_book_covers_the_providers() -> None:
    """All providers of genai-prices are there, with their models."""
    book = shipped_book()

    assert len(book.providers()) >= 47
    assert sum(1 for _ in book.models()) >= 2_330


def test_an_unknown_model_has_no_entries() -> None:
    """A model or provider that nobody knows has no price at any time."""
    assert tariff().entries("acme", "nothing") == ()
    assert tariff().entries("nobody", "nothing") == ()
    assert not tariff().knows("nobody")
