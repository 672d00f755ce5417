"""Line items, tiers, variants, fees and hours, against arithmetic that is written out."""

from __future__ import annotations

import itertools
from decimal import Context, Decimal, localcontext

import pytest
from tariff import MILLION, NOON_NS, called, ns, priced, tariff, usd, used

from otel_costattr.model import LineItem
from otel_costattr.pricing import price

BASE = {"input": "2", "cache_read": "0.2", "cache_write_5m": "2.5", "output": "10"}
LONG = {"input": "4", "cache_read": "0.4", "cache_write_5m": "5", "output": "15"}
HALF = {unit: str(Decimal(rate) / 2) for unit, rate in BASE.items()}
HALF_LONG = {unit: str(Decimal(rate) / 2) for unit, rate in LONG.items()}


@pytest.mark.no_cover  # the same lines as other tests, many times over
@pytest.mark.parametrize(
    ("cached", "long", "batch", "eu", "searches"),
    list(itertools.product([False, True], repeat=5)),
)
def test_modifiers_compose(
    *, cached: bool, long: bool, batch: bool, eu: bool, searches: bool
) -> None:
    """Cache, long context, batch, region and tool fee each do their part, in every combination."""
    counts = {"input": 2_000 if long else 100, "output": 50}
    counts |= {"cache_read": 300, "cache_write_5m": 40} if cached else {}
    rates = {
        (False, False): BASE,
        (True, False): LONG,
        (False, True): HALF,
        (True, True): HALF_LONG,
    }
    chosen = rates[long, batch]
    expected: Decimal = sum(
        (Decimal(count) * Decimal(chosen[unit]) / MILLION for unit, count in counts.items()),
        Decimal(0),
    )
    expected *= Decimal("1.1") if eu else Decimal(1)
    if searches:
        counts["web_search"] = 3
        expected += Decimal(3) * 10 / 1_000

    found = priced("full", counts, service_tier="batch" if batch else "", region="eu" if eu else "")

    assert found.total_usd == expected
    assert found.status == "priced"


@pytest.mark.parametrize(
    ("model", "tokens", "rate"),
    [("full", 1_000, 2), ("full", 1_001, 4), ("inclusive", 999, 2), ("inclusive", 1_000, 4)],
)
def test_the_boundary_token_and_the_one_after(model: str, tokens: int, rate: int) -> None:
    """A threshold is strict unless the entry says otherwise, and all tokens move."""
    assert priced(model, {"input": tokens}).total_usd == Decimal(tokens) * rate / MILLION


def test_cached_tokens_count_towards_the_threshold() -> None:
    """600 + 300 + 101 tokens are 1,001 tokens of input, so every unit costs the higher rate."""
    found = priced("full", {"input": 600, "cache_read": 300, "cache_write_5m": 101, "output": 10})

    assert found.total_usd == usd(
        "600 * 4 / 1000000", "300 * 0.4 / 1000000", "101 * 5 / 1000000", "10 * 15 / 1000000"
    )


def test_output_does_not_count_towards_the_threshold() -> None:
    """A long answer to a short question costs the base rate."""
    assert priced("full", {"input": 1, "output": 5_000}).lines[1].rate_usd == 10


@pytest.mark.parametrize(
    ("moment", "rate"),
    [
        ("2026-08-20T23:59:59", 5),
        ("2026-08-21T00:00:00", 4),
        ("2026-01-01T00:00:00", 5),
    ],
)
def test_the_price_of_the_calls_start_holds(moment: str, rate: int) -> None:
    """The last second of a day in UTC has that day's price, the first of the next the new one."""
    found = priced("changing", {"input": MILLION}, at_ns=ns(moment))

    assert found.total_usd == rate


@pytest.mark.parametrize(
    ("model", "moment"), [("changing", "2025-12-31T23:59:59"), ("gap", "2026-01-15T00:00:00")]
)
def test_no_price_is_never_the_nearest_price(model: str, moment: str) -> None:
    """Before the first price and between two there is none, with bounds from the ones there are."""
    found = priced(model, {"input": MILLION}, at_ns=ns(moment))

    assert found.reasons == ("no_price_at_time",)
    assert found.total_usd is None
    assert found.lines == ()
    assert (
        found.bounds_usd
        == {
            "changing": (Decimal(4), Decimal(5)),
            "gap": (Decimal(1), Decimal(2)),
        }[model]
    )


@pytest.mark.parametrize(
    ("moment", "rate"),
    [
        ("2026-09-21T21:59:59", 2),
        ("2026-09-21T22:00:00", 1),
        ("2026-09-22T05:59:59", 1),
        ("2026-09-22T06:00:00", 2),
        ("2026-09-21T12:30:00", 4),  # Monday
        ("2026-09-23T12:30:00", 2),  # Wednesday
    ],
)
def test_hours_of_the_day_have_their_price(moment: str, rate: int) -> None:
    """A window spans midnight, ends exclusively and keeps to its weekdays, all in UTC."""
    assert priced("nightly", {"input": MILLION}, at_ns=ns(moment)).total_usd == rate


@pytest.mark.parametrize(
    ("model", "counts", "expected"),
    [
        ("asking", {"input": 1_000}, ["1000 * 1 / 1000000", "1 * 5 / 1000"]),
        ("asking", {"input": 1_000, "requests": 3}, ["1000 * 1 / 1000000", "3 * 5 / 1000"]),
        ("speaking", {"characters": 2_000}, ["2000 * 15 / 1000000"]),
        ("hearing", {"seconds_input_audio": 100}, ["100 * 0.36 / 3600"]),
        ("hearing", {"seconds_input_audio": 4}, ["10 * 0.36 / 3600"]),
        ("drawing", {"images": 2}, ["2 * 40 / 1000"]),
        ("reading", {"pages": 7}, ["7 * 2 / 1000"]),
        ("embedding", {"input": 500, "output": 0}, ["500 * 0.02 / 1000000"]),
        ("sounding", {"input_audio": 5, "output_audio": 6}, ["5 * 10 / 1000000", "6 * 20 / 1000000"]),
        ("plain", {"output": 3, "reasoning": 4}, ["3 * 10 / 1000000", "4 * 10 / 1000000"]),
        ("plain", {"input": 3, "input_image": 4}, ["3 * 2 / 1000000", "4 * 2 / 1000000"]),
    ],
)  # fmt: skip
def test_each_measure_has_its_denominator(
    model: str, counts: dict[str, int], expected: list[str]
) -> None:
    """Tokens, characters, seconds, pages, images and requests are billed by what they are."""
    found = priced(model, counts)

    assert found.total_usd == usd(*expected)
    assert found.status == "priced"


def test_an_hourly_rate_that_does_not_divide_is_kept_to_18_decimals() -> None:
    """7 s at 0.1 USD an hour are 0.00019444... USD; the rest is below any ledger's digit."""
    book = tariff(odd=[{"rates": {"seconds_input_audio": 0.1}}])

    found = priced("odd", {"seconds_input_audio": 7}, book=book)

    assert found.total_usd == Decimal("0.000194444444444444")


def test_a_free_model_costs_a_measured_zero() -> None:
    """A rate of 0 is a price, so the call is priced and its cost is 0."""
    found = priced("free", {"input": 10})

    assert found.status == "priced"
    assert found.total_usd == 0
    assert found.lines[0].rate_usd == 0


@pytest.mark.parametrize(
    ("counts", "assumed", "expected"),
    [
        ({"cache_read": 5}, "cache_rate_assumed", "5 * 2 / 1000000"),
        ({"cache_write_5m": 5}, "cache_rate_assumed", "5 * 2 / 1000000"),
        ({"cache_write_1h": 5}, "cache_rate_assumed", "5 * 2 / 1000000"),
        ({"cache_write": 5}, "cache_rate_assumed", "5 * 2 / 1000000"),
        ({"input_audio": 5}, "modality_rate_assumed", "5 * 2 / 1000000"),
        ({"cache_read_audio": 5}, "cache_rate_assumed", "5 * 2 / 1000000"),
        ({"output_audio": 5}, "modality_rate_assumed", "5 * 10 / 1000000"),
    ],
)
def test_a_rate_that_is_not_published_is_assumed_and_said(
    counts: dict[str, int], assumed: str, expected: str
) -> None:
    """A cached or spoken token without a rate costs the plain rate, and the call is estimated."""
    found = priced("plain", counts)

    assert found.status == "estimated"
    assert found.reasons == (assumed,)
    assert found.total_usd == usd(expected)


def test_a_cache_write_of_unknown_length_costs_the_5_minute_rate() -> None:
    """1,000 tokens at 2.5, not at 4, and the length is named as assumed."""
    found = priced("full", {"cache_write": 1_000})

    assert found.total_usd == usd("1000 * 2.5 / 1000000")
    assert found.reasons == ("cache_ttl_assumed",)


def test_a_single_write_rate_leaves_nothing_to_assume() -> None:
    """Where a provider has one rate for all writes, an unsplit count is priced, not estimated."""
    book = tariff(one=[{"rates": {"input": 2, "cache_write_5m": 2.5, "output": 10}}])

    assert priced("one", {"cache_write": 10}, book=book).status == "priced"


@pytest.mark.parametrize("tier", ["", "auto", "default", "STANDARD", "on_demand"])
def test_names_of_the_standard_tier_change_nothing(tier: str) -> None:
    """However a provider calls its standard tier, the standard rate holds and nothing is assumed."""
    assert priced("plain", {"input": MILLION}, service_tier=tier).status == "priced"


def test_a_tier_without_a_rate_is_said_to_be_assumed() -> None:
    """A call that was served in a tier without a published rate is estimated at the standard one."""
    found = priced("plain", {"input": MILLION}, service_tier="priority")

    assert found.reasons == ("tier_rate_assumed",)
    assert found.total_usd == 2


def test_the_tier_that_served_wins_over_the_one_that_was_asked_for() -> None:
    """Batch was asked for, the standard tier served, the standard rate is billed."""
    found = priced("full", {"input": 100}, requested_service_tier="batch", service_tier="default")

    assert found.total_usd == usd("100 * 2 / 1000000")


def test_the_tier_that_was_asked_for_holds_where_no_other_is_known() -> None:
    """Without a word of the provider the request decides."""
    found = priced("full", {"input": 100}, requested_service_tier="batch")

    assert found.total_usd == usd("100 * 1 / 1000000")


def test_every_model_of_a_response_is_priced_by_its_own_rates() -> None:
    """A response that used two models has two prices, the main one first."""
    call = called("plain", {"input": 100}, other_models=(used("free", {"input": 7}),))

    first, second = price(call, at_ns=NOON_NS, book=tariff())

    assert (first.model, first.total_usd) == ("plain", usd("100 * 2 / 1000000"))
    assert (second.model, second.total_usd) == ("free", Decimal(0))


@pytest.mark.parametrize(
    ("model", "counts", "reason", "bounds"),
    [
        ("unheard-of", {"input": 10}, "unknown_model", True),
        ("embedding", {"input": 10, "output": 5}, "no_rate", True),
        ("plain", {"input": 10, "code_execution": 1}, "no_rate", False),
        ("speaking", {"input": 10}, "no_rate", True),
        ("plain", {}, "no_usage", False),
        ("plain", {"input": 0, "output": 0}, "no_usage", False),
    ],
)
def test_what_has_no_price_is_unpriced_and_says_why(
    model: str, counts: dict[str, int], reason: str, *, bounds: bool
) -> None:
    """No amount, no lines, a named reason, and bounds where the provider's models give some."""
    found = priced(model, counts)

    assert (found.status, found.reasons[0]) == ("unpriced", reason)
    assert found.total_usd is None
    assert found.list_usd is None
    assert (found.bounds_usd is not None) == bounds


def test_bounds_are_what_the_provider_charges_least_and_most() -> None:
    """10 tokens of an unknown model cost between 0.02 and 5 USD a million; free models say nothing."""
    found = priced("unheard-of", {"input": 10})

    assert found.bounds_usd == (usd("10 * 0.02 / 1000000"), usd("10 * 4 / 1000000"))


def test_a_measure_beside_the_billed_one_costs_nothing() -> None:
    """Speech is billed by the second, so its tokens are not billed again, nor unpriced."""
    found = priced("hearing", {"seconds_input_audio": 20, "input_audio": 500, "output": 30})

    assert [line.unit for line in found.lines] == ["seconds_input_audio"]
    assert found.status == "priced"


def test_the_arithmetic_of_the_host_process_is_not_used() -> None:
    """A host that rounds its decimals to 3 digits changes no amount."""
    with localcontext(Context(prec=3)):
        found = priced("plain", {"input": 123_457, "output": 98_765})

    assert found.total_usd == usd("123457 * 2 / 1000000", "98765 * 10 / 1000000")


def test_a_line_says_everything_that_is_needed_to_check_it() -> None:
    """Unit, quantity, rate, denominator, amount and published rate stand in each line."""
    assert priced("plain", {"input": 600}).lines == (
        LineItem(
            unit="input",
            quantity=600,
            rate_usd=Decimal(2),
            per=MILLION,
            amount_usd=Decimal("0.0012"),
            list_rate_usd=Decimal(2),
        ),
    )
