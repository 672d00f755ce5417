"""What may be posted: every spelling that is taken, every refusal in words that help."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otel_costattr_collector.codec import Limits
from otel_costattr_collector.codec.intake import Intake
from otel_costattr_collector.codec.projection import DEFAULT_PROJECTION, Projection
from otel_costattr_collector.events.posted import ALIASES, event_schema, read_event
from otel_costattr_collector.events.spans import key_of, span_of

from otel_costattr import assess, shipped_book
from otel_costattr.attribution import Identities, OwnerRules
from otel_costattr.attribution.identities import PLAIN
from otel_costattr.errors import BadInput
from otel_costattr.model import Assessment, Span
from otel_costattr.testing import START_NS

NOW_NS = START_NS + 60 * 10**9
FLAT: dict[str, Any] = {
    "externalRequestId": "r-77",
    "provider": "openai",
    "model": "gpt-4o-mini",
    "endpointTag": "chat",
    "promptVersion": 3,
    "userId": 812,
    "tenantId": "acme",
    "inputTokens": 1000,
    "outputTokens": 200,
    "latencyMs": 1500,
    "status": "success",
    "dataMode": "real",
    "environment": "production",
}


def spanned(posted: dict[str, Any], *, rules: OwnerRules | None = None) -> Span:
    """Return what a posted event becomes."""
    projection = Projection(rules) if rules else DEFAULT_PROJECTION
    intake = Intake(
        limits=Limits(), now_ns=NOW_NS, reducer=projection.reducer, wanted=lambda _: True
    )
    return span_of(
        read_event(posted),
        key="event:e-1",
        intake=intake,
        now_ns=NOW_NS,
        reducer=projection.reducer,
    )


def assessed(posted: dict[str, Any], **known: Any) -> Assessment:
    """Return what a posted event costs and who owns it."""
    found = assess(spanned(posted, **known), book=shipped_book())
    assert found is not None
    return found


def test_the_fields_of_an_existing_api_are_taken_as_they_are() -> None:
    """1,000 tokens at 0.15 USD and 200 at 0.60 USD per million; every owner is known."""
    found = assessed(FLAT)

    assert found.total_usd == Decimal("0.00027")
    assert found.status == "priced"
    assert dict(found.owner.values) == {
        "tenant": "acme",
        "user": "812",
        "feature": "chat",
        "prompt_version": "3",
        "environment": "production",
        "data_mode": "real",
        "external_request_id": "r-77",
    }
    assert (found.span.start_ns, found.span.end_ns) == (NOW_NS - 1_500_000_000, NOW_NS)


def test_our_own_names_say_more() -> None:
    """Disjoint counts, time, ids, tags and a reported cost come along."""
    found = assessed(
        {
            "id": "e-1",
            "time": "2026-09-21T16:13:20.250+02:00",
            "latency_ms": 2000.5,
            "provider": "openai",
            "response_model": "gpt-4o-mini-2024-07-18",
            "request_model": "gpt-4o-mini",
            "response_id": "chatcmpl-9",
            "usage": {"input": 100, "cache_read": 900, "output": 150, "reasoning": 50},
            "trace_id": "ab" * 16,
            "span_id": "cd" * 8,
            "service": "api",
            "tenant": "acme",
            "session": "s-1",
            "tags": {"cell": "eu-1"},
            "reported_cost_usd": 0.0003,
            "service_tier": "default",
        }
    )

    assert found.span.start_ns == START_NS + 250_000_000
    assert found.span.end_ns - found.span.start_ns == 2_000_500_000
    assert found.span.ref == f"{'ab' * 16}:{'cd' * 8}"
    assert found.span.resource == {"service.name": "api"}
    assert found.call.usage is not None
    assert found.call.usage.input_total == 1000
    assert found.call.usage.output_total == 200
    assert (found.owner.values["session"], found.owner.tags) == ("s-1", {"cell": "eu-1"})
    assert str(found.call.reported_cost_usd) == "0.0003"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"colour": "red"}, "'colour' is no field of an event", id="unknown"),
        pytest.param({"colour": None}, "'colour' is no field of an event", id="unknown-null"),
        pytest.param({"input_token": 3}, "did you mean input_tokens?", id="typo"),
        pytest.param({"inputTokens": -1}, "input_tokens: Input should be greater", id="negative"),
        pytest.param({"inputTokens": 1.5}, "input_tokens: Input should be a valid int", id="half"),
        pytest.param({"inputTokens": True}, "input_tokens: Input should be a valid int", id="bool"),
        pytest.param({"usage": {"input": 1}}, "send one of both", id="two-ways-to-count"),
        pytest.param(
            {"inputTokens": None, "outputTokens": None, "usage": {"tokens": 3}},
            "usage.tokens is no unit: use 'input', 'cache_read'",
            id="unit",
        ),
        pytest.param({"tenant": "other"}, "say different things", id="two-tenants"),
        pytest.param({"tenantId": "x" * 300}, "tenant: A value has at most 256", id="long-owner"),
        pytest.param({"dataMode": "fake"}, "data_mode: A data mode is one of", id="data-mode"),
        pytest.param({"time": "yesterday"}, "time: Input should be a valid datetime", id="time"),
        pytest.param(
            {"time": "2026-09-21T16:13:20"}, "time: Input should have timezone", id="zone"
        ),
        pytest.param({"trace_id": "xyz"}, "trace_id: String should match", id="trace"),
        pytest.param({"span_id": "ab" * 8}, "without a trace_id", id="span-alone"),
        pytest.param({"tags": {"a b": "c"}}, "a tag's name is 'a b'", id="tag-name"),
        pytest.param({"tags": {"a": "\0"}}, "tag a has a value that is not allowed", id="tag"),
        pytest.param(
            {"tags": {f"t{n}": "x" for n in range(17)}}, "17 tags are too many", id="tags"
        ),
        pytest.param({"id": " e"}, "id: use printable characters", id="id"),
    ],
)
def test_a_refusal_names_field_and_remedy(change: dict[str, Any], words: str) -> None:
    """Whatever is wrong is said in one sentence."""
    with pytest.raises(BadInput) as refused:
        read_event(FLAT | change)

    assert words in str(refused.value)


def test_what_is_no_object_is_no_event() -> None:
    """A list inside the list, a number, a text."""
    with pytest.raises(BadInput, match="an event is a JSON object, not 3"):
        read_event(3)


@pytest.mark.parametrize(
    ("status", "failed", "tag"),
    [
        ("ok", False, ""),
        ("SUCCESS", False, ""),
        (200, False, ""),
        (429, True, ""),
        ("rate-limited", True, ""),
        ("timed out", True, ""),
        ("moderated", False, "moderated"),
        (None, False, ""),
    ],
)
def test_a_status_tells_failure_or_is_kept_as_a_tag(
    status: object, *, failed: bool, tag: str
) -> None:
    """A word that is neither success nor failure to us harms nothing and stays visible."""
    found = assessed(FLAT | {"status": status})

    assert found.span.failed is failed
    assert found.owner.tags.get("status", "") == tag


def test_content_is_the_same_in_every_spelling() -> None:
    """Our names or theirs, absent or null, in any order; the id is no part of it."""
    ours = {ALIASES.get(name, name): value for name, value in reversed(FLAT.items())}

    same = {
        read_event(posted).content()
        for posted in (FLAT, ours, FLAT | {"id": "e-1"}, FLAT | {"session": None, "step": ""})
    }

    assert len(same) == 1
    assert read_event(FLAT | {"inputTokens": 1001}).content() not in same


def test_people_are_protected_before_anything_is_kept() -> None:
    """A hashed dimension leaves the door hashed, an e-mail address not at all."""
    rules = OwnerRules(
        identities=Identities(hashed=frozenset({"user"}), key=b"k" * 16, key_id="k1")
    )
    span = spanned(FLAT | {"tenantId": "joe@example.com"}, rules=rules)

    assert str(span.attributes["costattr.user"]).startswith("h:k1:")
    assert "joe@example.com" not in str(span)


def test_ids_of_different_keys_never_meet() -> None:
    """A tenant's key has its own ids; neither can be spelled as the other."""
    assert key_of("e-1", "", PLAIN) == "event:e-1"
    assert key_of("e-1", "acme", PLAIN) == "event@acme:e-1"
    assert key_of("x:e-1", "acme", PLAIN) != key_of("e-1", "acme:x", PLAIN)


def test_the_schema_lists_every_spelling() -> None:
    """Who reads the OpenAPI document finds the names of the existing API as well as ours."""
    properties = event_schema()["properties"]

    assert FLAT.keys() <= properties.keys()
    assert ALIASES.keys() | set(ALIASES.values()) <= properties.keys()


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    posted=st.dictionaries(
        st.sampled_from([*FLAT, "usage", "tags", "time", "id", "x"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
    )
)
def test_arbitrary_fields_are_taken_or_refused_in_words(posted: dict[str, Any]) -> None:
    """No posted object raises anything but `BadInput`."""
    with suppress(BadInput):
        read_event(posted)
