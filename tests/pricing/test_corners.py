"""Corners of matching, explaining, comparing and of our own facts."""

from __future__ import annotations

import json
from typing import Any

from tariff import BOOK, NOON_NS, called, ns, priced, tariff

from otel_costattr.model import ModelCall
from otel_costattr.pricing import price, read_book, read_overlay, shipped_book
from otel_costattr.pricing.changes import changes
from otel_costattr.pricing.describe import list_rows
from otel_costattr.pricing.explain import explain_price
from otel_costattr.pricing.facts import apply_facts
from otel_costattr.pricing.matching import spellings


def book_of(**providers: dict[str, Any]) -> Any:
    """Build a book of several providers: name to table of models and their prices."""
    table = {
        provider: {
            "models": {name: {"names": [name], "prices": prices} for name, prices in models.items()}
        }
        for provider, models in providers.items()
    }
    return read_book(json.dumps({"header": {}, "providers": table}))


def test_a_name_that_two_makers_sell_is_ambiguous() -> None:
    """Where nothing tells the provider, none is chosen, and those that were refused are named."""
    book = book_of(
        openai={"twin": [{"rates": {"input": 1}}]}, mistral={"twin": [{"rates": {"input": 9}}]}
    )
    call = called("twin", {"input": 5}, provider="langchain")

    found = price(call, at_ns=NOON_NS, book=book)[0]

    assert found.reasons == ("ambiguous_model",)
    assert found.total_usd is None
    text = explain_price(call, found, at_ns=NOON_NS, book=book)
    assert "refused: openai/twin has this name too" in text
    assert "refused: mistral/twin has this name too" in text


def test_a_host_that_bills_has_the_last_word() -> None:
    """A model that the host's provider does not sell has no price, whatever the span names."""
    call = called(
        "gpt-4o", {"input": 5}, provider="openai", server_address="https://api.groq.com:443"
    )

    found = price(call, at_ns=NOON_NS, book=shipped_book())[0]

    assert (found.provider, found.reasons) == ("groq", ("unknown_model",))


def test_a_prefix_of_another_provider_is_part_of_the_name() -> None:
    """A router's own names keep their prefix; at most three prefixes are taken off."""
    assert [name for name, _ in spellings("anthropic/claude", "openai")] == ["anthropic/claude"]
    names = [name for name, _ in spellings("openai/openai/openai/openai/x", "openai")]
    assert names[-1] == "openai/x"


def test_a_provider_of_a_prefix_that_has_no_such_model_leaves_it_to_the_maker() -> None:
    """`groq/` in front of a model that Groq does not sell leads nowhere."""
    found = price(
        called("groq/gpt-4o", {"input": 5}, provider=""), at_ns=NOON_NS, book=shipped_book()
    )

    assert found[0].reasons == ("unknown_provider",)


def test_counts_that_were_refused_are_the_reason() -> None:
    """A call whose counts made no sense is unpriced for that, not for having none."""
    call = ModelCall(provider="acme", response_model="plain", reasons=("bad_usage", "aborted"))

    found = price(call, at_ns=NOON_NS, book=BOOK)[0]

    assert found.reasons == ("bad_usage", "aborted")


def test_an_explanation_names_the_sources_of_single_rates_notes_and_other_periods() -> None:
    """Everything that was known when the price was made can be read."""
    book = tariff(
        noted=[
            {"to": "2026-01-01", "rates": {"input": 1}},
            {
                "from": "2026-01-01",
                "rates": {"input": 2, "output": 3},
                "sources": {"input": "page one", "output": "page two"},
                "note": "a note",
                "variants": [{"when": "eu", "factor": 1.1}],
            },
        ]
    )
    call = called("noted", {"input": 5})

    text = explain_price(call, priced("noted", {"input": 5}, book=book), at_ns=NOON_NS, book=book)

    assert "source of input: page one" in text
    assert "page two" not in text
    assert "note: a note" in text
    assert "not taken: acme/noted, valid since ever to 2026-01-01" in text
    assert "not taken: rates of eu" in text
    found = priced("noted", {"input": 5}, book=book, region="eu")
    european = called("noted", {"input": 5}, region="eu")
    assert "rates of eu (" not in explain_price(european, found, at_ns=NOON_NS, book=book)


def test_an_explanation_of_an_unnamed_model_is_short() -> None:
    """There is nothing to look up, so nothing was."""
    call = ModelCall(response_model="")

    text = explain_price(call, price(call, at_ns=NOON_NS, book=BOOK)[0], at_ns=NOON_NS, book=BOOK)

    assert text.splitlines()[0] == "no model of no provider, 2026-09-21 UTC: no price (unpriced)"


def test_a_comparison_shows_rates_that_come_and_go() -> None:
    """A rate that only one book has changes by no percentage."""
    before = tariff(plain=[{"rates": {"input": 2, "web_search": 0}}])
    after = tariff(plain=[{"rates": {"input": 2, "output": {"base": 3, "over": [[9, 6]]}}}])

    assert [change.text() for change in changes(before, after)] == [
        "acme/plain: output: none -> 3, 6 from 10",
        "acme/plain: web_search: 0 -> none",
    ]


def test_a_list_says_what_is_retired_or_not_sold_now() -> None:
    """The state is the one at the instant that was asked about."""
    table = {
        "old": {"names": ["old"], "prices": [{"rates": {"input": 1}}], "retired": True},
        "next": {"names": ["next"], "prices": [{"from": "2030-01-01", "rates": {"input": 1}}]},
        "now": {"names": ["now"], "prices": [{"rates": {"input": 1}}]},
    }
    book = read_book(json.dumps({"providers": {"acme": {"models": table}}}))

    rows = list(list_rows(book, at_ns=ns("2026-01-01T00:00:00"), provider=""))

    assert [(row[1], row[-1]) for row in rows[1:]] == [
        ("next", "not sold"),
        ("now", ""),
        ("old", "retired"),
    ]


def test_an_alias_names_a_model_that_its_provider_sells() -> None:
    """A dated or prefixed spelling behind an alias is resolved once, when the contract is laid."""
    contract = '[[alias]]\nprovider = "openai"\nname = "mine"\nmodel = "openai/gpt-4o-2024-08-06"\n'
    book = shipped_book().with_overlay(read_overlay(contract, source="c"))

    assert book.alias("openai", "mine") == ("openai", "gpt-4o")


FACT = {"provider": "acme", "source": "s", "checked": "d"}


def acme(*prices: dict[str, Any]) -> dict[str, Any]:
    """Build the raw book of one model `m`."""
    return {"acme": {"models": {"m": {"names": ["m"], "prices": list(prices)}}}}


def test_facts_leave_periods_alone_that_they_do_not_touch() -> None:
    """A rate, a first day or a variant of another period changes nothing."""
    book = acme({"from": "2020-01-01", "to": "2021-01-01", "rates": {"input": 1}})

    apply_facts(
        book,
        {
            "rates": [{**FACT, "model": "m", "from": "2022-01-01", "rates": {"input": 2}}],
            "since": [{**FACT, "days": {"m": "2019-01-01"}}],
            "variant": [{**FACT, "when": "batch", "from": "2022-01-01", "factor": 2}],
        },
    )

    assert book == acme({"from": "2020-01-01", "to": "2021-01-01", "rates": {"input": 1}})


def test_a_variant_that_a_period_knows_from_its_start_is_left_alone() -> None:
    """The package recorded it before the period began, so there is nothing to fill."""
    recorded = {"when": "batch", "from": "2026-10-14", "rates": {"input": 1}}
    price_ = {"from": "2026-12-01", "rates": {"input": 2}, "variants": [recorded]}
    book = acme(price_)

    apply_facts(
        book, {"variant": [{**FACT, "when": "batch", "from": "2024-01-01", "rates": {"input": 9}}]}
    )

    assert book["acme"]["models"]["m"]["prices"][0]["variants"] == [recorded]


def test_a_variant_of_our_own_may_name_rates_and_an_end() -> None:
    """Rates and a last day stand as they were written."""
    book = acme({"rates": {"input": 2}})

    apply_facts(
        book, {"variant": [{**FACT, "when": "eu", "to": "2026-01-01", "rates": {"input": 9}}]}
    )

    assert book["acme"]["models"]["m"]["prices"][0]["variants"] == [
        {"when": "eu", "to": "2026-01-01", "rates": {"input": 9}, "source": "s (d)"}
    ]


def test_a_variant_that_was_recorded_in_another_period_is_not_moved() -> None:
    """A period that ended before the day of recording keeps what it has."""
    variant = {"when": "batch", "from": "2025-06-01", "rates": {"input": 1}}
    book = acme({"to": "2026-01-01", "rates": {"input": 2}, "variants": [dict(variant)]})

    apply_facts(
        book,
        {
            "variant_since": [
                {**FACT, "when": "batch", "from": "2024-01-01", "recorded": "2026-10-14"}
            ]
        },
    )

    assert book["acme"]["models"]["m"]["prices"][0]["variants"] == [variant]


def test_a_measured_zero_moves_no_bound() -> None:
    """What was not used costs nothing, at any rate."""
    assert (
        priced("unheard-of", {"input": 10, "code_execution": 0}).bounds_usd
        == priced("unheard-of", {"input": 10}).bounds_usd
    )
