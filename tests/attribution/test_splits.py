"""A call of several owners: one tag, which travels and protects people like any other."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_costattr.attribution import Identities, hash_identity
from otel_costattr.attribution.splits import (
    heaviest,
    read_split,
    renamed,
    split_dimension,
    split_text,
)
from otel_costattr.context import attribution, current_owner

KEY = b"0123456789abcdef"
NAMES = st.text("abc %&=@é", min_size=1, max_size=8).map(str.strip).filter(bool)


@given(st.dictionaries(NAMES, st.integers(1, 10**6), min_size=1, max_size=6))
def test_what_is_written_is_read_back(weights: dict[str, int]) -> None:
    """Names with any character and weights survive the text of the tag."""
    text, refusal = split_text("feature", weights)

    assert refusal == ""
    assert read_split(text) == {name: Decimal(weight) for name, weight in weights.items()}


@pytest.mark.parametrize(
    ("dimension", "weights", "refusal"),
    [
        ("feature", {}, "wrong_type"),
        ("feature", [("a", 1)], "wrong_type"),
        ("colour", {"a": 1}, "wrong_type"),
        ("feature", {"a": 0}, "wrong_type"),
        ("feature", {"a": True}, "wrong_type"),
        ("feature", {"a": "much"}, "wrong_type"),
        ("feature", {"a": "NaN"}, "wrong_type"),
        ("feature", {"a": None}, "wrong_type"),
        ("feature", {"a": "0.0000000000001"}, "wrong_type"),
        ("feature", {"": 1}, "wrong_type"),
        ("feature", {"a\n": 1, "b\nc": 1}, "bad_characters"),
        ("feature", {"a" * 200: 1, "b" * 200: 1}, "too_long"),
    ],
)
def test_what_is_no_split_is_refused(dimension: str, weights: object, refusal: str) -> None:
    """A split names a dimension and weights above 0, short enough for a tag."""
    assert split_text(dimension, weights) == ("", refusal)


@pytest.mark.parametrize("text", ["", "a", "a=0", "a=1&a=2", "a=1&", "a=-1", "=1x"])
def test_a_text_that_is_no_split_reads_as_none(text: str) -> None:
    """What somebody else wrote under the name moves nothing."""
    assert read_split(text) == {}


def test_a_call_is_counted_under_the_heaviest_name() -> None:
    """attribution(split=...) names the dimension's value and the tag with the weights."""
    with attribution(split={"feature": {"chat": 1, "search": 3}, "team": {"b": 1, "a": 1}}):
        owner = current_owner()

    assert owner.values == {"feature": "search", "team": "a"}
    assert owner.tags == {"split.feature": "chat=1&search=3", "split.team": "b=1&a=1"}
    assert heaviest(read_split(owner.tags["split.team"])) == "a"


def test_a_value_that_is_named_counts_the_call() -> None:
    """Beside a split, the value of the dimension says where the call is counted."""
    with attribution(feature="chat", split={"feature": {"chat": 1, "search": 3}}):
        assert current_owner().values == {"feature": "chat"}


def test_an_inner_value_ends_an_outer_split() -> None:
    """Inside a block that names one feature, the calls are that feature's alone."""
    with attribution(split={"feature": {"chat": 1, "search": 3}, "team": {"a": 1}}):
        with attribution(feature="plan"):
            inner = current_owner()
        outer = current_owner()

    assert inner.tags == {"split.team": "a=1"}
    assert set(inner.sources) == {"feature", "team", "tags.split.team"}
    assert set(outer.tags) == {"split.feature", "split.team"}


@pytest.mark.parametrize("split", [{"feature": 3}, {"colour": {"a": 1}}, 3])
def test_a_bad_split_never_breaks_the_application(split: object) -> None:
    """It is dropped and named among what was refused."""
    with attribution(tenant="acme", split=split):  # type: ignore[arg-type]
        owner = current_owner()

    assert owner.values == {"tenant": "acme"}
    assert list(owner.refused.values()) == ["wrong_type"]


def test_people_in_a_split_are_hashed_one_by_one() -> None:
    """The names of a split of users are protected as a user's own name is."""
    identities = Identities(hashed=frozenset({"user"}), key=KEY, key_id="k1")

    protected, refusal = identities.protect("tags.split.user", "u-1=3&u-2=1")

    digests = [hash_identity(name, key=KEY, key_id="k1") for name in ("u-1", "u-2")]
    assert (protected, refusal) == (f"{digests[0]}=3&{digests[1]}=1", "")
    assert identities.protect("tags.split.user", protected) == (protected, "")


@pytest.mark.parametrize("value", ["a@example.com=1&b=1", "a", ""])
def test_a_split_that_may_not_be_stored_is_refused(value: str) -> None:
    """An address in a split, or a text that is none, refuses all of it."""
    assert Identities().protect("tags.split.user", value) == ("", "wrong_type")


@pytest.mark.parametrize(
    ("tag", "dimension"),
    [("split.feature", "feature"), ("split.colour", ""), ("feature", ""), ("splitfeature", "")],
)
def test_the_name_of_the_tag_says_what_is_split(tag: str, dimension: str) -> None:
    """`split.` and one of our dimensions."""
    assert split_dimension(tag) == dimension


def test_a_tag_that_splits_nothing_is_refused() -> None:
    """`split.colour` is no dimension, so nobody's name hides in it unprotected."""
    assert Identities().protect("tags.split.colour", "a=1") == ("", "wrong_type")


def test_renaming_an_empty_text_gives_none() -> None:
    """There is nothing to rename."""
    assert renamed("", str.upper) == ""
