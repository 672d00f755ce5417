"""Making the shipped book from genai-prices and our own facts."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import genai_prices
import genai_prices.data
import pytest
from genai_prices.data_units import unit_data
from genai_prices.types import (
    ClauseEquals,
    ClauseOr,
    ClauseStartsWith,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)
from tariff import called, ns

from otel_costattr.errors import BadPriceBook
from otel_costattr.pricing import price, read_book, shipped_book
from otel_costattr.pricing.entries import PER
from otel_costattr.pricing.facts import apply_facts
from otel_costattr.pricing.sync import RATE_KEYS, generate

DATA = Path(__file__).parents[2] / "otel_costattr" / "pricing" / "data"
SHIPPED = (DATA / "prices.json").read_text(encoding="utf-8")
FACTS = tomllib.loads((DATA / "facts.toml").read_text(encoding="utf-8"), parse_float=Decimal)


def made(
    *models: ModelInfo, previous: Mapping[str, Any] | None = None, **facts: Any
) -> dict[str, Any]:
    """Generate a book of provider `acme` with some models and return its providers."""
    provider = Provider(id="acme", name="Acme", api_pattern="x", models=list(models))
    text = generate([provider], facts, previous or {}, package="tests", day="2026-11-22")
    read_book(text)
    providers: dict[str, Any] = json.loads(text, parse_float=Decimal)["providers"]
    return providers


def model(name: str, prices: Any = None, *aliases: str, **fields: Any) -> ModelInfo:
    """Build a model of genai-prices."""
    return ModelInfo(
        id=name,
        match=ClauseOr(or_=[ClauseEquals(equals=alias) for alias in (name, *aliases)]),
        prices=prices or ModelPrice(input_mtok=Decimal("0.15"), output_mtok=Decimal("0.6")),
        **fields,
    )


def test_the_shipped_data_is_what_the_generator_makes() -> None:
    """Nobody edits the data by hand: genai-prices and the facts give it, byte by byte."""
    text = generate(
        genai_prices.data.providers,
        FACTS,
        json.loads(SHIPPED, parse_float=Decimal),
        package=f"genai-prices {version('genai-prices')}",
        day="2099-01-01",
    )

    assert text == SHIPPED, "run: costattr prices sync"


def test_every_model_of_the_package_is_in_the_book() -> None:
    """No provider and no model of genai-prices is lost."""
    known = set(shipped_book().models())

    missing = [
        f"{provider.id}/{model.id}"
        for provider in genai_prices.data.providers
        for model in provider.models
        if (provider.id, model.id.strip().lower()) not in known
    ]

    assert missing == []


def test_a_model_that_the_package_lost_stays_for_ever() -> None:
    """A retired model keeps names and prices and is marked."""
    before = made(model("old", None, "old-alias"), model("new"))

    after = made(model("new"), previous={"providers": before, "header": {"checked": "2026-01-01"}})

    assert after["acme"]["models"]["old"] == {**before["acme"]["models"]["old"], "retired": True}
    assert "retired" not in after["acme"]["models"]["new"]


def test_a_name_that_a_new_model_takes_over_leaves_the_retired_one() -> None:
    """Two models never claim one name, however old one of them is."""
    before = made(model("old", None, "latest"))

    after = made(model("new", None, "latest"), previous={"providers": before, "header": {}})

    assert after["acme"]["models"]["old"]["names"] == ["old"]
    assert after["acme"]["models"]["new"]["names"] == ["new", "latest"]


def test_a_provider_that_the_package_lost_stays_for_ever() -> None:
    """All of its models stay, retired."""
    before = {"gone": {"models": {"m": {"names": ["m"], "prices": [{"rates": {"input": 1}}]}}}}

    after = made(model("new"), previous={"providers": before, "header": {}})

    assert after["gone"]["models"]["m"]["retired"] is True


def test_dated_prices_become_periods() -> None:
    """A price from a day on ends the one before it, so there is never a choice."""
    prices = [
        ConditionalPrice(prices=ModelPrice(input_mtok=Decimal(5))),
        ConditionalPrice(
            StartDateConstraint(start_date=date(2026, 8, 21)),
            prices=ModelPrice(input_mtok=Decimal(4)),
        ),
        ConditionalPrice(
            StartDateConstraint(start_date=date(2026, 9, 1)),
            prices=ModelPrice(input_mtok=Decimal(3)),
        ),
    ]

    assert made(model("m", prices))["acme"]["models"]["m"]["prices"] == [
        {"to": "2026-08-21", "rates": {"input": 5}},
        {"from": "2026-08-21", "to": "2026-09-01", "rates": {"input": 4}},
        {"from": "2026-09-01", "rates": {"input": 3}},
    ]


def test_a_model_may_have_no_price_before_its_first_day() -> None:
    """Where even the first price has a day, nothing is known before it."""
    first = ConditionalPrice(
        StartDateConstraint(start_date=date(2026, 9, 1)), prices=ModelPrice(input_mtok=Decimal(3))
    )

    assert made(model("m", [first]))["acme"]["models"]["m"]["prices"] == [
        {"from": "2026-09-01", "rates": {"input": 3}}
    ]


def test_hours_belong_to_the_price_before_them() -> None:
    """A window is part of the dated price that it follows, not of those before."""
    prices = [
        ConditionalPrice(prices=ModelPrice(input_mtok=Decimal(5))),
        ConditionalPrice(
            TimeOfDateConstraint(
                start_time=time(16, 30, tzinfo=UTC), end_time=time(0, 30, tzinfo=UTC)
            ),
            prices=ModelPrice(input_mtok=Decimal(2)),
        ),
    ]

    assert made(model("m", prices))["acme"]["models"]["m"]["prices"] == [
        {
            "rates": {"input": 5},
            "windows": [{"from": "16:30", "to": "00:30", "rates": {"input": 2}}],
        }
    ]


def test_tiers_say_whether_their_threshold_is_inside() -> None:
    """More than 199,999 tokens is 200,000 and more; more than 200,000 stays more than."""
    prices = ModelPrice(
        input_mtok=TieredPrices(base=Decimal(1), tiers=[Tier(start=199_999, price=Decimal(2))]),
        output_mtok=TieredPrices(base=Decimal(1), tiers=[Tier(start=200_000, price=Decimal(2))]),
    )

    assert made(model("m", prices))["acme"]["models"]["m"]["prices"][0]["rates"] == {
        "input": {"base": 1, "from": [[200_000, 2]]},
        "output": {"base": 1, "over": [[200_000, 2]]},
    }


def test_variants_end_where_the_next_of_their_kind_starts() -> None:
    """Of two batch prices the later one holds from its day on."""
    variants = [
        PriceVariant(
            when={"processing": "batch"},
            prices=ModelPrice(input_mtok=Decimal(2)),
            constraint=StartDateConstraint(start_date=date(2027, 1, 1)),
        ),
        PriceVariant(when={"processing": "batch"}, prices=ModelPrice(input_mtok=Decimal(1))),
        PriceVariant(when={"service_tier": "default"}, prices=ModelPrice()),
        PriceVariant(
            when={"search_type": "fast"}, prices=ModelPrice(web_searches_kcount=Decimal(1))
        ),
    ]

    price_ = made(model("m", price_variants=variants))["acme"]["models"]["m"]["prices"][0]

    assert price_["variants"] == [
        {"when": "batch", "from": "2027-01-01", "rates": {"input": 2}},
        {"when": "batch", "to": "2027-01-01", "rates": {"input": 1}},
        {"when": "fast-search", "rates": {"web_search": 1}},
    ]


def test_a_beginning_of_names_is_not_a_name() -> None:
    """A clause that only starts names gives no spelling, unless it is a whole name itself."""
    info = ModelInfo(
        id="big",
        match=ClauseOr(
            or_=[ClauseStartsWith(starts_with=text) for text in ("big-2", "big-", "big@")]
        ),
        prices=ModelPrice(input_mtok=Decimal(1)),
    )

    assert made(info)["acme"]["models"]["big"]["names"] == ["big", "big-2"]


def test_hours_without_direction_are_both_directions() -> None:
    """An hour of audio costs the same spoken or heard, unless the package says more."""
    both = made(model("m", ModelPrice(audio_hours=Decimal(3))))
    one = made(model("m", ModelPrice(audio_hours=Decimal(3), input_audio_hours=Decimal(2))))

    assert both["acme"]["models"]["m"]["prices"][0]["rates"] == {
        "seconds_input_audio": 3,
        "seconds_output_audio": 3,
    }
    assert one["acme"]["models"]["m"]["prices"][0]["rates"] == {"seconds_input_audio": 2}


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (
            model("m", ModelPrice(gold_mtok=Decimal(1))),
            "m: price key 'gold_mtok' is not understood",
        ),
        (
            model("m", price_variants=[PriceVariant(when={"mood": "x"}, prices=ModelPrice())]),
            "m: variant {'mood': 'x'} is not understood",
        ),
    ],
)
def test_what_is_not_understood_stops_the_sync(info: ModelInfo, message: str) -> None:
    """A new kind of price in the package is never dropped in silence."""
    with pytest.raises(BadPriceBook) as refusal:
        made(info)

    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"ratse": [{}]}, "facts: unknown table 'ratse'; known are "),
        ({"rates": [{"provider": "acme"}]}, "facts: rates {'provider': 'acme'} needs source and"),
        (
            {"rates": [{"provider": "acme", "model": "x", "source": "s", "checked": "d"}]},
            "facts: no model acme/x",
        ),
        (
            {"since": [{"provider": "acme", "days": {"x": ""}, "source": "s", "checked": "d"}]},
            "facts: since: no model acme/x",
        ),
    ],
)
def test_a_fact_about_nothing_stops_the_sync(facts: Mapping[str, Any], message: str) -> None:
    """Each fact names what exists and where it comes from."""
    with pytest.raises(BadPriceBook) as refusal:
        apply_facts({"acme": {"models": {}}}, facts)

    assert str(refusal.value).startswith(message)


def test_a_recorded_variant_is_taken_back_to_when_it_was_first_sold() -> None:
    """A batch price that was recorded late holds from the day on which batches were first sold."""
    book: dict[str, Any] = {
        "acme": {
            "models": {
                "m": {
                    "names": ["m"],
                    "prices": [
                        {"to": "2025-01-01", "rates": {}},
                        {
                            "from": "2025-01-01",
                            "rates": {},
                            "variants": [{"when": "batch", "from": "2026-10-14", "rates": {}}],
                        },
                    ],
                }
            }
        }
    }
    fact = {
        "provider": "acme",
        "when": "batch",
        "recorded": "2026-10-14",
        "source": "s",
        "checked": "d",
    }

    apply_facts(book, {"variant_since": [{**fact, "from": "2025-06-01"}]})
    assert book["acme"]["models"]["m"]["prices"][1]["variants"][0]["from"] == "2025-06-01"

    apply_facts(book, {"variant_since": [{**fact, "from": "2024-01-01"}]})
    assert "from" not in book["acme"]["models"]["m"]["prices"][1]["variants"][0]


def test_a_fact_about_a_variant_ends_where_the_package_knows_better() -> None:
    """Our factor fills the time before the recorded variant and nothing else."""
    recorded = {"when": "batch", "from": "2026-10-14", "rates": {"input": 1}}
    book: dict[str, Any] = {
        "acme": {
            "models": {
                "m": {
                    "names": ["m"],
                    "prices": [{"rates": {"input": 2}, "variants": [dict(recorded)]}],
                },
                "n": {"names": ["n"], "prices": [{"rates": {"input": 2}}]},
                "o": {"names": ["o"], "prices": [{"to": "2020-01-01", "rates": {"input": 2}}]},
                "p": {
                    "names": ["p"],
                    "prices": [
                        {"rates": {"input": 2}, "variants": [{"when": "batch", "rates": {}}]}
                    ],
                },
            }
        }
    }
    fact = {"provider": "acme", "when": "batch", "from": "2024-01-01", "factor": Decimal("0.5")}

    apply_facts(book, {"variant": [{**fact, "source": "s", "checked": "d"}]})

    ours = {"when": "batch", "from": "2024-01-01", "factor": Decimal("0.5"), "source": "s (d)"}
    models = book["acme"]["models"]
    assert models["m"]["prices"][0]["variants"] == [recorded, {**ours, "to": "2026-10-14"}]
    assert models["n"]["prices"][0]["variants"] == [ours]
    assert "variants" not in models["o"]["prices"][0]
    assert len(models["p"]["prices"][0]["variants"]) == 1


@pytest.mark.parametrize("moment", ["2025-03-01", "2026-03-12", "2026-08-20", "2026-11-20"])
@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_the_book_says_what_the_package_says_at_any_date(moment: str) -> None:
    """1,000 tokens in and out cost the same as in genai-prices wherever we add no fact of our own."""
    at_ns = ns(f"{moment}T11:00:00")
    moment_utc = datetime.fromisoformat(f"{moment}T11:00:00+00:00")
    usage = genai_prices.Usage(input_tokens=1_000, output_tokens=1_000)
    differences = []
    for provider in genai_prices.data.providers:
        for info in provider.models:
            name = info.id.replace("regional.", "us.")
            prices = info.get_prices(moment_utc)
            if prices.input_mtok is None or prices.output_mtok is None:
                continue
            call = called(name, {"input": 1_000, "output": 1_000}, provider=provider.id)
            ours = price(call, at_ns=at_ns, book=shipped_book())[0]
            theirs = prices.calc_price(usage)["total_price"]
            if ours.total_usd is not None and ours.total_usd != theirs:
                differences.append(f"{provider.id}/{info.id}: {ours.total_usd} {theirs}")
    allowed = ("deepseek/deepseek-v4-",)
    assert [line for line in differences if not line.startswith(allowed)] == []


def test_every_rate_key_is_a_unit_with_the_same_denominator() -> None:
    """A rate of genai-prices is taken over as it is, since both count the same number of units."""
    per = {unit["price_key"]: unit["per"] for unit in unit_data.values()}
    for key, units in RATE_KEYS.items():
        for unit in units:
            assert PER[unit] == per[key], key  # type: ignore[index]
