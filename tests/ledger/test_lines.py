"""Lines of an assessed call: one a model, one of them a call, money rounded once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest
from assessed import assessed, duplicate, priced, unpriced
from hypothesis import given
from hypothesis import strategies as st
from otel_costattr_collector.ledger import COLUMNS, as_mapping, lines_of, lines_of_all
from otel_costattr_collector.ledger.columns import unit_column

from otel_costattr.model import UNITS, LineItem, ModelUsage, Price, Unit, Usage
from otel_costattr.testing import START_NS, chat_span

USD_COLUMNS = ("input", "cache_read", "cache_write", "output", "reasoning", "uses", "other")


def _only_line(*args: object, **kwargs: object) -> Mapping[str, object]:
    (line,) = lines_of(*args, **kwargs)  # type: ignore[arg-type]
    return as_mapping(line)


def test_a_priced_call_is_one_line_with_its_counts_and_amounts() -> None:
    """1,000 input and 200 output tokens of gpt-4o-mini cost 0.00015 + 0.00012 USD."""
    line = _only_line(assessed())

    assert (line["calls"], line["usage_calls"], line["lines"]) == (1, 1, 1)
    assert (line["input_tokens"], line["output_tokens"]) == (1000, 200)
    assert line["input_usd"] == Decimal("0.00015")
    assert line["output_usd"] == Decimal("0.00012")
    assert line["amount_usd"] == line["list_usd"] == Decimal("0.00027")
    assert line["rates"] == {"input": "0.15/1000000", "output": "0.6/1000000"}
    assert (line["status"], line["reason"], line["entry"]) == ("priced", "", "call")
    assert (line["tenant"], line["feature"]) == ("acme", "")
    assert line["event_ns"] == START_NS
    assert line["duration_ns"] == 1_500_000_000


def test_an_unpriced_call_counts_and_costs_nothing_known() -> None:
    """Every amount of an unpriced call is unknown, none is 0; its tokens and bounds are kept."""
    price = Price(
        status="unpriced", reasons=("unknown_model",), bounds_usd=(Decimal(1), Decimal(2))
    )
    line = _only_line(assessed(price=price, status="unpriced"))

    assert (line["status"], line["reason"], line["calls"]) == ("unpriced", "unknown_model", 1)
    assert line["input_tokens"] == 1000
    assert [line[f"{name}_usd"] for name in (*USD_COLUMNS, "amount", "list")] == [None] * 9
    assert (line["least_usd"], line["most_usd"]) == (Decimal(1), Decimal(2))


def test_a_call_without_usage_is_not_counted_as_one_with_known_tokens() -> None:
    """Tokens are averaged over `usage_calls`, which leaves out a call that reports none."""
    line = _only_line(unpriced(reason="no_usage", usage=None))

    assert (line["calls"], line["usage_calls"], line["input_tokens"]) == (1, 0, 0)


def test_a_response_of_several_models_is_one_call_on_several_lines() -> None:
    """An advisor inside a response adds a line with its own cost and no call."""
    advisor = ModelUsage(model="opus", usage=Usage(counts={"input": 10, "output": 1}))
    both = replace(
        assessed(other_models=(advisor,)),
        prices=(priced({"input": 1000, "output": 200}), priced({"input": 10, "output": 1})),
    )
    main, second = map(as_mapping, lines_of(both))

    assert (main["calls"], second["calls"]) == (1, 0)
    assert (main["lines"], second["lines"]) == (1, 1)
    assert second["response_model"] == "opus"
    assert second["input_tokens"] == 10
    assert second["amount_usd"] == Decimal("0.0000021")
    assert main["call_key"] == second["call_key"]
    assert main["line_id"] != second["line_id"]


def test_a_duplicate_is_kept_without_call_counts_or_amount() -> None:
    """The loser of a recognition points at the winner and adds nothing to any sum but `lines`."""
    winner = assessed(1, response_id="")
    line = _only_line(duplicate(2, of=winner))

    assert (line["status"], line["calls"], line["lines"]) == ("duplicate_of", 0, 1)
    assert line["duplicate_of"] == f"{1:032x}:{1:016x}"
    assert (line["input_tokens"], line["amount_usd"]) == (0, None)


def test_the_call_key_is_the_same_for_the_same_response() -> None:
    """Two spans with one response id share the call, whatever spans and spellings they are."""
    first = _only_line(assessed(1, response_id="chatcmpl-77"))
    second = _only_line(assessed(2, response_id="chatcmpl-77", provider="azure"))

    assert first["call_key"] == second["call_key"]
    assert first["line_id"] != second["line_id"]


@pytest.mark.parametrize("identity", ["", "7", "resp-1", "1790000000000"])
def test_a_response_id_that_identifies_nothing_is_no_key(identity: str) -> None:
    """Counters and time stamps in place of an id leave each span its own call."""
    first = _only_line(assessed(1, response_id=identity))
    second = _only_line(assessed(2, response_id=identity))

    assert first["call_key"] != second["call_key"]


@pytest.mark.parametrize("identity", ["", "chatcmpl-77"])
def test_copies_that_are_assessed_together_share_the_key_of_the_call(identity: str) -> None:
    """A copy without the response id has the key of the span that counts."""
    winner = assessed(1, response_id=identity)
    loser = replace(duplicate(2, of=winner), call=replace(winner.call, response_id=""))
    lines = [as_mapping(line) for line in lines_of_all([loser, winner])]

    assert [line["calls"] for line in lines] == [0, 1]
    assert lines[0]["call_key"] == lines[1]["call_key"]


def test_a_late_copy_without_response_id_points_at_the_span_that_counts() -> None:
    """Where the winner is not at hand, its span identifies the call."""
    winner = assessed(1, response_id="")
    loser = replace(duplicate(2, of=winner), call=replace(winner.call, response_id=""))

    assert _only_line(loser)["call_key"] == _only_line(winner)["call_key"]


@pytest.mark.parametrize("usage", [None, Usage(counts={"input": 1})])
def test_a_log_is_not_the_span_that_it_belongs_to(usage: Usage | None) -> None:
    """A log record that carries a span's ids is another line, the same one each time."""
    span = _only_line(assessed(1, usage=usage))
    record = replace(assessed(1, usage=usage), span=chat_span(number=1, signal="log"))
    log = _only_line(record)

    assert str(log["source_key"]).startswith("log:")
    assert log["line_id"] != span["line_id"]
    assert _only_line(record) == log


def test_recognition_may_name_the_call_itself() -> None:
    """A call key that is given wins over the one that is worked out."""
    assert _only_line(assessed(), call_key="k")["call_key"] == "k"


def test_a_counted_wrapper_says_that_it_is_one() -> None:
    """A wrapper's sum that counts is an aggregate with amounts; one that does not has none."""
    counted = _only_line(assessed(status="aggregate"))
    uncounted = _only_line(replace(assessed(status="aggregate"), prices=()))

    assert (counted["status"], counted["calls"]) == ("aggregate", 1)
    assert counted["amount_usd"] == Decimal("0.00027")
    assert (uncounted["status"], uncounted["calls"], uncounted["amount_usd"]) == (
        "aggregate",
        0,
        None,
    )


def test_committed_capacity_is_priced_0_and_says_so() -> None:
    """A call on provisioned capacity costs a measured 0 with status committed."""
    free = replace(priced({"input": 1000}, {"input": Decimal(0)}), committed=True)
    line = _only_line(assessed(price=free))

    assert (line["status"], line["amount_usd"]) == ("committed", Decimal(0))


def test_each_part_is_rounded_half_even_and_the_total_is_their_sum() -> None:
    """0.0000000000005 rounds to 0 and 0.0000000000015 to 0.000000000002: the total is 2e-12."""
    half = replace(priced({"input": 1, "output": 3}), lines=tuple(_tiny()))
    line = _only_line(assessed(price=half))

    assert line["input_usd"] == Decimal(0)
    assert line["output_usd"] == Decimal("2E-12")
    assert line["amount_usd"] == Decimal("2E-12")


def _tiny() -> list[LineItem]:
    rate = Decimal("0.5E-12")
    counts: dict[Unit, int] = {"input": 1, "output": 3}
    return [
        LineItem(
            unit=unit,
            quantity=quantity,
            rate_usd=rate,
            per=1,
            amount_usd=rate * quantity,
            list_rate_usd=rate,
        )
        for unit, quantity in counts.items()
    ]


@pytest.mark.parametrize("amount", ["1E+12", "-1E+12", "1E+30", "NaN", "Infinity"])
def test_an_amount_that_cannot_be_true_is_refused_at_the_door(amount: str) -> None:
    """A total of 1e12 USD or more is `unpriced(bad_usage)`; a reported one is dropped."""
    item = replace(_tiny()[0], amount_usd=Decimal(amount))
    absurd = replace(priced({"input": 1}), lines=(item,))
    line = _only_line(assessed(price=absurd, reported_cost_usd=Decimal(amount)))

    assert (line["status"], line["reason"], line["amount_usd"]) == ("unpriced", "bad_usage", None)
    assert line["reported_cost_usd"] is None


def test_parts_below_the_bound_whose_sum_is_not_are_refused() -> None:
    """6e11 + 6e11 USD is above the bound although each part is below it."""
    items = tuple(replace(item, amount_usd=Decimal("6E+11")) for item in _tiny())
    line = _only_line(assessed(price=replace(priced({"input": 1}), lines=items)))

    assert (line["status"], line["amount_usd"]) == ("unpriced", None)


@pytest.mark.parametrize(
    ("start", "end", "signal", "expected"),
    [
        pytest.param(5, 9, "span", 4, id="measured"),
        pytest.param(5, 5, "span", 0, id="instant"),
        pytest.param(9, 5, "span", None, id="backwards"),
        pytest.param(5, 5, "log", None, id="log without duration"),
        pytest.param(0, 2**64, "span", None, id="absurd"),
    ],
)
def test_a_duration_is_measured_or_unknown(
    start: int, end: int, signal: str, expected: int | None
) -> None:
    """A duration that nobody measured is unknown, not 0."""
    span = chat_span(start_ns=start, end_ns=end, signal=signal)

    assert _only_line(replace(assessed(), span=span))["duration_ns"] == expected


def test_a_posted_event_is_known_by_its_own_id() -> None:
    """What is no span has its own key, and the same event gives the same line."""
    first = _only_line(assessed(1), source_key="event:42")
    again = _only_line(assessed(2), source_key="event:42")

    assert first["source_key"] == "event:42"
    assert first["line_id"] == again["line_id"]


def test_every_unit_has_a_column() -> None:
    """Each leaf unit is counted in a column of its own."""
    names = [column.name for column in COLUMNS]
    columns = [unit_column(unit) for unit in UNITS]

    assert len(set(columns)) == len(UNITS)
    assert set(columns) <= set(names)


@given(
    st.dictionaries(st.sampled_from(UNITS), st.integers(0, 10**9), min_size=1),
    st.decimals(0, 1000, allow_nan=False, places=9),
)
def test_parts_always_sum_to_the_total(counts: dict[Unit, int], rate: Decimal) -> None:
    """Whatever was used, the seven parts of a line sum to its amount."""
    price = priced(counts, dict.fromkeys(UNITS, rate))
    line = _only_line(assessed(counts=counts, price=price))
    parts = [line[f"{name}_usd"] for name in USD_COLUMNS]

    assert sum(part for part in parts if isinstance(part, Decimal)) == line["amount_usd"]
