"""Span in, counted, priced and owned call out."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from decimal import Decimal

import pytest

from otel_costattr.assess import QuickAssessment, assess, assess_all, attributes_of
from otel_costattr.model import NOBODY, Assessment, Attributes, ModelCall, Owner, Span
from otel_costattr.pricing import PriceBook, shipped_book
from otel_costattr.testing import chat_span

# gpt-4o-mini: 0.15 USD for a million tokens in, 0.60 out; 1000 and 200 of them.
TOTAL_USD = Decimal("0.15") * 1000 / 10**6 + Decimal("0.60") * 200 / 10**6


@pytest.fixture(scope="module")
def book() -> PriceBook:
    """The shipped price book."""
    return shipped_book()


def test_a_call_is_counted_priced_and_owned(book: PriceBook) -> None:
    """One span gives a status, a total and an owner."""
    found = assess(chat_span({"costattr.tenant": "acme"}), book=book)

    assert found is not None
    assert found.status == "priced"
    assert found.total_usd == TOTAL_USD
    assert found.owner.values["tenant"] == "acme"
    assert found.provenance["input"] == "gen_ai.usage.input_tokens"


def test_the_key_and_the_context_own_before_the_span(book: PriceBook) -> None:
    """The tenant of a key overrides a claim; what the context says fills the rest."""
    found = assess(
        chat_span({"costattr.tenant": "claimed"}),
        book=book,
        captured=Owner(values={"feature": "chat"}, sources={"feature": "local"}),
        key_tenant="proved",
    )

    assert found is not None
    assert {**found.owner.values} == {"tenant": "proved", "feature": "chat"}


def test_a_span_that_is_no_call_is_nothing(book: PriceBook) -> None:
    """Other spans are left alone."""
    assert assess(Span(trace_id="a", span_id="b", name="GET /"), book=book) is None


def test_two_spans_of_one_response_are_one_call(book: PriceBook) -> None:
    """A wrapper and the SDK name the same response: one cost, one duplicate."""
    outer = chat_span(number=1)
    inner = chat_span(
        {"gen_ai.response.id": "chatcmpl-000001", "gen_ai.usage.cache_read.input_tokens": 0},
        number=2,
        scope_name="com.example.sdk",
    )

    first, second = assess_all((outer, inner), book=book)

    assert (first.status, second.status) == ("duplicate_of", "priced")
    assert first.duplicate_of == f"{inner.trace_id}:{inner.span_id}"
    assert first.dedupe_rule == "response_id"
    assert first.total_usd is None
    assert second.total_usd == TOTAL_USD


def test_an_owner_that_only_the_copy_names_is_taken_over(book: PriceBook) -> None:
    """The framework's span knows the session, the SDK's span counts."""
    outer = chat_span({"session.id": "s-1"}, number=1)
    inner = chat_span(
        {"gen_ai.response.id": "chatcmpl-000001", "gen_ai.usage.cache_read.input_tokens": 0},
        number=2,
    )

    _, counted = assess_all((outer, inner), book=book)

    assert counted.owner.values["session"] == "s-1"


def test_attributes_carry_the_exact_total(book: PriceBook) -> None:
    """The double is for dashboards, the decimal string for accounts."""
    found = assess(chat_span({"costattr.tenant": "acme"}), book=book)

    assert found is not None
    attributes = attributes_of(found)
    assert attributes["costattr.tenant"] == "acme"
    assert attributes["costattr.cost.status"] == "priced"
    assert Decimal(str(attributes["costattr.cost.exact_usd"])) == TOTAL_USD
    assert attributes["costattr.cost.total_usd"] == float(TOTAL_USD)
    assert attributes["costattr.price.book"] == book.version
    assert "costattr.cost.reason" not in attributes


def test_attributes_of_an_unpriced_call_name_the_reason(book: PriceBook) -> None:
    """Unknown is no zero: no cost attribute at all."""
    found = assess(chat_span({"gen_ai.usage.input_tokens": -1}), book=book)

    assert found is not None
    attributes = attributes_of(found)
    assert attributes["costattr.cost.status"] == "unpriced"
    assert attributes["costattr.cost.reason"] == "bad_usage"
    assert "costattr.cost.total_usd" not in attributes


def test_fetching_pages_costs_only_its_tokens(book: PriceBook) -> None:
    """A use without a fee leaves the call priced."""
    found = assess(chat_span({"gen_ai.usage.details.web_fetch_requests": 3}), book=book)

    assert found is not None
    assert found.total_usd == TOTAL_USD


def test_a_response_of_two_models_is_as_certain_as_the_worse(book: PriceBook) -> None:
    """One model unknown: the call has no total."""
    raw = (
        '{"input_tokens":1000,"output_tokens":200,"iterations":['
        '{"input_tokens":1000,"output_tokens":200},'
        '{"model":"nobody-knows-it","input_tokens":5,"output_tokens":5}]}'
    )
    found = assess(chat_span({"gen_ai.usage.raw": raw}, scope_name="logfire.openai"), book=book)

    assert found is not None
    assert len(found.prices) == 2
    assert (found.status, found.total_usd) == ("unpriced", None)


def test_tags_of_a_copy_are_taken_over(book: PriceBook) -> None:
    """What only the framework tags belongs to the call."""
    outer = chat_span({"costattr.tag.campaign": "spring"}, number=1)
    inner = chat_span(
        {"gen_ai.response.id": "chatcmpl-000001", "gen_ai.usage.cache_read.input_tokens": 0},
        number=2,
    )

    first, counted = assess_all((outer, inner), book=book)

    assert counted.owner.tags["campaign"] == "spring"
    assert attributes_of(first)["costattr.cost.duplicate_of"] == f"{inner.trace_id}:{inner.span_id}"


def test_a_copy_lends_only_what_is_missing(book: PriceBook) -> None:
    """The call that counts keeps its own tag and takes the one that only its copy has."""
    same: Attributes = {"gen_ai.response.id": "chatcmpl-000001", "costattr.tag.shop": "own"}
    cached: Attributes = {**same, "gen_ai.usage.cache_read.input_tokens": 0}
    copy = chat_span(
        {**same, "costattr.tag.shop": "lent", "costattr.tag.lane": "left"},
        number=2,
        scope_name="framework",
    )

    counted, _ = assess_all([chat_span(cached), copy], book=book)

    assert counted.owner.tags == {"shop": "own", "lane": "left"}


def test_a_quick_assessment_is_the_record() -> None:
    """Nothing tells an assessment that was made quickly from one made by its class."""
    span, call = chat_span(), ModelCall()
    quick: object = QuickAssessment(
        span, call, (), NOBODY, "priced", ("aborted",), "time", {"input": "x"}
    )

    assert quick == Assessment(
        span=span,
        call=call,
        prices=(),
        owner=NOBODY,
        status="priced",
        reasons=("aborted",),
        dedupe_rule="time",
        provenance={"input": "x"},
    )
    with pytest.raises(FrozenInstanceError):
        quick.status = "unpriced"  # type: ignore[misc]
