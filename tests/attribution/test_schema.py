"""The attribution schema: what it says, what it refuses to say, and what stands outside of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_costattr.attribution import (
    Identities,
    OwnerRule,
    OwnerRules,
    hash_identity,
    owner_of,
)
from otel_costattr.attribution.renames import Renames
from otel_costattr.attribution.schema import Deviation, Schema
from otel_costattr.attribution.schema_file import read_schema
from otel_costattr.errors import BadSettings
from otel_costattr.model import Owner
from otel_costattr.testing import chat_span

SCHEMA = """
owner = "platform"
contact = "#llm-costs"

[dimensions.tenant]
required = true
pattern = "[a-z][a-z0-9-]*"

[dimensions.user]

[dimensions.feature]
required = true
values = { chat = "Questions", summary = "Digests" }
renamed = [{ old = "summarise", new = "summary", since = 2026-09-01 }]

[dimensions.team]
renamed = [{ old = "ml", new = "models" }]

[tags.cost_center]
pattern = "[0-9]{4}"
formerly = [{ name = "costcenter", since = 2026-10-01 }]
"""
AUGUST_NS, SEPTEMBER_NS, OCTOBER_NS = (
    at * 10**9 for at in (1_788_220_799, 1_788_220_800, 1_790_812_800)
)


@pytest.fixture
def schema() -> Schema:
    """The schema above."""
    return read_schema(SCHEMA, source="s.toml")


def _told(schema: Schema, at_ns: int | None, **values: object) -> list[tuple[str, ...]]:
    tags = values.pop("tags", {})
    owner = Owner(values=values, tags=tags)  # type: ignore[arg-type]
    return [tuple(one) for one in schema.deviations(owner, at_ns=at_ns)]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param({"tenant": "acme", "feature": "chat"}, [], id="all right"),
        pytest.param({"feature": "chat"}, [("tenant", "missing", "")], id="missing"),
        pytest.param(
            {"tenant": "ACME", "feature": "chat"}, [("tenant", "outside", "ACME")], id="pattern"
        ),
        pytest.param(
            {"tenant": "acme", "feature": "search"},
            [("feature", "outside", "search")],
            id="no listed value",
        ),
        pytest.param(
            {"tenant": "acme", "feature": "chat", "plan": "pro"},
            [("plan", "undocumented", "pro")],
            id="undocumented dimension",
        ),
        pytest.param(
            {"tenant": "acme", "feature": "chat", "tags": {"cost_center": "4711", "x": "1"}},
            [("tags.x", "undocumented", "1")],
            id="undocumented tag",
        ),
        pytest.param(
            {"tenant": "acme", "feature": "__other__", "tags": {"split.feature": "a=1&b=1"}},
            [],
            id="values and tags of our own",
        ),
        pytest.param(
            {"tenant": hash_identity("x", key=b"k" * 16, key_id="k1"), "feature": "chat"},
            [],
            id="a hashed value cannot be read",
        ),
        pytest.param(
            {"tenant": "acme", "feature": "chat", "tags": {"cost_center": "47110"}},
            [("tags.cost_center", "outside", "47110")],
            id="a pattern matches as a whole",
        ),
    ],
)
def test_what_stands_outside_is_named(
    schema: Schema, values: dict[str, object], told: list[tuple[str, ...]]
) -> None:
    """Each deviation says where, what and which value."""
    assert told == _told(schema, None, **values)


@pytest.mark.parametrize(
    ("at_ns", "told"),
    [
        pytest.param(AUGUST_NS, [], id="a second before"),
        pytest.param(SEPTEMBER_NS, [("feature", "renamed", "summarise")], id="on the day"),
        pytest.param(None, [("feature", "renamed", "summarise")], id="no time known"),
    ],
)
def test_an_old_name_was_right_in_its_time(
    schema: Schema, at_ns: int | None, told: list[tuple[str, ...]]
) -> None:
    """Before `since` the old name is no deviation; from that day on it is."""
    assert told == _told(schema, at_ns, tenant="acme", feature="summarise")


@pytest.mark.parametrize(
    ("at_ns", "told"),
    [
        pytest.param(SEPTEMBER_NS, [], id="before"),
        pytest.param(OCTOBER_NS, [("tags.costcenter", "renamed", "4711")], id="after"),
    ],
)
def test_an_old_tag_was_right_in_its_time(
    schema: Schema, at_ns: int, told: list[tuple[str, ...]]
) -> None:
    """The name of a tag follows the same rule; its value is checked as the new tag's."""
    good = {"tenant": "acme", "feature": "chat"}

    assert told == _told(schema, at_ns, **good, tags={"costcenter": "4711"})


def test_a_required_tag_counts_under_its_old_name() -> None:
    """What is required is there if the name of before is."""
    schema = read_schema(
        '[tags.a]\nrequired = true\nformerly = [{ name = "b", since = 2026-10-01 }]', source="s"
    )

    assert list(schema.deviations(Owner(tags={"b": "1"}), at_ns=SEPTEMBER_NS)) == []
    assert list(schema.deviations(Owner())) == [Deviation("tags.a", "missing", "")]


def test_undocumented_names_may_be_allowed() -> None:
    """With `undocumented = "allow"` only what is documented is held."""
    schema = read_schema('undocumented = "allow"\n[dimensions.plan]\nvalues = ["pro"]', source="s")

    assert _told(schema, None, tenant="x", plan="free", tags={"y": "z"}) == [
        ("plan", "outside", "free")
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("a = [", "cannot be read as TOML", id="no TOML"),
        pytest.param("", "no dimension and no tag", id="empty"),
        pytest.param("x = 1", "no key 'x'", id="unknown key"),
        pytest.param("owner = 1\n[tags.a]", "owner = 1 is no text", id="no text"),
        pytest.param("dimensions = 1", "dimensions is no table", id="no tables"),
        pytest.param("dimensions.plan = 1", "dimensions.plan is no table", id="no table"),
        pytest.param("[dimensions.plans]", "dimensions.plans: use one of", id="no dimension"),
        pytest.param("[tags.'a b']", "a tag's name has", id="no tag"),
        pytest.param("[tags.'split.feature']", "a tag's name has", id="split"),
        pytest.param("undocumented = 'x'\n[tags.a]", "use 'report' or 'allow'", id="undocumented"),
        pytest.param("[tags.a]\nrequired = 1", "use true or false", id="required"),
        pytest.param("[tags.a]\nvalues = [1]", "values is no list", id="values"),
        pytest.param("[tags.a]\nvalues = ['']", "a is empty", id="empty value"),
        pytest.param("[tags.a]\npattern = '['", "pattern '['", id="no pattern"),
        pytest.param("[tags.a]\npattern = '(?=b)b'", "ClickHouse reads it, too", id="look-ahead"),
        pytest.param("[tags.a]\npattern = 'b++'", "ClickHouse reads it, too", id="possessive"),
        pytest.param("[tags.a]\npattern = 'b{1000}'", "ClickHouse reads it, too", id="repeats"),
        pytest.param("[tags.a]\nrenamed = 1", "renamed is no list", id="renamed"),
        pytest.param("[tags.a]\nrenamed = [{old = 'x'}]", "a is empty", id="no new name"),
        pytest.param(
            "[tags.a]\nrenamed = [{old = 'x', new = 'y', since = '2026'}]",
            "use a day",
            id="no day",
        ),
        pytest.param(
            "[tags.a]\nvalues = ['x', 'y']\nrenamed = [{old = 'x', new = 'y'}]",
            "allowed and replaced",
            id="allowed and replaced",
        ),
        pytest.param(
            "[tags.a]\nvalues = ['z']\nrenamed = [{old = 'x', new = 'y'}]",
            "no allowed value",
            id="leads outside",
        ),
        pytest.param(
            "[tags.a]\nrenamed = [{old = 'x', new = 'y'}, {old = 'y', new = 'z'}]",
            "which is renamed itself",
            id="chain",
        ),
        pytest.param(
            "[tags.a]\nrenamed = [{old = 'x', new = 'y'}, {old = 'x', new = 'z'}]",
            "replaced twice",
            id="twice",
        ),
        pytest.param(
            "[dimensions.tenant]\nrenamed = [{old = 'x', new = 'y'}]",
            "costattr reattribute",
            id="identifiers",
        ),
        pytest.param(
            "[dimensions.plan]\nformerly = [{name = 'tier'}]", "has aliases", id="dimension"
        ),
        pytest.param("[tags.a]\nformerly = [{name = 'b c'}]", "no tag can be called", id="former"),
        pytest.param(
            "[tags.a]\nformerly = [{name = 'b'}]\n[tags.b]",
            "documented and replaced",
            id="documented and replaced",
        ),
        pytest.param(
            "[tags.a]\nformerly = [{name = 'c'}]\n[tags.b]\nformerly = [{name = 'c'}]",
            "called the same before",
            id="two of one name",
        ),
    ],
)
def test_a_schema_that_cannot_be_is_refused(text: str, says: str) -> None:
    """The refusal names the file and what is wrong in it."""
    with pytest.raises(BadSettings, match=r"^s\.toml: ") as refused:
        read_schema(text, source="s.toml")

    assert says in str(refused.value)


def test_new_telemetry_counts_under_the_new_names(schema: Schema) -> None:
    """Owner rules with the renames of a schema map values and tags, wherever they were found."""
    rules = OwnerRules(
        renames=schema.renames,
        rules=(OwnerRule(when={"service.name": "x"}, values={"team": "ml"}),),
    )
    span = chat_span(
        {"costattr.feature": "summarise", "costattr.tag.costcenter": "4711"},
        resource={"service.name": "x"},
    )

    owner = owner_of(span, rules=rules)

    assert owner.values == {"feature": "summary", "team": "models"}
    assert owner.tags == {"cost_center": "4711"}
    assert owner.sources == {"feature": "span", "team": "rule", "tags.cost_center": "span"}


def test_values_of_a_tag_count_under_their_new_names() -> None:
    """A tag is renamed by its name, its values by theirs; both at once if need be."""
    text = """
[tags.region]
formerly = [{ name = "zone" }]
renamed = [{ old = "eu", new = "europe" }]
"""
    rules = OwnerRules(renames=read_schema(text, source="s.toml").renames)

    for tag in ("costattr.tag.zone", "costattr.tag.region"):
        assert owner_of(chat_span({tag: "eu"}), rules=rules).tags == {"region": "europe"}


def test_a_call_with_both_names_keeps_both(schema: Schema) -> None:
    """Where the new tag is there, the old one stays what it is: nothing is lost."""
    span = chat_span({"costattr.tag.costcenter": "1", "costattr.tag.cost_center": "2"})

    owner = owner_of(span, rules=OwnerRules(renames=schema.renames))

    assert owner.tags == {"costcenter": "1", "cost_center": "2"}


def test_the_names_in_a_split_are_renamed_and_their_weights_added(schema: Schema) -> None:
    """summarise=1 and summary=2 become summary=3."""
    tag = {"costattr.tag.split.feature": "summarise=1&summary=2&chat=1"}

    owner = owner_of(chat_span(tag), rules=OwnerRules(renames=schema.renames))

    assert owner.tags == {"split.feature": "summary=3&chat=1"}


def test_a_split_that_is_none_stays(schema: Schema) -> None:
    """Nothing is made of a tag that only looks like a split."""
    tag = {"costattr.tag.split.feature": "summarise"}

    owner = owner_of(chat_span(tag), rules=OwnerRules(renames=schema.renames))

    assert owner.tags == {"split.feature": "summarise"}


def test_what_is_hashed_cannot_be_renamed(schema: Schema) -> None:
    """A rule that could never match is refused when the rules are made."""
    people = Identities(hashed=frozenset({"team"}), key=b"k" * 16, key_id="k1")

    with pytest.raises(BadSettings, match="team is hashed"):
        OwnerRules(renames=schema.renames, identities=people)


def test_a_rename_of_no_dimension_is_refused() -> None:
    """A misspelt dimension would rename nothing for ever."""
    with pytest.raises(BadSettings, match="unknown dimension 'features'"):
        Renames(values={"features": {"a": "b"}})


NAMES = st.sampled_from("abcdef")


@given(mapping=st.dictionaries(NAMES, st.sampled_from("xyz")), value=st.sampled_from("abcxyz"))
def test_every_former_name_leads_to_the_same_one(mapping: dict[str, str], value: str) -> None:
    """Whichever of its names is asked for, the answer is about all of them."""
    renames = Renames(values={"feature": mapping})

    asked = set(renames.former("feature", value))

    assert all(set(renames.former("feature", name)) == asked for name in asked)
