"""Attributes are read from their bytes as the protobuf library reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from otel_costattr_collector.codec import Decoded, Decoder, Limits
from otel_costattr_collector.codec.attributes import MAX_BYTES, MAX_REMEMBERED
from otel_costattr_collector.codec.quick import QuickSpan
from wire import NOW_NS, any_value, traces, wire_span

from otel_costattr.errors import BadTelemetry
from otel_costattr.model import AttributeValue, Span
from otel_costattr.testing import START_NS

scalars: st.SearchStrategy[AttributeValue] = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=2 * MAX_BYTES)
)


def decoder(limits: Limits = Limits()) -> Decoder:  # noqa: B008 - frozen
    """Return a decoder that keeps everything."""
    return Decoder(
        wanted=lambda _span: True, limits=limits, reducer=lambda _name: lambda value: value
    )


def decoded(raws: list[bytes], used: Decoder | None = None) -> Decoded:
    """Decode one span whose attributes are exactly these bytes."""
    bare = wire_span({}).SerializeToString()
    span = bare + b"".join(b"\x4a" + _length(raw) + raw for raw in raws)
    scope = b"\x12" + _length(span) + span
    resource = b"\x12" + _length(scope) + scope
    body = b"\x0a" + _length(resource) + resource
    return (used or decoder()).decode("traces", body, "protobuf", now_ns=NOW_NS)


def _length(data: bytes) -> bytes:
    number, out = len(data), b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=140), scalars)
def test_any_scalar_is_read_as_the_library_reads_it(key: str, value: AttributeValue) -> None:
    """The quick way and the library agree, the first time and from memory."""
    raw = KeyValue(key=key, value=any_value(value)).SerializeToString()
    used = decoder()

    for _ in range(2):
        (span,) = decoded([raw], used).spans
        assert span.attributes == {key: value}
        assert type(span.attributes[key]) is type(value)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        pytest.param(b"\x12\x03\x0a\x01v\x0a\x01k", "v", id="value-before-key"),
        pytest.param(b"\x0a\x01k\x12\x03\x0a\x01a\x12\x03\x0a\x01b", "b", id="value-twice"),
        pytest.param(b"\x0a\x01k\x12\x05\x0a\x01a\x18\x07", 7, id="text-then-number"),
        pytest.param(b"\x0a\x01k\x12\x05\x18\x07\x0a\x01a", "a", id="number-then-text"),
        pytest.param(b"\x0a\x01k\x12\x04\x18\x80\x80\x00", 0, id="padded-number"),
        pytest.param(b"\x0a\x01k\x12\x02\x10\x02", True, id="flag-of-two"),
        pytest.param(b"\x0a\x01k\x12\x00", None, id="no-value"),
        pytest.param(b"\x0a\x01k", None, id="no-value-at-all"),
        pytest.param(b"\x0a\x81\x00k\x12\x02\x18\x07", 7, id="long-form-of-a-length"),
    ],
)
def test_forms_that_no_exporter_writes_are_read_too(raw: bytes, value: AttributeValue) -> None:
    """What the protobuf library understands is understood."""
    expected = KeyValue.FromString(raw)
    assert expected.key == "k"

    (span,) = decoded([raw]).spans

    assert span.attributes == {"k": value}


@given(st.binary(min_size=1, max_size=40))
def test_bytes_that_are_no_attribute_reject_their_span_alone(raw: bytes) -> None:
    """Whatever stands there, the span is taken or rejected, as the library would decide."""
    found = decoded([raw])

    assert found.received == len(found.spans) + found.rejected.get("bad_attribute", 0) == 1


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"\x0a\x02\xff\xfe\x12\x03\x0a\x01v", id="name"),
        pytest.param(b"\x0a\x01k\x12\x04\x0a\x02\xff\xfe", id="text"),
        pytest.param(b"\x0a\x01k\x12\x09\x0a\x01v", id="cut-short"),
    ],
)
def test_a_broken_attribute_is_named(raw: bytes) -> None:
    """The span is rejected with a reason; its neighbours are not."""
    found = decoded([raw])

    assert found.rejected == {"bad_attribute": 1}
    assert "attribute" in found.message or "UTF-8" in found.message


def test_a_broken_resource_refuses_the_request() -> None:
    """Every span of it would be without its owner."""
    resource = b"\x0a\x05\x0a\x03\x0a\x01\xff"
    body = b"\x0a" + _length(resource) + resource

    with pytest.raises(BadTelemetry, match="resource"):
        decoder().decode("traces", body, "protobuf", now_ns=NOW_NS)


def test_what_a_limit_removes_is_counted_each_time() -> None:
    """Memory of an attribute does not hide that it was too long."""
    used = decoder(Limits(max_value_chars=5, max_depth=2))
    body = traces(wire_span({"k": "longer", "deep": ((1,),)})).SerializeToString()

    for _ in range(2):
        found = used.decode("traces", body, "protobuf", now_ns=NOW_NS)
        assert found.trimmed == {"value_chars": 1, "depth": 1}
        assert found.spans[0].attributes == {"k": None, "deep": (None,)}


def test_memory_of_attributes_is_bounded() -> None:
    """More different attributes than are remembered change nothing but speed."""
    used = decoder()
    raws = [
        KeyValue(key="k", value=any_value(number)).SerializeToString()
        for number in range(MAX_REMEMBERED + 10)
    ]

    decoded(raws, used)

    (span,) = decoded(raws[:3], used).spans
    assert span.attributes == {"k": 2}


def test_a_quickly_made_span_is_a_span() -> None:
    """Nothing tells it from one that its class made."""
    values = ("a" * 32, "b" * 16, "c" * 16, "chat", START_NS, START_NS + 1, {"k": 1}, ())
    made: object = QuickSpan(*values, ("scope", "1.0"), {"r": 1}, bool(1), "span")
    same = Span(
        trace_id="a" * 32,
        span_id="b" * 16,
        parent_span_id="c" * 16,
        name="chat",
        start_ns=START_NS,
        end_ns=START_NS + 1,
        attributes={"k": 1},
        events=(),
        scope_name="scope",
        scope_version="1.0",
        resource={"r": 1},
        failed=True,
        signal="span",
    )

    assert made == same
    assert (type(made), repr(made)) == (Span, repr(same))
