"""Owners: which claim counts, where it was found, and what is dropped."""

import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_costattr.attribution import OwnerRule, OwnerRules, owner_attributes, owner_of
from otel_costattr.attribution.claims import QuickOwner
from otel_costattr.attribution.names import ALIASES, METADATA_NAMES
from otel_costattr.errors import BadAttribution, BadSettings
from otel_costattr.model import NOBODY, Attributes, Owner
from otel_costattr.testing import chat_span

# One claim a place, from the most trusted to the least: (source, what makes the claim).
LADDER = ("key", "local", "span", "alias", "metadata", "baggage", "captured", "resource", "rule")


def claims(*places: str) -> Owner:
    """Return the tenant's owner if exactly these places name one, each with its own name."""
    attributes: dict[str, str] = {}
    if "span" in places:
        attributes["costattr.tenant"] = "span"
    if "alias" in places:
        attributes["customer_id"] = "alias"
    if "metadata" in places:
        attributes["metadata"] = json.dumps({"tenantId": "metadata"})
    if "baggage" in places:
        attributes["tenant"] = "baggage"
    captured = NOBODY
    if "captured" in places:
        captured = Owner(values={"tenant": "captured"}, sources={"tenant": "baggage"})
    if "local" in places:
        captured = Owner(values={"tenant": "local"}, sources={"tenant": "local"})
    rule = OwnerRule(when={"scope.name": "*"}, values={"tenant": "rule"})
    return owner_of(
        chat_span(
            attributes, resource={"costattr.tenant": "resource"} if "resource" in places else {}
        ),
        rules=OwnerRules(rules=(rule,) if "rule" in places else (), defaults={"tenant": "default"}),
        captured=captured,
        key_tenant="key" if "key" in places else "",
    )


@pytest.mark.parametrize("place", range(len(LADDER)), ids=LADDER)
def test_precedence(place: int) -> None:
    """The most trusted claim counts, whatever the less trusted ones say."""
    assert claims(*LADDER[place:]).values == {"tenant": LADDER[place]}


@pytest.mark.parametrize("tenant", ["ops@example.com", "x" * 300, "None"])
def test_nothing_takes_the_place_of_a_key(tenant: str) -> None:
    """The tenant of a key counts whatever it is called, so no span can speak for it."""
    owner = owner_of(chat_span({"costattr.tenant": "evil"}), key_tenant=tenant)

    assert owner.values == {"tenant": tenant}
    assert owner.sources == {"tenant": "key"}


def test_default_is_last() -> None:
    """A default counts only where nothing else names an owner, and says so."""
    owner = claims()

    assert owner.values == {"tenant": "default"}
    assert owner.sources == {"tenant": "default"}


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("key", "key"),
        ("local", "local"),
        ("span", "span"),
        ("alias", "span"),
        ("metadata", "span"),
        ("baggage", "baggage"),
        ("captured", "baggage"),
        ("resource", "rule"),
        ("rule", "rule"),
    ],
)
def test_sources(place: str, source: str) -> None:
    """Where a value came from is kept."""
    assert claims(place).sources == {"tenant": source}


@pytest.mark.parametrize(
    ("attributes", "values"),
    [
        ({"customer_id": "acme"}, {"tenant": "acme"}),
        ({"tenantId": "acme"}, {"tenant": "acme"}),
        ({"endpointTag": "chat"}, {"feature": "chat"}),
        ({"step_name": "plan"}, {"step": "plan"}),
        ({"userId": "u1"}, {"user": "u1"}),
        ({"enduser.id": "u1"}, {"user": "u1"}),
        ({"user.id": "u1"}, {"user": "u1"}),
        ({"promptVersion": "v3"}, {"prompt_version": "v3"}),
        ({"dataMode": "demo"}, {"data_mode": "demo"}),
        ({"externalRequestId": "r-1"}, {"external_request_id": "r-1"}),
        ({"session.id": "s1"}, {"session": "s1"}),
        ({"gen_ai.conversation.id": "c1"}, {"session": "c1"}),
        ({"gen_ai.agent.name": "planner"}, {"agent": "planner"}),
        ({"gen_ai.workflow.name": "flow"}, {"workflow": "flow"}),
        (
            {"gen_ai.prompt.name": "greet", "gen_ai.prompt.version": 4},
            {"prompt": "greet", "prompt_version": "4"},
        ),
        ({"deployment.environment.name": "prod"}, {"environment": "prod"}),
        ({"deployment.environment": "prod"}, {"environment": "prod"}),
        ({"langfuse.session.id": "s", "langfuse.user.id": "u"}, {"session": "s", "user": "u"}),
        ({"langfuse.trace.metadata.team": '"a"'}, {"team": "a"}),
        ({"traceloop.association.properties.tenant_id": "acme"}, {"tenant": "acme"}),
        ({"langsmith.metadata.thread_id": "th-1"}, {"session": "th-1"}),
        ({"ai.telemetry.metadata.userId": "u1"}, {"user": "u1"}),
        ({"ai.telemetry.functionId": "summarise"}, {"feature": "summarise"}),
        ({"metadata.user_api_key_team_id": "team1"}, {"team": "team1"}),
        (
            {"metadata": '{"customer_id": "acme", "plan_tier": "pro"}'},
            {"tenant": "acme", "plan": "pro"},
        ),
        ({"entity_type": "customer", "entity_id": "acme-corp"}, {"tenant": "acme-corp"}),
        ({"entityType": "team", "entityId": 7}, {"team": "7"}),
        ({"metadata": '{"entity_type": "Project", "entity_id": "p"}'}, {"project": "p"}),
    ],
    ids=",".join,
)
def test_aliases(attributes: Attributes, values: dict[str, str]) -> None:
    """Each library's and convention's name for a dimension is understood."""
    assert owner_of(chat_span(attributes)).values == values


def test_first_present_wins() -> None:
    """Of several aliases the first in the table counts; they are never joined."""
    both = {"session.id": "s1", "gen_ai.conversation.id": "c1"}

    assert owner_of(chat_span(both)).values == {"session": "s1"}
    assert owner_of(chat_span(dict(reversed(both.items())))).values == {"session": "s1"}


def test_empty_alias_says_nothing() -> None:
    """An emitter that writes empty strings for what it lacks does not hide the next alias."""
    owner = owner_of(chat_span({"gen_ai.request.user": "", "llm.user": "u1"}))

    assert owner.values == {"user": "u1"}
    assert owner.refused == {}


def test_refused_claim_gives_way() -> None:
    """A value that is not allowed is dropped and named, and the next claim counts."""
    owner = owner_of(chat_span({"costattr.tenant": "a\x00", "customer_id": "acme"}))

    assert owner.values == {"tenant": "acme"}
    assert owner.refused == {"costattr.tenant": "bad_characters"}


def test_other_entities_are_kept() -> None:
    """An entity of any other type is kept as a tag."""
    owner = owner_of(chat_span({"entity_type": "Ship", "entity_id": "Beagle"}))

    assert owner.tags == {"entity.ship": "Beagle"}
    assert owner.sources == {"tags.entity.ship": "span"}


def test_entity_without_type_says_nothing() -> None:
    """An entity's id alone names nobody."""
    assert owner_of(chat_span({"entity_id": "acme"})) is NOBODY


def test_labels_become_one_tag() -> None:
    """A list of labels is one tag, sorted, so that its cost is counted once."""
    assert owner_of(chat_span({"tag.tags": ("b", "a", "b", 7)})).tags == {"labels": "a,b"}
    assert owner_of(chat_span({"tag.tags": "b"})).tags == {}


@pytest.mark.parametrize(
    "text", ["{", "[1]", '{"tenant": ' + "[" * 4000, "{" + " " * 8192 + "}", "{'tenant': 'a'}"]
)
def test_bad_metadata_says_nothing(text: str) -> None:
    """A metadata attribute that is no JSON object of reasonable size names nobody."""
    assert owner_of(chat_span({"metadata": text})) is NOBODY


def test_metadata_of_another_type_says_nothing() -> None:
    """A metadata attribute that is no text names nobody."""
    assert owner_of(chat_span({"metadata": 7})) is NOBODY


def test_prompt_text_is_no_prompt_name() -> None:
    """Metadata named `prompt` may hold the prompt's text, so it is never taken for its name."""
    assert "prompt" not in METADATA_NAMES
    assert owner_of(chat_span({"traceloop.association.properties.prompt": "Dear Sir"})) is NOBODY


def test_tags() -> None:
    """Tags come from `costattr.tag.*`, captured context and attributes that the operator names."""
    owner = owner_of(
        chat_span(
            {"costattr.tag.region": "eu", "costattr.tag.shape": "span", "cost_center": 12},
            resource={"k8s.namespace": "prod", "costattr.tag.zone": "b", "metadata": "{}"},
        ),
        rules=OwnerRules(tag_attributes=("cost_center", "k8s.namespace")),
        captured=Owner(tags={"shape": "round"}, sources={"tags.shape": "local"}),
    )

    assert owner.tags == {
        "shape": "round",
        "region": "eu",
        "cost_center": "12",
        "k8s.namespace": "prod",
        "zone": "b",
    }
    assert owner.sources["tags.shape"] == "local"


def test_tags_are_bounded() -> None:
    """The seventeenth tag and a tag with an odd name are dropped and named."""
    tags = {f"costattr.tag.t{number}": "x" for number in range(17)}
    owner = owner_of(chat_span(tags | {"costattr.tag.a b": "x"}))

    assert len(owner.tags) == 16
    assert sorted(owner.refused.values()) == ["bad_name", "too_many"]


@pytest.mark.parametrize(
    ("claimed", "sources"),
    [
        ("local", {"tenant": "local", "feature": "local"}),
        ("tenant=baggage,feature=local", {"tenant": "baggage", "feature": "local"}),
        ("tenant=default", {"tenant": "default", "feature": "span"}),
        ("key", {"tenant": "span", "feature": "span"}),
        ("tenant=key,feature=", {"tenant": "span", "feature": "span"}),
        (7, {"tenant": "span", "feature": "span"}),
    ],
)
def test_source_note(claimed: str | int, sources: dict[str, str]) -> None:
    """The application's own note of its sources is believed, except that it can claim no key."""
    span = chat_span(
        {"costattr.tenant": "a", "costattr.feature": "b", "costattr.owner.source": claimed}
    )

    assert owner_of(span).sources == sources


def test_untrusted_baggage() -> None:
    """Where baggage is not trusted, neither its bare keys nor what was copied from it counts."""
    span = chat_span(
        {"tenant": "evil", "costattr.feature": "b", "costattr.owner.source": "baggage"}
    )
    captured = Owner(
        values={"tenant": "evil"},
        tags={"x": "evil"},
        sources={"tenant": "baggage", "tags.x": "baggage"},
    )

    assert owner_of(span).values == {"tenant": "evil", "feature": "b"}
    assert owner_of(span, rules=OwnerRules(trust_baggage=False), captured=captured).values == {}


def test_bare_names_are_configurable() -> None:
    """The bare baggage keys are a setting; the first of two for one dimension counts."""
    rules = OwnerRules(baggage={"cust": "tenant", "team": "team", "crew": "team"})
    span = chat_span({"crew": "b", "team": "a", "cust": "acme", "tenant": "x"})

    assert owner_of(span, rules=rules).values == {"tenant": "acme", "team": "a"}


def test_rules_match() -> None:
    """A rule owns the spans whose attributes, resource, name and scope match its patterns."""
    rules = OwnerRules(
        rules=(
            OwnerRule(
                when={"service.name": "chat-*", "span.name": "chat*"}, values={"team": "chat"}
            ),
            OwnerRule(when={"gen_ai.request.model": "*"}, values={"team": "all"}, tags={"t": "1"}),
            OwnerRule(when={"missing": "?*"}, values={"project": "never"}),
        )
    )
    chat = owner_of(chat_span(resource={"service.name": "chat-api"}), rules=rules)
    other = owner_of(chat_span(resource={"service.name": "batch"}), rules=rules)

    assert (chat.values, chat.tags) == ({"team": "chat"}, {"t": "1"})
    assert (other.values, other.tags) == ({"team": "all"}, {"t": "1"})


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (lambda: OwnerRule(when={}), BadSettings),
        (lambda: OwnerRule(when={"a": "*"}, tags={"a b": "x"}), BadSettings),
        (lambda: OwnerRule(when={"a": "*"}, tags={"a": "x" * 999}), BadAttribution),
        (
            lambda: OwnerRule(when={"a": "*"}, values={"nobody": "x"}),  # type: ignore[dict-item]
            BadSettings,
        ),
        (lambda: OwnerRules(defaults={"tenant": "\x00"}), BadAttribution),
        (
            lambda: OwnerRules(aliases={"x": "nobody"}),  # type: ignore[dict-item]
            BadSettings,
        ),
        (
            lambda: OwnerRules(baggage={"x": "nobody"}),  # type: ignore[dict-item]
            BadSettings,
        ),
    ],
    ids=["no condition", "tag name", "tag value", "dimension", "default", "alias", "baggage"],
)
def test_bad_rules(build: Callable[[], object], error: type[Exception]) -> None:
    """Rules that make no sense are refused when they are made."""
    with pytest.raises(error):
        build()


def test_captured_refusals_stay_visible() -> None:
    """What was dropped when the context was captured is still named, owner or not."""
    captured = Owner(refused={"tenant": "too_long"})

    assert owner_of(chat_span(), captured=captured).refused == {"tenant": "too_long"}
    assert owner_of(chat_span({"customer_id": "a"}), captured=captured).refused == {
        "tenant": "too_long"
    }


values = st.one_of(
    st.text(max_size=300),
    st.integers(),
    st.none(),
    st.booleans(),
    st.floats(),
    st.binary(max_size=9),
    st.lists(st.text(max_size=9), max_size=3).map(tuple),
)
names = st.one_of(
    st.sampled_from([*ALIASES, "metadata", "tag.tags", "costattr.tenant", "costattr.tag.x"]),
    st.text(max_size=20),
)


@pytest.mark.no_cover  # the same lines as other tests, many times over
@given(st.dictionaries(names, values, max_size=12), st.dictionaries(names, values, max_size=6))
def test_any_span(attributes: Attributes, resource: Attributes) -> None:
    """No span makes it raise; what it stores is short, printable and has a source each."""
    owner = owner_of(chat_span(attributes, resource=resource))

    stored = [*owner.values.values(), *owner.tags.values()]
    assert {*owner.values, *(f"tags.{name}" for name in owner.tags)} == owner.sources.keys()
    assert all(0 < len(value) <= 256 and value.isprintable() for value in stored)


@pytest.mark.no_cover  # the same lines as other tests, many times over
@given(st.dictionaries(names, values, max_size=12), st.randoms())
def test_order_does_not_matter(attributes: Attributes, random: Random) -> None:
    """The order of attributes on the wire changes nothing."""
    items = list(attributes.items())
    random.shuffle(items)

    assert owner_of(chat_span(attributes)) == owner_of(chat_span(dict(items)))


@pytest.mark.no_cover  # the same lines as other tests, many times over
@given(st.dictionaries(names, values, max_size=12), st.dictionaries(names, values, max_size=6))
def test_attributes_round_trip(attributes: Attributes, resource: Attributes) -> None:
    """What the application writes on a span is what the collector reads, sources included."""
    owner = owner_of(chat_span(attributes, resource=resource))
    again = owner_of(chat_span(owner_attributes(owner)))

    assert (again.values, again.tags, again.sources) == (owner.values, owner.tags, owner.sources)


def test_a_quick_owner_is_the_record() -> None:
    """Nothing tells an owner that was made quickly from one made by its class."""
    quick: object = QuickOwner({"tenant": "acme"}, {"a": "b"}, {"tenant": "span"}, {"x": "email"})

    assert quick == Owner(
        values={"tenant": "acme"},
        tags={"a": "b"},
        sources={"tenant": "span"},
        refused={"x": "email"},
    )
    with pytest.raises(FrozenInstanceError):
        quick.values = {}  # type: ignore[misc]
