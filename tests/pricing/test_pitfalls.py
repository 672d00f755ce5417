"""Mistakes that cost trackers of model costs have made, each as a promise not to make it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tariff import BOOK, MILLION, NOON_NS, called, ns, priced, tariff, usd, used

from otel_costattr.model import Price
from otel_costattr.pricing import price, read_overlay, shipped_book


def shipped(provider: str, model: str, counts: dict[str, int], **fields: str) -> Price:
    """Price a call with the shipped book."""
    call = called(model, counts, provider=provider, **fields)
    return price(call, at_ns=ns("2026-11-20T12:00:00"), book=shipped_book())[0]


def test_01_the_same_call_in_every_spelling_costs_the_same() -> None:
    """Each name of provider and model that means one model gives one cost, cache included."""
    counts = {"input": 100, "cache_read": 400, "cache_write_5m": 500, "output": 200}
    totals = {
        shipped(provider, model, counts).total_usd
        for provider in ("anthropic", "Anthropic", "anthropic.messages", "langchain", "litellm")
        for model in (
            "claude-sonnet-4-5",
            "claude-sonnet-4-5-20250929",
            "anthropic/claude-sonnet-4-5",
        )
    }

    assert totals == {
        usd(
            "100 * 3 / 1000000", "400 * 0.3 / 1000000", "500 * 3.75 / 1000000", "200 * 15 / 1000000"
        )
    }


def test_04_a_cache_heavy_session_costs_what_its_buckets_cost() -> None:
    """2 million cached tokens, 20,000 written for an hour, 500 fresh, 3,000 out."""
    found = shipped(
        "anthropic",
        "claude-opus-4-5",
        {"input": 500, "cache_read": 2 * MILLION, "cache_write_1h": 20_000, "output": 3_000},
    )

    assert found.total_usd == usd(
        "500 * 5 / 1000000",
        "2000000 * 0.5 / 1000000",
        "20000 * 10 / 1000000",
        "3000 * 25 / 1000000",
    )


def test_05_no_token_is_charged_as_output_that_was_not_counted_as_output() -> None:
    """Cached tokens are lines of their own, at the rate of the cache."""
    found = shipped("openai", "gpt-4o", {"cache_read": 1_000})

    assert [(line.unit, line.rate_usd) for line in found.lines] == [("cache_read", Decimal("1.25"))]


@pytest.mark.parametrize("model", ["my-prod-4o", "my-prod-4o-eu"])
def test_11_a_deployment_is_priced_by_alias_and_by_response_model(model: str) -> None:
    """A customer's name for a deployment is no model; the response or the contract names it."""
    contract = f'[[alias]]\nprovider = "azure"\nname = "{model}"\nmodel = "gpt-4o"\n'
    book = shipped_book().with_overlay(read_overlay(contract, source="contract"))
    counts = {"input": MILLION}

    by_alias = called("", counts, provider="azure.ai.openai", request_model=model)
    by_response = called(
        "gpt-4o-2024-08-06", counts, provider="azure.ai.openai", request_model=model
    )

    assert price(by_alias, at_ns=NOON_NS, book=book)[0].total_usd == Decimal("2.5")
    assert price(by_response, at_ns=NOON_NS, book=shipped_book())[0].total_usd == Decimal("2.5")
    assert shipped("azure.ai.openai", model, counts).reasons == ("unknown_model",)


def test_12_an_opaque_inference_profile_is_unpriced_and_says_so() -> None:
    """A profile that names no model has no price; one that names it has that of its region."""
    arn = "arn:aws:bedrock:eu-west-1:1:{}"
    counts = {"input": MILLION}
    opaque = shipped("aws.bedrock", arn.format("application-inference-profile/x1"), counts)
    named = arn.format("inference-profile/eu.anthropic.claude-opus-4-5-20251101-v1:0")

    assert opaque.reasons == ("unknown_model",)
    assert opaque.bounds_usd is not None
    assert shipped("aws.bedrock", named, counts).total_usd == Decimal("5.5")


@pytest.mark.no_cover  # the same lines as other tests, many times over
@pytest.mark.parametrize("date", ["", "-2024-07-18"])
@pytest.mark.parametrize("prefix", ["", "openai/", "OpenAI/", "openai:"])
@pytest.mark.parametrize(
    "provider", ["openai", "OpenAI", "openai.chat", "litellm", "", "langchain"]
)
def test_13_a_matrix_of_spellings_is_one_model(provider: str, prefix: str, date: str) -> None:
    """48 ways to write one model lead to one entry."""
    found = shipped(provider, f"{prefix}gpt-4o-mini{date}", {"input": MILLION})

    assert found.total_usd == Decimal("0.15")


def test_14_gpt_4o_never_prices_gpt_4o_mini() -> None:
    """The long name has its own price, and a longer one has none."""
    assert shipped("openai", "gpt-4o", {"input": MILLION}).total_usd == Decimal("2.5")
    assert shipped("openai", "gpt-4o-mini", {"input": MILLION}).total_usd == Decimal("0.15")
    assert shipped("openai", "gpt-4o-mini-turbo", {"input": MILLION}).total_usd is None


def test_15_an_unknown_price_is_no_zero() -> None:
    """What nobody knows is missing, with its reason and its bounds."""
    found = shipped("openai", "gpt-99", {"input": MILLION})

    assert (found.status, found.total_usd, found.list_usd) == ("unpriced", None, None)
    assert found.bounds_usd is not None
    assert found.bounds_usd[1] > 0


def test_17_batch_cache_and_long_context_compose() -> None:
    """Above the threshold in batch: input 2, cached 0.2, output 7.5 for a million."""
    found = priced("full", {"input": 900, "cache_read": 200, "output": 10}, service_tier="batch")

    assert [line.rate_usd for line in found.lines] == [2, Decimal("0.2"), Decimal("7.5")]


def test_17_a_cached_token_in_batch_is_never_free() -> None:
    """A batch without a cache rate of its own keeps the standard one."""
    found = shipped("openai", "gpt-4o", {"cache_read": MILLION}, service_tier="batch")

    assert found.total_usd == Decimal("1.25")


@pytest.mark.parametrize(
    ("moment", "tokens", "rate"),
    [
        ("2026-03-12T23:59:59", 200_000, 5),
        ("2026-03-12T23:59:59", 200_001, 10),
        ("2026-03-13T00:00:00", 200_001, 5),
    ],
)
def test_18_a_long_context_tier_ends_on_its_day(moment: str, tokens: int, rate: int) -> None:
    """claude-opus-4-6 cost twice as much above 200,000 tokens until 13 March 2026."""
    call = called("claude-opus-4-6", {"input": tokens}, provider="anthropic")

    found = price(call, at_ns=ns(moment), book=shipped_book())[0]

    assert found.total_usd == Decimal(tokens) * rate / MILLION


def test_18_xai_counts_its_threshold_in() -> None:
    """200,000 tokens already cost the higher rate, 199,999 do not."""
    below, at = (
        shipped("x_ai", "grok-4.3", {"input": tokens}).lines[0].rate_usd
        for tokens in (199_999, 200_000)
    )

    assert (below, at) == (Decimal("1.25"), Decimal("2.5"))


def test_19_the_served_tier_is_billed() -> None:
    """Flex was asked for, the default tier served: no discount."""
    found = shipped(
        "openai", "o3", {"input": MILLION}, requested_service_tier="flex", service_tier="default"
    )

    assert found.total_usd == 2


def test_20_an_hour_of_cache_costs_more_than_five_minutes() -> None:
    """5 minute and 1 hour writes have their own rates; an unsplit count says what it assumes."""
    split = shipped("anthropic", "claude-opus-4-5", {"cache_write_5m": 300, "cache_write_1h": 200})
    unsplit = shipped("anthropic", "claude-opus-4-5", {"cache_write": 500})

    assert split.total_usd == usd("300 * 6.25 / 1000000", "200 * 10 / 1000000")
    assert unsplit.total_usd == usd("500 * 6.25 / 1000000")
    assert unsplit.reasons == ("cache_ttl_assumed",)


def test_21_tools_are_billed_by_use() -> None:
    """No search, no fee; two searches, two fees."""
    none = shipped("anthropic", "claude-opus-4-5", {"input": 10, "web_search": 0})
    two = shipped("anthropic", "claude-opus-4-5", {"input": 10, "web_search": 2})

    assert none.total_usd == usd("10 * 5 / 1000000")
    assert two.total_usd == usd("10 * 5 / 1000000", "2 * 10 / 1000")


def test_22_history_keeps_its_price() -> None:
    """The day before a cut costs the old rate, for ever; the day of it the new one."""
    before, after = (
        price(
            called("gpt-5.6-sol", {"input": 100}, provider="openai"),
            at_ns=ns(moment),
            book=shipped_book(),
        )[0]
        for moment in ("2026-08-20T23:59:59", "2026-08-21T00:00:00")
    )

    assert [found.lines[0].rate_usd for found in (before, after)] == [5, 4]
    assert before.entry != after.entry


def test_23_provisioned_capacity_is_not_billed_twice() -> None:
    """A call that bought capacity serves counts its tokens and costs nothing."""
    contract = '[[capacity]]\nprovider = "acme"\nnames = ["plain"]\n'
    book = BOOK.with_overlay(read_overlay(contract, source="contract"))

    found = priced("plain", {"input": 100}, book=book)

    assert (found.committed, found.total_usd) == (True, Decimal(0))
    assert found.list_usd == usd("100 * 2 / 1000000")


def test_29_the_advisor_inside_a_response_is_billed_by_its_own_rates() -> None:
    """One response, two models: 5.99 thousandths of a USD, and 2,518 in and 22 out of another model."""
    call = called(
        "claude-sonnet-5",
        {"input": 100},
        provider="anthropic",
        other_models=(used("claude-opus-4-8", {"input": 2_518, "output": 22}),),
    )

    main, advisor = price(call, at_ns=ns("2026-11-20T12:00:00"), book=shipped_book())

    assert main.model == "claude-sonnet-5"
    assert advisor.total_usd == usd("2518 * 5 / 1000000", "22 * 25 / 1000000")


def test_32_a_contract_overrides_only_what_it_names_and_survives_a_renewal() -> None:
    """After published prices moved, the agreed rate is as agreed and the rest as published."""
    contract = '[[rates]]\nprovider = "acme"\nmodel = "plain"\nrates = { input = 1 }\n'
    overlay = read_overlay(contract, source="contract")
    moved = tariff(plain=[{"rates": {"input": 3, "output": 12}}])

    found = priced("plain", {"input": 10, "output": 10}, book=moved.with_overlay(overlay))

    assert [line.rate_usd for line in found.lines] == [1, 12]


def test_an_explicit_zero_is_free() -> None:
    """0 is a rate, so the call is priced; a missing rate is none."""
    assert shipped("openai", "omni-moderation-latest", {"input": 50}).total_usd == 0
    assert shipped("openai", "whisper-1", {"input": 50}).reasons == ("no_rate",)


def test_a_retired_model_keeps_its_price() -> None:
    """A model that other lists have dropped is priced as it was."""
    found = shipped("anthropic", "claude-sonnet-4-20250514", {"input": MILLION})

    assert found.total_usd == 3


def test_spoken_tokens_of_the_audio_previews_cost_what_they_cost() -> None:
    """40 USD in and 80 out for a million, which one of the public lists lacks."""
    found = shipped("openai", "gpt-4o-audio-preview", {"input_audio": 10, "output_audio": 20})

    assert found.total_usd == usd("10 * 40 / 1000000", "20 * 80 / 1000000")
    assert found.status == "priced"


@pytest.mark.parametrize(
    ("host", "rate"),
    [("api.openai.com", "4"), ("eu.api.openai.com", "4.4"), ("proxy.acme.com", "4")],
)
def test_a_region_is_part_of_the_price(host: str, rate: str) -> None:
    """Data residency costs ten percent more, by region or by the host that sells it."""
    found = shipped("openai", "gpt-5.6-sol", {"input": 100}, server_address=host)
    asked = shipped("openai", "gpt-5.6-sol", {"input": 100}, region="eu")

    assert found.lines[0].rate_usd == Decimal(rate)
    assert asked.lines[0].rate_usd == Decimal("4.4")


@pytest.mark.parametrize(
    ("moment", "rate"), [("2026-11-20T02:00:00", "1.32"), ("2026-11-21T02:00:00", "0.66")]
)
def test_off_peak_hours_are_all_of_the_week_end(moment: str, rate: str) -> None:
    """On a Friday at 2 UTC the peak rate holds, on a Saturday it does not."""
    call = called("deepseek-v4-pro", {"input": 100}, provider="deepseek")

    found = price(call, at_ns=ns(moment), book=shipped_book())[0]

    assert found.lines[0].rate_usd == Decimal(rate)


def test_the_model_that_answered_is_unknown_but_the_request_is_not() -> None:
    """The requested model is priced, and that this is assumed is said."""
    call = called("some-router-name", {"input": MILLION}, provider="openai", request_model="gpt-4o")
    family = called(
        "claude", {"input": MILLION}, provider="anthropic", request_model="claude-opus-4-5"
    )

    assumed = price(call, at_ns=NOON_NS, book=shipped_book())[0]
    sure = price(family, at_ns=NOON_NS, book=shipped_book())[0]

    assert (assumed.status, assumed.reasons) == ("estimated", ("model_assumed",))
    assert (sure.status, sure.total_usd) == ("priced", Decimal(5))
