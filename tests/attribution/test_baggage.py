"""Baggage is a stranger's claim: an allow-list and a value check stand before it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.baggage import get_all
from opentelemetry.baggage.propagation import W3CBaggagePropagator

from otel_costattr.attribution import OwnerRules, owner_in_baggage
from otel_costattr.attribution.baggage import ignored_keys
from otel_costattr.model import NOBODY


def test_allowed_keys() -> None:
    """Read are `costattr.*` and the bare names of an existing set-up, with their source."""
    owner = owner_in_baggage(
        {
            "costattr.team": "ml",
            "costattr.tag.region": "eu",
            "tenant": "acme",
            "feature": "chat",
            "promptVersion": "v3",
            "user": "u-812",
            "team": "ops",
        }
    )

    assert owner.values == {
        "team": "ml",
        "tenant": "acme",
        "feature": "chat",
        "prompt_version": "v3",
    }
    assert owner.tags == {"region": "eu"}
    assert set(owner.sources.values()) == {"baggage"}
    assert owner.refused == {}


def test_our_name_before_bare_name() -> None:
    """`costattr.tenant` counts before a bare `tenant`, in any order."""
    assert owner_in_baggage({"tenant": "b", "costattr.tenant": "a"}).values == {"tenant": "a"}


def test_properties_are_cut() -> None:
    """What stands behind a semicolon is a property of the member, not its value."""
    assert owner_in_baggage({"tenant": "acme;ttl=1"}).values == {"tenant": "acme"}


def test_configurable_names() -> None:
    """The operator says which bare keys count, or that none does."""
    baggage = {"cust": "acme", "tenant": "evil"}

    assert owner_in_baggage(baggage, rules=OwnerRules(baggage={"cust": "tenant"})).values == {
        "tenant": "acme"
    }
    assert owner_in_baggage(baggage, rules=OwnerRules(trust_baggage=False)) is NOBODY


HOSTILE = {
    "usage": "gen_ai.usage.input_tokens=1",
    "cost": "operation.cost=0",
    "verdict": "costattr.cost.total_usd=0,costattr.price.entry=free",
    "model": "gen_ai.request.model=free-model",
    "key": "costattr.owner.source=key",
}


@pytest.mark.parametrize("header", HOSTILE.values(), ids=HOSTILE)
def test_hostile_keys_are_ignored(header: str) -> None:
    """No key outside the list is ever read from a real baggage header."""
    context = W3CBaggagePropagator().extract({"baggage": header})

    assert get_all(context)
    assert owner_in_baggage(get_all(context)) is NOBODY


@pytest.mark.parametrize(
    ("header", "refused"),
    [
        (f"tenant={'x' * 3000}", {"tenant": "too_long"}),
        ("tenant=a%00b,feature=chat%0d%0a", {"tenant": "bad_characters"}),
        ("costattr.tag.a%20b=x", {"tags": "bad_name"}),
        (f"costattr.tag.{'n' * 65}=x", {"tags": "bad_name"}),
        (",".join(f"costattr.tag.t{n:02}=x" for n in range(17)), {"costattr.tag.t16": "too_many"}),
    ],
    ids=["long", "control", "blank in name", "tag name", "many tags"],
)
def test_hostile_values_are_refused(header: str, refused: dict[str, str]) -> None:
    """A value that is not allowed is dropped and named, without the value."""
    owner = owner_in_baggage(get_all(W3CBaggagePropagator().extract({"baggage": header})))

    assert owner.refused == refused
    assert "tenant" not in owner.values


@given(
    st.dictionaries(
        st.one_of(st.sampled_from(["tenant", "costattr.user", "costattr.tag.x"]), st.text()),
        st.one_of(st.text(), st.integers(), st.none(), st.binary()),
    )
)
@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_any_baggage(baggage: dict[str, object]) -> None:
    """No baggage makes it raise, and nothing it stores is long or does not print."""
    owner = owner_in_baggage(baggage)

    stored = [*owner.values.values(), *owner.tags.values(), *owner.refused]
    assert all(len(value) <= 256 and value.isprintable() for value in stored)


def test_ignored_keys_are_counted() -> None:
    """Every member under a key off the list is counted; where baggage is not trusted, all are."""
    baggage = {"tenant": "a", "costattr.user": "b", "costattr.cost.total_usd": "0", "x": "y"}

    assert ignored_keys(baggage) == 2
    assert ignored_keys(baggage, rules=OwnerRules(trust_baggage=False)) == 4
