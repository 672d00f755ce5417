"""Late telemetry of calls that counted longer ago: what their lines say is completed or lessened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from otel_costattr_collector.amendments.long_ago import wishes_of
from otel_costattr_collector.amendments.wishes import Wish, granted
from otel_costattr_collector.ledger import Line, as_mapping, lines_of_all
from otel_costattr_collector.ledger.dates import dated, happened_ns

from otel_costattr.assess import assess_all
from otel_costattr.attribution import DEFAULT_RULES
from otel_costattr.calls import Verdict
from otel_costattr.model import ModelCall, Span
from otel_costattr.pricing import shipped_book
from otel_costattr.testing import START_NS, chat_span
from otel_costattr.usage import read

BOOK = shipped_book()


def span(number: int, counts: Mapping[str, int], **owner: str) -> Span:
    """Make a call of gpt-4o-mini: 0.15 USD in, 0.075 cached, 0.60 out per million tokens."""
    return chat_span(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.response.model": "gpt-4o-mini",
            "gen_ai.response.id": "chatcmpl-00000001",
            **{f"gen_ai.usage.{name}": count for name, count in counts.items()},
            **{f"costattr.{name}": value for name, value in owner.items()},
        },
        number=number,
        scope_name=f"scope-{number}",
    )


COUNTED = span(1, {"input_tokens": 1000, "output_tokens": 200}, tenant="acme")


def booked(one: Span = COUNTED) -> tuple[Line, ...]:
    """Lay out what was booked of a span."""
    return lines_of_all(assess_all([one], book=BOOK))


def call_of(one: Span) -> ModelCall:
    """Read the call of a span."""
    call = read(one)
    assert call is not None
    return call


def wish_of(verdict: Verdict) -> Wish:
    """Return the only wish of a verdict."""
    (wish,) = wishes_of([verdict], book=BOOK, rules=DEFAULT_RULES, key_tenant="")
    return wish


def copy_of(one: Span) -> Wish:
    """Wish for what a late copy of the counted span makes of it."""
    return wish_of(
        Verdict(
            span=one,
            call=call_of(one),
            kind="duplicate",
            duplicate_of=COUNTED.ref,
            rule="response_id",
            amends=True,
        )
    )


def child_of_sum(counts: Mapping[str, int]) -> Wish:
    """Wish for what a late child makes of the sum of its wrapper."""
    child = span(7, counts)
    return wish_of(Verdict(span=child, call=call_of(child), kind="counts", reverses=COUNTED.ref))


def a_sum() -> Line:
    """Make the line of a wrapper's sum that counts: 1,000 tokens in and 200 out."""
    (line,) = booked()
    values = {**as_mapping(line), "status": "aggregate", "calls": 0, "usage_calls": 0}
    values |= {"reasons": ("wrapper_sum",), "reason": "wrapper_sum"}
    return tuple(values.values())


def after(heads: Sequence[Line], wish: Wish) -> list[dict[str, Any]]:
    """Grant a wish and read the heads after it."""
    return [dict(as_mapping(line)) for line in granted(heads, wish)[1]]


def test_verdicts_that_concern_nothing_earlier_wish_for_nothing() -> None:
    """A call that counts and a plain copy leave what was booked alone."""
    plain = [
        Verdict(span=COUNTED, call=call_of(COUNTED), kind="counts"),
        Verdict(span=COUNTED, call=call_of(COUNTED), kind="duplicate", duplicate_of="t:s"),
    ]
    assert list(wishes_of(plain, book=BOOK, rules=DEFAULT_RULES, key_tenant="")) == []


def test_a_late_copy_that_knows_more_amends_the_counted_call() -> None:
    """600 x 0.15 + 400 x 0.075 + 200 x 0.60 per million; identity and owner stay."""
    heads = booked()
    richer = span(2, {"input_tokens": 1000, "output_tokens": 200, "cache_read.input_tokens": 400})
    wish = copy_of(richer)
    before = as_mapping(heads[0])
    (now,) = after(heads, wish)

    assert wish.arrived == COUNTED.ref
    assert wish.cause == f"late_copy:{richer.ref}"
    assert now["amount_usd"] == Decimal("0.00024")
    assert (now["input_tokens"], now["cache_read_tokens"], now["calls"]) == (600, 400, 1)
    assert [now[name] for name in ("tenant", "trace_id", "span_id", "call_key")] == [
        before[name] for name in ("tenant", "trace_id", "span_id", "call_key")
    ]


def test_a_late_copy_names_an_owner_only_where_nobody_did() -> None:
    """The tenant of the ledger stays; a feature that it did not know is taken."""
    late = span(
        2,
        {"input_tokens": 1000, "output_tokens": 200, "cache_read.input_tokens": 400},
        tenant="globex",
        feature="chat",
    )
    (now,) = after(booked(), copy_of(late))
    assert (now["tenant"], now["feature"]) == ("acme", "chat")


def test_a_late_copy_that_knows_the_same_changes_nothing() -> None:
    """No pair is booked."""
    same = span(2, {"input_tokens": 1000, "output_tokens": 200})
    assert granted(booked(), copy_of(same))[0] == []


def test_a_late_child_is_taken_out_of_its_wrapper_s_sum() -> None:
    """600 in and 150 out are left: 600 x 0.15 + 150 x 0.60 per million, as a residual."""
    (now,) = after([a_sum()], child_of_sum({"input_tokens": 400, "output_tokens": 50}))

    assert (now["input_tokens"], now["output_tokens"], now["calls"]) == (600, 150, 0)
    assert now["amount_usd"] == Decimal("0.00018")
    assert now["status"] == "aggregate"
    assert "wrapper_residual" in now["reasons"]
    assert "wrapper_sum" not in now["reasons"]
    assert now["tenant"] == "acme"


@pytest.mark.parametrize(
    "counts",
    [
        pytest.param({"input_tokens": 1000, "output_tokens": 200}, id="all of it"),
        pytest.param({"input_tokens": 1000, "output_tokens": 199}, id="one output token left"),
        pytest.param({"input_tokens": 5000, "output_tokens": 900}, id="more than it"),
    ],
)
def test_a_sum_of_which_nothing_is_left_does_not_count(counts: Mapping[str, int]) -> None:
    """Its amount is unknown, not 0, and it keeps its line."""
    (now,) = after([a_sum()], child_of_sum(counts))

    assert (now["status"], now["amount_usd"], now["lines"]) == ("aggregate", None, 1)
    assert (now["input_tokens"], now["output_tokens"], now["price_entry"]) == (0, 0, "")


def test_a_child_whose_counts_nobody_knows_takes_nothing_away() -> None:
    """The sum stays as it is."""
    unknown = replace(call_of(COUNTED), usage=None)
    verdict = Verdict(span=span(7, {}), call=unknown, kind="counts", reverses=COUNTED.ref)

    assert granted([a_sum()], wish_of(verdict))[0] == []


def test_a_head_that_is_dated_later_is_priced_as_it_happened() -> None:
    """The residual of a sum of a closed month has the price of the day of the call."""
    later = dated(a_sum(), START_NS + 10**18, closed="2026-09")
    (now,) = after([later], child_of_sum({"input_tokens": 400, "output_tokens": 50}))

    assert now["amount_usd"] == Decimal("0.00018")
    assert happened_ns(now) == START_NS


TOKENS = st.integers(0, 2000)


@given(mine=st.tuples(TOKENS, TOKENS), theirs=st.tuples(TOKENS, TOKENS))
def test_a_sum_never_falls_below_nothing(mine: tuple[int, int], theirs: tuple[int, int]) -> None:
    """What is left of each side is the difference, never negative, but for one output token."""
    values = dict(as_mapping(a_sum()))
    values |= {"input_tokens": mine[0], "output_tokens": mine[1]}
    counts = {"input_tokens": theirs[0], "output_tokens": theirs[1]}
    (now,) = after([tuple(values.values())], child_of_sum(counts))
    left = (max(0, mine[0] - theirs[0]), max(0, mine[1] - theirs[1]))

    assert now["input_tokens"] == left[0]
    assert now["output_tokens"] == (left[1] if left[1] > 1 else 0)
