"""What goes on is what is read, and never a prompt or completion."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from golden.recordings import FOLDER
from otel_costattr_collector.codec import Decoder, Signal
from otel_costattr_collector.codec.projection import Projection
from wire import CALL, NOW_NS, otlp_json, traces, wire_span

from otel_costattr.attribution import Identities, OwnerRule, OwnerRules, owner_of
from otel_costattr.model import AttributeValue, Span
from otel_costattr.testing import chat_span
from otel_costattr.usage import is_genai, read

RECORDINGS = sorted(FOLDER.glob("*/*.json"))
SECRET = "my mother's maiden name is Quux"
WHOLE = Decoder(wanted=is_genai, reducer=lambda _name: lambda value: value)
PROJECTED = Decoder(wanted=is_genai)


def spans(path: Path, decoder: Decoder) -> tuple[Span, ...]:
    """Return the spans and log records of a recording."""
    recording = json.loads(path.read_text())
    signals: tuple[Signal, ...] = ("traces", "logs")
    return tuple(
        span
        for signal in signals
        if recording[signal]
        for span in decoder.decode(
            signal, json.dumps(recording[signal]).encode(), "json", now_ns=NOW_NS
        ).spans
    )


@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_nothing_that_is_read_is_lost() -> None:
    """For every recording, call and owner are the same with and without the projection."""
    different = [
        (path.parent.name, path.stem, before.name)
        for path in RECORDINGS
        for before, after in zip(spans(path, WHOLE), spans(path, PROJECTED), strict=True)
        if read(before) != read(after) or owner_of(before) != owner_of(after)
    ]

    assert len(RECORDINGS) == 258
    assert different == []


@pytest.mark.parametrize("words", ["Hello there", "hello there", '"content"'])
def test_no_words_of_a_conversation_go_on(words: str) -> None:
    """What the stand-in said and was asked is nowhere in what is kept of the recordings."""
    holding = [
        (path.parent.name, path.stem)
        for path in RECORDINGS
        if words in repr(spans(path, PROJECTED)).replace('\\"', '"')
    ]

    assert holding == []


CONTENT: list[tuple[str, AttributeValue]] = [
    ("gen_ai.input.messages", SECRET),
    ("gen_ai.prompt", SECRET),
    ("gen_ai.prompt.0.content", SECRET),
    ("gen_ai.completion.0.content", SECRET),
    ("llm.input_messages.0.message.content", SECRET),
    ("traceloop.entity.input", SECRET),
    ("input.value", SECRET),
    ("output.value", json.dumps({"id": "chatcmpl-1234", "text": SECRET})),
    ("gen_ai.usage.raw", json.dumps({"input_tokens": 5, "note": SECRET, SECRET: 7})),
    ("metadata", json.dumps({"tenantId": "acme", "note": SECRET, "deep": {"note": SECRET}})),
    ("metadata", repr({"tenantId": "acme", "note": SECRET})),
    ("llm.invocation_parameters", json.dumps({"stop": [SECRET], "service_tier": "flex"})),
    ("genkit:output", json.dumps({"message": {"text": SECRET, "age": 54}, "usage": {}})),
    ("ai.response.providerMetadata", {"openai": {"usage": {"text": SECRET}, "x": (SECRET,)}}),
    ("anything.else", SECRET),
    ("gen_ai.request.model", SECRET * 40),
]


@pytest.mark.parametrize(("name", "value"), CONTENT, ids=[name for name, _ in CONTENT])
def test_content_does_not_go_on(name: str, value: AttributeValue) -> None:
    """Wherever a library puts the words of a conversation, they end at the door."""
    request = traces(wire_span({**CALL, name: value}), resource={"service.name": "s", name: value})

    for decoded in (
        PROJECTED.decode("traces", request.SerializeToString(), "protobuf", now_ns=NOW_NS),
        PROJECTED.decode("traces", otlp_json(request), "json", now_ns=NOW_NS),
    ):
        (span,) = decoded.spans
        assert "Quux" not in repr(span)
        assert span.attributes["gen_ai.usage.input_tokens"] == 1000


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        pytest.param(
            "gen_ai.usage.raw",
            {"input_tokens": 5, "cache_creation": {"ephemeral_5m_input_tokens": "3"}, "x": 1},
            '{"input_tokens": 5, "cache_creation": {"ephemeral_5m_input_tokens": "3"}}',
            id="mapping",
        ),
        pytest.param(
            "hidden_params", "{'usage_object': {'prompt_tokens': 7}}",
            '{"usage_object": {"prompt_tokens": 7}}', id="python-repr",
        ),
        pytest.param(
            "metadata", '{"tenantId": "acme", "usage": "{\\"input_tokens\\": 1}", "n": "12"}',
            '{"tenantId": "acme", "usage": {"input_tokens": 1}}', id="nested-text",
        ),
        pytest.param(
            "gen_ai.usage.raw", {"iterations": ({"model": "m", "input_tokens": 1}, 5, "x")},
            '{"iterations": [{"model": "m", "input_tokens": 1}]}', id="list",
        ),
        pytest.param("gen_ai.usage.raw", "no object", None, id="text"),
        pytest.param("github.copilot.cost", SECRET, True, id="mark"),
        pytest.param("costattr.tag.plan", "pro", "pro", id="tag"),
        pytest.param("langfuse.trace.tags", ("a", "b", {"c": 1}), ("a", "b", None), id="labels"),
        pytest.param("output.value", 5, None, id="output-is-number"),
        pytest.param("tenant", b"bytes", None, id="bytes"),
    ],
)  # fmt: skip
def test_what_is_left_of_a_value(name: str, value: AttributeValue, kept: AttributeValue) -> None:
    """Counts, identifiers and owners stay, in the shape in which they are read."""
    reduce = Projection().reducer(name)

    assert reduce is not None
    assert reduce(value) == kept


def test_an_operators_rules_are_read_too() -> None:
    """An attribute that only a rule looks at is kept."""
    rules = OwnerRules(rules=(OwnerRule(when={"k8s.namespace": "x*"}, values={"team": "t"}),))

    assert Projection().reducer("k8s.namespace") is None
    assert Projection(rules).reducer("k8s.namespace") is not None


def test_nesting_ends() -> None:
    """An object that nests without end is cut, not followed."""
    nested: AttributeValue = {"input_tokens": 1}
    for _ in range(30):
        nested = {"usage": nested}
    reduce = Projection().reducer("gen_ai.usage.raw")

    assert reduce is not None
    assert reduce(nested) == "{}"


HASHED = Identities(hashed=frozenset({"user"}), key=b"sixteen bytes key", key_id="k1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("user.id", "u-812", id="alias"),
        pytest.param("costattr.user", " u-812 ", id="own-name"),
        pytest.param("userId", 812, id="number"),
        pytest.param("metadata", '{"userId": "u-812"}', id="metadata"),
        pytest.param("metadata", '{"userId": 812}', id="number-in-metadata"),
    ],
)
def test_people_are_hashed_at_the_door(name: str, value: AttributeValue) -> None:
    """What is kept no longer says who it is, and is attributed as if it were hashed later."""
    rules = OwnerRules(identities=HASHED)
    reduce = Projection(rules).reducer(name)
    assert reduce is not None
    kept = reduce(value)

    assert "812" not in str(kept).replace("h:k1:", "")[:6]
    assert "u-812" not in str(kept)
    before = owner_of(chat_span({name: value}), rules=rules)
    assert owner_of(chat_span({name: kept}), rules=rules).values == before.values
    assert before.values["user"].startswith("h:k1:")


@pytest.mark.parametrize("name", ["user.id", "tenant", "costattr.tag.owner"])
def test_an_address_of_a_person_is_refused_at_the_door(name: str) -> None:
    """It is refused like any address, and the address itself goes no further."""
    reduce = Projection().reducer(name)
    assert reduce is not None
    kept = reduce("jane.doe@example.com")

    assert kept == "refused@e-mail.invalid"
    told = owner_of(chat_span({name: kept}))
    assert told.refused == owner_of(chat_span({name: "jane.doe@example.com"})).refused
