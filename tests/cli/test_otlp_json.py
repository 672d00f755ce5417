"""OTLP/JSON files: every value type, and nothing believed that is broken."""

from __future__ import annotations

import json

from otel_costattr.cli.otlp_json import read_text
from otel_costattr.model import Attributes


def attributes_of(*values: object) -> Attributes:
    """Read one span with an attribute for each AnyValue."""
    pairs = [{"key": f"k{number}", "value": value} for number, value in enumerate(values)]
    span = {"traceId": "A" * 32, "spanId": "b" * 16, "attributes": [*pairs, {"key": 7}, 8]}
    request = {"resourceSpans": [{"scopeSpans": [{"spans": [span, "junk"]}]}, 9]}
    (found,) = read_text(json.dumps(request), source="test")
    assert found.trace_id == "a" * 32
    return found.attributes


def test_every_value_type_is_read() -> None:
    """Strings, numbers in both spellings, lists, maps and bytes."""
    found = attributes_of(
        {"stringValue": "x"},
        {"intValue": "7"},
        {"intValue": 8},
        {"doubleValue": 0.5},
        {"boolValue": True},
        {"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "y"}]}},
        {"kvlistValue": {"values": [{"key": "a", "value": {"intValue": "2"}}]}},
        {"bytesValue": "AAE="},
    )

    assert list(found.values()) == ["x", 7, 8, 0.5, True, (1, "y"), {"a": 2}, b"AAE="]


def test_what_is_no_value_is_none_or_left_as_text() -> None:
    """A broken value never breaks the span."""
    deep: object = {"intValue": "1"}
    for _ in range(40):
        deep = {"arrayValue": {"values": [deep]}}
    found = attributes_of(
        {},
        {"colour": "red"},
        {"stringValue": []},
        {"intValue": "many"},
        {"intValue": "9" * 30},
        {"intValue": None},
        {"arrayValue": 3},
        {"kvlistValue": 3},
        {"bytesValue": 3},
        deep,
    )

    values = list(found.values())
    assert values[:9] == [None, None, None, "many", "9" * 30, None, (), {}, None]
    assert isinstance(values[9], tuple)


def test_ids_times_and_status_are_read_or_absent() -> None:
    """Zero ids, words for times and unknown codes say nothing."""
    spans = [
        {"traceId": "0" * 32, "spanId": "xyz", "startTimeUnixNano": "soon", "status": {"code": 1}},
        {"startTimeUnixNano": 5, "endTimeUnixNano": "6", "status": {"code": "STATUS_CODE_ERROR"}},
        {"events": [{"name": "e", "timeUnixNano": "7"}]},
    ]
    text = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})

    first, second, third = read_text(text, source="test")

    assert (first.trace_id, first.span_id, first.start_ns, first.failed) == ("", "", 0, False)
    assert (second.start_ns, second.end_ns, second.failed) == (5, 6, True)
    assert (third.events[0].name, third.events[0].time_ns) == ("e", 7)


def test_a_record_is_named_by_its_event_or_its_body() -> None:
    """The event's name, the attribute of older exporters, or the body."""
    records = [
        {"eventName": "a", "timeUnixNano": "5"},
        {"attributes": [{"key": "event.name", "value": {"stringValue": "b"}}]},
        {"body": {"stringValue": "c"}, "observedTimeUnixNano": "6"},
        {},
    ]
    text = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]})

    found = list(read_text(text, source="test"))

    assert [record.name for record in found] == ["a", "b", "c", ""]
    assert [record.start_ns for record in found] == [5, 0, 6, 0]
    assert {record.signal for record in found} == {"log"}
