"""What a set of names means is worked out once, and remembered within bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_costattr.attribution import OwnerRules, owner_of
from otel_costattr.model import Span
from otel_costattr.remembering import MAX_CHARACTERS, MAX_NAMES, MAX_SETS, remembering
from otel_costattr.testing import chat_span
from otel_costattr.usage import read


def test_the_same_names_are_worked_out_once() -> None:
    """The second look at names in the same order asks nobody; another order is asked for."""
    asked: list[tuple[str, ...]] = []

    def work(names: tuple[str, ...]) -> int:
        asked.append(names)
        return len(names)

    recall = remembering(work)
    assert [recall({"a": 1, "b": 2}), recall(["a", "b"]), recall(("b", "a"))] == [2, 2, 2]
    assert asked == [("a", "b"), ("b", "a")]


@pytest.mark.parametrize(
    ("names", "times"),
    [
        pytest.param(["x" * MAX_CHARACTERS], 1, id="characters at the limit"),
        pytest.param(["x" * MAX_CHARACTERS, "y"], 2, id="one character more"),
        pytest.param([f"{number}" for number in range(MAX_NAMES)], 1, id="names at the limit"),
        pytest.param([f"{number}" for number in range(MAX_NAMES + 1)], 2, id="one name more"),
    ],
)
def test_what_a_stranger_may_make_long_fills_no_memory(names: list[str], times: int) -> None:
    """Names at the limits are remembered, beyond them worked out each time."""
    asked: list[tuple[str, ...]] = []

    def work(names: tuple[str, ...]) -> int:
        asked.append(names)
        return len(names)

    recall = remembering(work)
    assert recall(names) == recall(names) == len(names)
    assert len(asked) == times


def test_the_number_of_sets_is_bounded() -> None:
    """One set more than the limit makes it forget all the others."""
    asked: list[str] = []

    def work(names: tuple[str, ...]) -> str:
        asked.append(names[0])
        return names[0]

    recall = remembering(work)
    for number in range(MAX_SETS):
        recall([f"name-{number}"])
    recall(["name-0"])
    assert len(asked) == MAX_SETS
    recall(["one more"])
    recall(["name-0"])
    assert asked[MAX_SETS:] == ["one more", "name-0"]


@given(
    order=st.permutations(sorted(chat_span({"costattr.tag.a": "1", "tenant.id": "t"}).attributes))
)
def test_a_call_reads_the_same_in_any_order_of_its_attributes(order: list[str]) -> None:
    """Neither the counts nor the owner of a span depend on which name came first."""
    span = chat_span({"costattr.tag.a": "1", "tenant.id": "t"})
    shuffled = Span(
        trace_id=span.trace_id,
        span_id=span.span_id,
        scope_name=span.scope_name,
        attributes={name: span.attributes[name] for name in order},
    )
    assert read(shuffled) == read(span)
    assert owner_of(shuffled, rules=OwnerRules()) == owner_of(span)
