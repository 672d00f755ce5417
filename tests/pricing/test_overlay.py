"""Contracts over published prices."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tariff import BOOK, MILLION, NOON_NS, called, ns, priced, usd

from otel_costattr.errors import BadPriceBook
from otel_costattr.model import Price
from otel_costattr.pricing import PriceBook, price, read_overlay, shipped_book

DISCOUNT = '[[discount]]\nprovider = "acme"\nmodel = "full"\npercent = 10\n'


def under(text: str, book: PriceBook = BOOK) -> PriceBook:
    """Lay a contract over a book."""
    return book.with_overlay(read_overlay(text, source="acme.toml"))


def test_a_discount_shows_beside_the_published_price() -> None:
    """10 percent off 2 USD: 1.8 are paid, 2 are published, both stand in line and total."""
    found = priced("full", {"input": 100}, book=under(DISCOUNT))

    assert found.total_usd == usd("100 * 1.8 / 1000000")
    assert found.list_usd == usd("100 * 2 / 1000000")
    assert (found.lines[0].rate_usd, found.lines[0].list_rate_usd) == (Decimal("1.8"), Decimal(2))


def test_a_discount_takes_tiers_and_variants_along() -> None:
    """10 percent off the batch rate above the threshold: 2,000 tokens at 0.9 x 2."""
    found = priced("full", {"input": 2_000}, service_tier="batch", book=under(DISCOUNT))

    assert found.total_usd == usd("2000 * 1.8 / 1000000")


@pytest.mark.parametrize(
    ("moment", "rate"),
    [("2026-05-31T23:59:59", "2"), ("2026-06-01T00:00:00", "1.5"), ("2026-07-01T00:00:00", "2")],
)
def test_a_contract_holds_from_its_first_day_to_its_last(moment: str, rate: str) -> None:
    """A discount of June is not given in May, nor in July."""
    book = under(
        '[[discount]]\nprovider = "acme"\npercent = 25\nfrom = 2026-06-01\nto = 2026-07-01\n'
    )

    assert priced("plain", {"input": MILLION}, at_ns=ns(moment), book=book).total_usd == Decimal(
        rate
    )


def test_only_the_named_units_are_discounted() -> None:
    """A discount on output leaves input as published; reasoning is output."""
    book = under('[[discount]]\nprovider = "acme"\npercent = 50\nunits = ["output"]\n')

    found = priced("plain", {"input": 10, "output": 10, "reasoning": 10}, book=book)

    assert [line.rate_usd for line in found.lines] == [2, 5, 5]


def test_agreed_rates_override_only_the_fields_that_they_name() -> None:
    """Input is agreed at 1, output and the cache stay as published."""
    book = under('[[rates]]\nprovider = "acme"\nmodel = "full"\nrates = { input = 1 }\n')

    found = priced("full", {"input": 10, "cache_read": 10, "output": 10}, book=book)

    assert [line.rate_usd for line in found.lines] == [1, Decimal("0.2"), 10]
    assert [line.list_rate_usd for line in found.lines] == [2, Decimal("0.2"), 10]


def test_an_agreed_rate_settles_what_was_assumed() -> None:
    """Where the contract names a cache rate, nothing is assumed any more."""
    book = under('[[rates]]\nprovider = "acme"\nmodel = "plain"\nrates = { cache_read = 0.5 }\n')

    found = priced("plain", {"cache_read": 10}, book=book)

    assert (found.status, found.lines[0].rate_usd) == ("priced", Decimal("0.5"))


def test_an_agreed_rate_holds_for_what_takes_its_rate() -> None:
    """Reasoning has no rate of its own, so it costs the agreed rate of output."""
    book = under('[[rates]]\nprovider = "acme"\nmodel = "plain"\nrates = { output = 7 }\n')

    assert priced("plain", {"reasoning": 10}, book=book).lines[0].rate_usd == 7


def test_an_agreed_rate_may_price_what_nobody_publishes() -> None:
    """A fee that only the contract knows is priced by the contract."""
    book = under('[[rates]]\nprovider = "acme"\nmodel = "plain"\nrates = { web_search = 3 }\n')

    assert priced("plain", {"web_search": 2}, book=book).total_usd == usd("2 * 3 / 1000")


def test_the_later_contract_wins() -> None:
    """Of two discounts on one model the one that was laid last holds; they do not add up."""
    book = under(DISCOUNT.replace("10", "30"), under(DISCOUNT))

    assert priced("full", {"input": 100}, book=book).lines[0].rate_usd == Decimal("1.4")


def test_amounts_in_another_currency_become_usd() -> None:
    """1 EUR for a million tokens at 1.08 USD a EUR is a rate of 1.08 USD."""
    book = under(
        'currency = "EUR"\nusd_per_unit = 1.08\n'
        '[[rates]]\nprovider = "acme"\nmodel = "plain"\nrates = { input = 1 }\n'
        '[[model]]\nprovider = "acme"\nmodel = "own"\nrates = { input = 2 }\n'
        '[[credit]]\nprovider = "acme"\namount = 100\nnote = "start-up"\n'
    )

    assert priced("plain", {"input": 10}, book=book).lines[0].rate_usd == Decimal("1.08")
    assert priced("own", {"input": 10}, book=book).lines[0].rate_usd == Decimal("2.16")
    assert book.contract.credits[0].amount_usd == 108
    assert (book.contract.currency, book.contract.usd_per_unit) == ("EUR", Decimal("1.08"))


def test_own_models_have_their_own_prices() -> None:
    """A model on own machines is priced under its own provider, with dates and several spellings."""
    book = under(
        '[[model]]\nprovider = "vllm"\nmodel = "llama-ours"\nnames = ["Ours"]\n'
        'prices = [{ to = "2026-01-01", rates = { input = 1 } },'
        ' { from = "2026-01-01", rates = { input = 2 } }]\n'
    )

    found = priced("ours", {"input": 10}, provider="vllm", book=book)

    assert (found.provider, found.entry) == ("vllm", "vllm/llama-ours@2026-01-01")
    assert found.lines[0].rate_usd == 2


def test_a_model_like_another_one_takes_its_prices() -> None:
    """A fine-tuned model costs what its base costs, but for the rates that are its own."""
    book = under(
        '[[model]]\nprovider = "acme"\nmodel = "tuned"\nlike = "changing"\nrates = { output = 40 }\n'
    )

    found = priced("tuned", {"input": 10, "output": 10}, book=book)

    assert found.entry == "acme/tuned@2026-08-21"
    assert [line.rate_usd for line in found.lines] == [4, 40]


def azure(model: str, book: PriceBook, **fields: str) -> Price:
    """Price 1,000,000 input tokens of an Azure deployment."""
    call = called("", {"input": MILLION}, provider="azure.ai.openai", request_model=model, **fields)
    return price(call, at_ns=NOON_NS, book=book)[0]


ALIAS = '[[alias]]\nprovider = "azure"\nname = "my-prod-4o"\nmodel = "gpt-4o"\n'


def test_a_deployment_is_priced_by_its_alias_and_by_its_response() -> None:
    """A customer's name for a deployment leads to its model; without alias the response does."""
    book = under(ALIAS, shipped_book())

    assert azure("my-prod-4o", book).total_usd == Decimal("2.5")
    assert azure("my-prod-4o", shipped_book()).reasons == ("unknown_model",)
    answered = called(
        "gpt-4o-2024-08-06",
        {"input": MILLION},
        provider="azure.ai.openai",
        request_model="my-prod-4o",
    )
    assert price(answered, at_ns=NOON_NS, book=shipped_book())[0].total_usd == Decimal("2.5")


def test_an_opaque_inference_profile_is_priced_by_its_alias() -> None:
    """An application inference profile names no model; the contract says which one it is."""
    arn = "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc123"
    book = under(
        f'[[alias]]\nprovider = "aws"\nname = ["{arn}"]\n'
        'model = "us.anthropic.claude-opus-4-5-20251101-v1:0"\n',
        shipped_book(),
    )

    found = priced(arn, {"input": MILLION}, provider="aws.bedrock", book=book)

    assert found.total_usd == Decimal("5.5")
    assert "alias of the contract" in found.rule


def test_a_spelling_of_ones_own_names_a_provider() -> None:
    """A gateway's name can be said to mean a provider."""
    book = under('[[provider]]\nspelling = "corp-llm"\nprovider = "acme"\n')

    assert priced("plain", {"input": 10}, provider="Corp-LLM", book=book).status == "priced"


CAPACITY = (
    '[[capacity]]\nprovider = "azure"\nnames = ["ptu-4o"]\nfrom = 2026-01-01\nto = 2027-01-01\n'
)


def test_provisioned_capacity_counts_tokens_and_costs_nothing() -> None:
    """A call that bought capacity serves is committed: 0 paid, its tokens and list price kept."""
    book = under(CAPACITY, under(ALIAS.replace("my-prod-4o", "ptu-4o"), shipped_book()))

    found = azure("ptu-4o", book)

    assert found.committed
    assert (found.total_usd, found.list_usd) == (Decimal(0), Decimal("2.5"))
    assert (found.lines[0].quantity, found.lines[0].amount_usd) == (MILLION, Decimal(0))


def test_capacity_without_a_known_model_has_no_list_price() -> None:
    """What the tokens would have cost is unknown, not 0."""
    found = azure("ptu-4o", under(CAPACITY, shipped_book()))

    assert found.committed
    assert (found.total_usd, found.list_usd) == (Decimal(0), None)


def test_capacity_can_stand_behind_a_host() -> None:
    """All calls of one resource are committed, those of another one are not."""
    book = under(
        '[[capacity]]\nprovider = "azure"\nhost = "ptu.openai.azure.com"\n', shipped_book()
    )

    assert azure("gpt-4o", book, server_address="ptu.openai.azure.com").committed
    assert not azure("gpt-4o", book, server_address="pay.openai.azure.com").committed


def test_capacity_ends() -> None:
    """After its last day calls are billed again."""
    book = under(CAPACITY, under(ALIAS.replace("my-prod-4o", "ptu-4o"), shipped_book()))
    call = called("", {"input": MILLION}, provider="azure.ai.openai", request_model="ptu-4o")

    assert not price(call, at_ns=ns("2027-01-01T00:00:00"), book=book)[0].committed


def test_a_contract_names_the_book_anew() -> None:
    """The same contract gives the same version, another one another; the book below is untouched."""
    before = BOOK.version

    assert under(DISCOUNT).version == under(DISCOUNT).version != under(DISCOUNT + "\n").version
    assert BOOK.version == before != under(DISCOUNT).version
    assert priced("full", {"input": 100}).list_usd == priced("full", {"input": 100}).total_usd


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = ", "acme.toml: "),
        ("x = 1", "acme.toml: unknown key 'x'; known are name, currency, usd_per_unit, model, "),
        ("discount = 1", "acme.toml: discount is no list of tables; write [[discount]]"),
        ('[[discount]]\nprovider = "acme"\n', "acme.toml: discount 1: percent is missing"),
        (DISCOUNT + "per = 1\n", "acme.toml: discount 1: unknown key 'per'; known are "),
        (
            DISCOUNT.replace("10", "101"),
            "acme.toml: discount 1: percent is 101; a discount is 0 to 100",
        ),
        (DISCOUNT.replace("10", "-1"), "acme.toml: discount 1: percent is -1; a rate is a finite"),
        (
            DISCOUNT + 'units = ["tokens"]\n',
            "acme.toml: discount 1: unknown unit 'tokens'; known are ",
        ),
        (DISCOUNT.replace("acme", "nobody"), "acme.toml: discount 1: provider 'nobody' is unknown"),
        (
            DISCOUNT.replace("full", "fu?"),
            "acme.toml: discount 1: model 'fu?' matches no model of acme",
        ),
        ('currency = "EUR"\n', "acme.toml: currency is EUR; say usd_per_unit, such as 1.08"),
        ("usd_per_unit = 2\n", "acme.toml: usd_per_unit is 2 for USD"),
        ('currency = "EUR"\nusd_per_unit = 0\n', "acme.toml: usd_per_unit is 0 for EUR"),
        (
            '[[model]]\nprovider = "acme"\nmodel = "plain"\nrates = {}\n',
            "acme.toml: model 1: acme already has 'plain'; use [[rates]]",
        ),
        (
            '[[model]]\nprovider = "acme"\nmodel = "own"\nlike = "nothing"\n',
            "acme.toml: model 1: model 'nothing' is unknown",
        ),
        (
            '[[model]]\nprovider = "acme"\nmodel = "own"\nrates = { input = -1 }\n',
            "acme/own: input is -1; a rate is a finite number",
        ),
        (
            '[[alias]]\nprovider = "acme"\nname = "x"\nmodel = "nothing"\n',
            "acme.toml: alias 1: acme sells no model 'nothing'",
        ),
        (
            '[[provider]]\nspelling = "openai"\nprovider = "acme"\n',
            "acme.toml: provider 1: 'openai' already means openai",
        ),
        (
            '[[capacity]]\nprovider = "acme"\n',
            "acme.toml: capacity 1: name deployments in names, or the host they stand behind",
        ),
        (
            '[[rates]]\nprovider = "acme"\nrates = { input = 1 }\nfrom = "soon"\n',
            "acme.toml: rates 1: from is 'soon'; write a day as 2026-08-21",
        ),
    ],
)
def test_a_contract_that_cannot_be_true_is_refused(text: str, message: str) -> None:
    """Each refusal names the file, the table, the key and the value."""
    with pytest.raises(BadPriceBook) as refusal:
        under(text)

    assert str(refusal.value).startswith(message)


def test_a_pattern_may_name_a_model_by_any_of_its_spellings() -> None:
    """A discount on a dated or dotted spelling is a discount on the model."""
    book = under(
        '[[discount]]\nprovider = "anthropic"\nmodel = "claude-opus-4.5"\npercent = 10\n',
        shipped_book(),
    )

    found = priced("claude-opus-4-5-20251101", {"input": 10}, provider="anthropic", book=book)

    assert found.lines[0].rate_usd == Decimal("4.5")


def test_a_reseller_may_grant_a_discount_on_what_it_resells() -> None:
    """Azure's discount on gpt-4o is Azure's alone: OpenAI's price stays."""
    book = under(
        '[[discount]]\nprovider = "azure"\nmodel = "gpt-4o*"\npercent = 20\n', shipped_book()
    )

    assert azure("gpt-4o", book).total_usd == 2
    assert priced("gpt-4o", {"input": MILLION}, provider="openai", book=book).total_usd == Decimal(
        "2.5"
    )


def test_a_model_like_one_of_another_provider_is_found_by_its_maker() -> None:
    """A tuned model of an own provider may be priced like a model that another one sells."""
    book = under('[[model]]\nprovider = "ours"\nmodel = "tuned"\nlike = "gpt-4o"\n', shipped_book())

    assert priced("tuned", {"input": MILLION}, provider="ours", book=book).total_usd == Decimal(
        "2.5"
    )
