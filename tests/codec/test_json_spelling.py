"""OTLP/JSON as senders really write it."""

from __future__ import annotations

import json

import pytest
from otel_costattr_collector.codec import Decoded, Decoder
from wire import NOW_NS

from otel_costattr.errors import BadTelemetry
from otel_costattr.testing import START_NS

DECODER = Decoder(wanted=lambda _span: True, reducer=lambda _name: lambda value: value)
TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"


def decode(span: object) -> Decoded:
    """Decode a request of this one span."""
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    return DECODER.decode("traces", json.dumps(body).encode(), "json", now_ns=NOW_NS)


def span(**fields: object) -> dict[str, object]:
    """Return a span in JSON."""
    return {
        "traceId": TRACE,
        "spanId": SPAN,
        "startTimeUnixNano": str(START_NS),
        "endTimeUnixNano": START_NS + 1,
    } | fields


def attribute(value: object) -> dict[str, object]:
    """Return a span in JSON with one attribute `a`."""
    return span(attributes=[{"key": "a", "value": value}])


@pytest.mark.parametrize(
    ("value", "read"),
    [
        pytest.param({"intValue": "7"}, 7, id="int-as-text"),
        pytest.param({"intValue": 7}, 7, id="int-as-number"),
        pytest.param({"intValue": 7.0}, 7, id="int-as-whole-double"),
        pytest.param({"doubleValue": 1}, 1.0, id="double-as-int"),
        pytest.param({"doubleValue": "-Infinity"}, float("-inf"), id="infinity"),
        pytest.param({"bytesValue": "AAE="}, b"\x00\x01", id="bytes"),
        pytest.param({"arrayValue": {"values": [{"boolValue": True}]}}, (True,), id="array"),
        pytest.param({"arrayValue": {}}, (), id="empty-array"),
        pytest.param({"kvlistValue": {"values": [{"key": "k"}]}}, {"k": None}, id="no-value"),
        pytest.param({}, None, id="empty"),
        pytest.param({"futureValue": 1}, None, id="unknown-kind"),
        pytest.param({"stringValue": None}, None, id="null"),
    ],
)
def test_values_in_every_spelling(value: object, read: object) -> None:
    """64 bit numbers may be text or numbers; what is unknown is no error."""
    assert decode(attribute(value)).spans[0].attributes == {"a": read}


def test_ids_are_hex_in_either_case_and_enums_are_numbers_or_names() -> None:
    """An upper-case id is the same id; a status may be spelled out; unknown fields are ignored."""
    decoded = decode(
        span(traceId=TRACE.upper(), status={"code": "STATUS_CODE_ERROR"}, futureField=[1])
    )

    assert decoded.spans[0].trace_id == TRACE
    assert decoded.spans[0].failed


@pytest.mark.parametrize(
    ("malformed", "reason"),
    [
        pytest.param(span(traceId="W47/95gDgQPSabYzgT/GDA=="), "bad_hex", id="base64-id"),
        pytest.param(span(traceId="abcd"), "bad_trace_id", id="short-trace-id"),
        pytest.param(span(traceId="0" * 32), "bad_trace_id", id="zero-trace-id"),
        pytest.param(span(spanId=""), "bad_span_id", id="no-span-id"),
        pytest.param(span(parentSpanId="ab"), "bad_span_id", id="short-parent-id"),
        pytest.param(span(endTimeUnixNano="1"), "ends_before_start", id="ends-before-start"),
        pytest.param(span(startTimeUnixNano="1790000000"), "absurd_time", id="seconds"),
        pytest.param(span(startTimeUnixNano="soon"), "bad_number", id="time-in-words"),
        pytest.param(span(startTimeUnixNano="9" * 5000), "bad_number", id="endless-digits"),
        pytest.param(span(startTimeUnixNano=True), "bad_number", id="time-is-true"),
        pytest.param(span(name=5), "bad_shape", id="name-is-number"),
        pytest.param(span(attributes={"a": 1}), "bad_shape", id="attributes-as-object"),
        pytest.param(span(attributes=[7]), "bad_shape", id="attribute-is-number"),
        pytest.param(attribute({"intValue": "7.5"}), "bad_number", id="int-with-fraction"),
        pytest.param(attribute({"doubleValue": "much"}), "bad_value", id="double-in-words"),
        pytest.param(attribute({"doubleValue": []}), "bad_value", id="double-is-list"),
        pytest.param(attribute({"boolValue": "yes"}), "bad_value", id="bool-in-words"),
        pytest.param(attribute({"stringValue": 5}), "bad_value", id="string-is-number"),
        pytest.param(attribute({"stringValue": "\ud800"}), "bad_text", id="half-a-character"),
        pytest.param(attribute({"bytesValue": "%"}), "bad_value", id="no-base64"),
        pytest.param(attribute({"bytesValue": 1}), "bad_value", id="bytes-are-number"),
        pytest.param(7, "bad_shape", id="span-is-number"),
    ],
)
def test_a_malformed_span_is_rejected_with_its_reason(malformed: object, reason: str) -> None:
    """Nothing of it goes on; the reason is one of a bounded set and the message says more."""
    decoded = decode(malformed)

    assert (decoded.spans, decoded.rejected) == ((), {reason: 1})
    assert decoded.message


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="half"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'{"resourceSpans": 5}', id="number"),
        pytest.param(b'{"resourceSpans": [{"resource": []}]}', id="resource-is-list"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b"\xff\xfe\x00", id="no-text"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", id="endless-digits"),
    ],
)
def test_a_body_that_is_no_otlp_is_refused(body: bytes) -> None:
    """Each is one clear error, for every signal."""
    with pytest.raises(BadTelemetry, match=r"no (OTLP/)?JSON"):
        DECODER.decode("traces", body, "json", now_ns=NOW_NS)


def test_metric_points_are_counted() -> None:
    """Metrics are taken for coverage only; here they are counted, whatever their kind."""
    metrics = [
        {"name": "a", "sum": {"dataPoints": [{}, {}]}},
        {"name": "b", "histogram": {"dataPoints": [{}]}},
        {"name": "c"},
    ]
    body = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]}).encode()

    assert DECODER.decode("metrics", body, "json", now_ns=NOW_NS).received == 3
    with pytest.raises(BadTelemetry):
        DECODER.decode("metrics", b'{"resourceMetrics": [1]}', "json", now_ns=NOW_NS)
