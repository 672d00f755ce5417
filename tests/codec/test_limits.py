"""What one request and one span may carry."""

from __future__ import annotations

import zlib

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Gauge,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
)
from otel_costattr_collector.codec import Decoder, Format, Limits, Signal, decompress, format_of
from otel_costattr_collector.errors import TooLarge, UnsupportedFormat
from wire import CALL, NOW_NS, gzipped, otlp_json, traces, wire_span

from otel_costattr.errors import BadTelemetry
from otel_costattr.model import AttributeValue
from otel_costattr.testing import START_NS

FORMATS = pytest.mark.parametrize("format_", ["protobuf", "json"])
DAY_NS = 86_400 * 10**9


def decoder(limits: Limits = Limits()) -> Decoder:  # noqa: B008 - frozen
    """Return a decoder that wants every span."""
    return Decoder(
        wanted=lambda _span: True, limits=limits, reducer=lambda _name: lambda value: value
    )


def body_of(attributes: dict[str, AttributeValue], format_: Format, **fields: int) -> bytes:
    """Return a request of one span."""
    request = traces(wire_span(attributes, **fields))
    return request.SerializeToString() if format_ == "protobuf" else otlp_json(request)


@FORMATS
def test_only_so_many_attributes_are_kept(format_: Format) -> None:
    """The first ones stay and the rest are counted."""
    body = body_of({f"a{number}": number for number in range(7)}, format_)

    decoded = decoder(Limits(max_attributes=5)).decode("traces", body, format_, now_ns=NOW_NS)

    assert list(decoded.spans[0].attributes) == ["a0", "a1", "a2", "a3", "a4"]
    assert decoded.trimmed == {"attributes": 2}


@FORMATS
def test_a_value_that_is_too_long_is_dropped_not_cut(format_: Format) -> None:
    """Half a value could mean something else, so none of it stays."""
    body = body_of({"text": "x" * 6, "bytes": b"x" * 6, "fits": "x" * 5}, format_)

    decoded = decoder(Limits(max_value_chars=5)).decode("traces", body, format_, now_ns=NOW_NS)

    assert decoded.spans[0].attributes == {"text": None, "bytes": None, "fits": "xxxxx"}
    assert decoded.trimmed == {"value_chars": 2}


@FORMATS
def test_nesting_ends_at_the_limit(format_: Format) -> None:
    """What is deeper is dropped and counted."""
    body = body_of({"deep": ((1,),), "map": {"k": {"k": 1}}}, format_)

    decoded = decoder(Limits(max_depth=2)).decode("traces", body, format_, now_ns=NOW_NS)

    assert decoded.spans[0].attributes == {"deep": (None,), "map": {"k": None}}
    assert decoded.trimmed == {"depth": 2}


@FORMATS
@pytest.mark.parametrize(
    ("start_ns", "moved_to_ns"),
    [
        pytest.param(NOW_NS - 400 * DAY_NS, NOW_NS - 330 * DAY_NS, id="too-old"),
        pytest.param(NOW_NS + 2 * DAY_NS, NOW_NS + 3600 * 10**9, id="too-new"),
    ],
)
def test_a_start_outside_the_window_is_moved_and_flagged(
    format_: Format, start_ns: int, moved_to_ns: int
) -> None:
    """The duration stays, the original start goes along as an attribute."""
    body = body_of({}, format_, start_time_unix_nano=start_ns, end_time_unix_nano=start_ns + 5)

    decoded = decoder().decode("traces", body, format_, now_ns=NOW_NS)

    (span,) = decoded.spans
    assert (span.start_ns, span.end_ns) == (moved_to_ns, moved_to_ns + 5)
    assert span.attributes == {"costattr.moved_from_ns": start_ns}
    assert decoded.trimmed == {"time_window": 1}


@FORMATS
def test_good_neighbours_of_malformed_spans_go_on(format_: Format) -> None:
    """Three bad spans among five: two arrive, three are counted by reason."""
    request = traces(
        wire_span(CALL, number=1),
        wire_span(CALL, number=2, trace_id=b"\x01\x02"),
        wire_span(CALL, number=3, end_time_unix_nano=START_NS - 1),
        wire_span(CALL, number=4, start_time_unix_nano=0),
        wire_span(CALL, number=5),
    )
    body = request.SerializeToString() if format_ == "protobuf" else otlp_json(request)

    decoded = decoder().decode("traces", body, format_, now_ns=NOW_NS)

    assert [int(span.span_id, 16) for span in decoded.spans] == [1, 5]
    assert decoded.rejected == {"bad_trace_id": 1, "ends_before_start": 1, "absurd_time": 1}
    assert (decoded.received, decoded.message) == (
        5,
        "trace id '0102': 32 hex digits, not all zero",
    )


def test_spans_that_tell_of_no_call_are_counted_and_left_out() -> None:
    """What is not wanted goes no further."""
    body = traces(wire_span({}, number=1), wire_span(CALL, number=2)).SerializeToString()
    picky = Decoder(wanted=lambda span: "gen_ai.operation.name" in span.attributes)

    decoded = picky.decode("traces", body, "protobuf", now_ns=NOW_NS)

    assert ([span.span_id for span in decoded.spans], decoded.skipped) == (["0" * 15 + "2"], 1)


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_garbage_is_refused_for_every_signal(signal: Signal) -> None:
    """The error names the message that was expected."""
    with pytest.raises(BadTelemetry, match="ServiceRequest"):
        decoder().decode(signal, b"\xff\xff\xff", "protobuf", now_ns=NOW_NS)


@given(st.binary(max_size=300), st.sampled_from(["traces", "logs", "metrics"]))
def test_no_bytes_crash_the_decoder(body: bytes, signal: Signal) -> None:
    """Any bytes are spans or one clear error, in both formats."""
    for format_ in ("protobuf", "json"):
        try:
            decoder().decode(signal, body, format_, now_ns=NOW_NS)
        except BadTelemetry:
            continue


@given(st.data())
def test_a_damaged_request_crashes_nothing(data: st.DataObject) -> None:
    """One flipped byte of a real request gives spans, rejections or one clear error."""
    body = bytearray(traces(wire_span({**CALL, "list": (1, {"k": b"v"})})).SerializeToString())
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] = data.draw(st.integers(0, 255))

    try:
        decoded = decoder().decode("traces", bytes(body), "protobuf", now_ns=NOW_NS)
    except BadTelemetry:
        return
    assert decoded.received == len(decoded.spans) + sum(decoded.rejected.values())


def test_metric_points_are_counted() -> None:
    """Metrics are taken for coverage only; here they are counted."""
    gauge = Metric(name="a", gauge=Gauge(data_points=[NumberDataPoint(), NumberDataPoint()]))
    request = ExportMetricsServiceRequest(
        resource_metrics=[
            ResourceMetrics(scope_metrics=[ScopeMetrics(metrics=[gauge, Metric(name="b")])])
        ]
    )

    body = request.SerializeToString()

    assert decoder().decode("metrics", body, "protobuf", now_ns=NOW_NS).received == 2


# --- bodies ---------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["gzip", "GZIP ", "deflate", "zstd", "identity", ""])
@given(st.binary(max_size=2000))
def test_every_encoding_gives_the_body_back(encoding: str, body: bytes) -> None:
    """Compressed or not, what was sent is what is decoded."""
    assert decompress(compress(body, encoding), encoding, max_bytes=2000) == body


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_a_bomb_is_refused_before_it_unfolds(encoding: str) -> None:
    """A body that grows beyond the limit is too large, however small it came."""
    with pytest.raises(TooLarge, match="1000 bytes after"):
        decompress(compress(b"\0" * 10_000_000, encoding), encoding, max_bytes=1000)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_half_a_stream_is_refused(encoding: str) -> None:
    """A stream that ends early or is none at all says so."""
    whole = compress(bytes(range(256)) * 9, encoding)

    for damaged in (whole[:-6], b"", b"no stream"):
        with pytest.raises(BadTelemetry, match="does not decompress"):
            decompress(damaged, encoding, max_bytes=10_000)


def test_what_otlp_does_not_have_is_refused_by_name() -> None:
    """An unknown encoding or content type says which would do."""
    with pytest.raises(UnsupportedFormat, match="'br': use gzip"):
        decompress(b"", "br", max_bytes=1)
    with pytest.raises(UnsupportedFormat, match="'text/plain': use application/x-protobuf"):
        format_of("text/plain")


@pytest.mark.parametrize(
    ("content_type", "format_"),
    [
        ("application/x-protobuf", "protobuf"),
        ("application/json; charset=utf-8", "json"),
        ("Application/JSON", "json"),
    ],
)
def test_content_types(content_type: str, format_: Format) -> None:
    """Case and parameters do not matter."""
    assert format_of(content_type) == format_


def compress(body: bytes, encoding: str) -> bytes:
    """Return `body` in an encoding."""
    match encoding.strip().lower():
        case "gzip":
            return gzipped(body)
        case "deflate":
            return zlib.compress(body)
        case "zstd":
            return zstd.compress(body)
        case _:
            return body
