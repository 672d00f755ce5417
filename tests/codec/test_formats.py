"""Protobuf and JSON of the same telemetry are the same spans."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from otel_costattr_collector.codec import Decoded, Decoder, Format, Signal
from wire import CALL, NOW_NS, logs, otlp_json, pairs, traces, wire_span

from otel_costattr.model import AttributeValue, Event, Span
from otel_costattr.testing import START_NS

DECODER = Decoder(wanted=lambda _span: True, reducer=lambda _name: lambda value: value)


def decode(body: bytes, format_: Format = "protobuf", *, signal: Signal = "traces") -> Decoded:
    """Decode a body that was received at `NOW_NS`."""
    return DECODER.decode(signal, body, format_, now_ns=NOW_NS)


def test_a_span_comes_through_with_all_that_is_read() -> None:
    """Ids, times, scope, resource, status, attributes and events arrive as they were sent."""
    wire = wire_span(
        CALL,
        parent_span_id=b"\x07" * 8,
        status=Status(code=Status.STATUS_CODE_ERROR),
        events=[WireSpan.Event(name="e", time_unix_nano=START_NS, attributes=pairs({"a": 1}))],
    )

    (span,) = decode(traces(wire).SerializeToString()).spans

    assert span == Span(
        trace_id="0" * 31 + "1",
        span_id="0" * 15 + "1",
        parent_span_id="07" * 8,
        name="chat gpt-4o-mini",
        start_ns=START_NS,
        end_ns=START_NS + 10**9,
        attributes=CALL,
        events=(Event(name="e", time_ns=START_NS, attributes={"a": 1}),),
        scope_name="tests",
        scope_version="1.0",
        resource={"service.name": "tests"},
        failed=True,
    )


values: st.SearchStrategy[AttributeValue] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=20)
    | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text("abc.", min_size=1, max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
keys = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=12)
wire_spans = st.builds(
    lambda number, attributes, duration, failed: wire_span(
        attributes,
        number=number,
        end_time_unix_nano=START_NS + duration,
        status=Status(code=Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_OK),
        events=[WireSpan.Event(name="e", time_unix_nano=START_NS, attributes=pairs(attributes))],
    ),
    st.integers(1, 2**64 - 1),
    st.dictionaries(keys, values, max_size=6),
    st.integers(0, 10**12),
    st.booleans(),
)


@given(st.lists(wire_spans, max_size=4), st.dictionaries(keys, values, max_size=3))
def test_json_and_protobuf_of_the_same_spans_are_equal(
    spans: list[WireSpan], resource: dict[str, AttributeValue]
) -> None:
    """Whatever a span carries, both wire formats give the same record."""
    request = traces(*spans, resource=resource)

    from_protobuf = decode(request.SerializeToString())

    assert from_protobuf.received == len(spans)
    assert decode(otlp_json(request), "json") == from_protobuf


@given(st.dictionaries(keys, values, max_size=6), st.sampled_from([0, 1]))
def test_json_and_protobuf_of_the_same_log_records_are_equal(
    attributes: dict[str, AttributeValue], id_length: int
) -> None:
    """A log record is the same in both formats, with ids or without."""
    record = LogRecord(
        observed_time_unix_nano=START_NS,
        event_name="gen_ai.client.inference.operation.details",
        attributes=pairs(attributes),
        trace_id=b"\x01" * 16 * id_length,
        span_id=b"\x02" * 8 * id_length,
    )
    request = logs(record)

    from_protobuf = decode(request.SerializeToString(), signal="logs")

    (span,) = from_protobuf.spans
    assert (span.signal, span.start_ns, span.end_ns) == ("log", START_NS, START_NS)
    assert span.trace_id == "01" * 16 * id_length
    assert decode(otlp_json(request), "json", signal="logs") == from_protobuf


def test_nan_arrives_as_nan_in_both_formats() -> None:
    """A count that is not a number stays one, so that the reader can name it."""
    request = traces(wire_span({"gen_ai.usage.input_tokens": math.nan}))

    for decoded in (decode(request.SerializeToString()), decode(otlp_json(request), "json")):
        (span,) = decoded.spans
        value = span.attributes["gen_ai.usage.input_tokens"]
        assert isinstance(value, float)
        assert math.isnan(value)
