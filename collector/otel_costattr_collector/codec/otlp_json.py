"""The JSON wire format: ids in hex, 64 bit numbers as text, enums as numbers or names."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from otel_costattr.errors import BadTelemetry
from otel_costattr.model import Attributes, AttributeValue, Event, Span

from .intake import (
    Intake,
    Malformed,
    checked_span_id,
    checked_trace_id,
    flagged,
    kept_events,
)
from .token_points import points_in_json

_Object = Mapping[str, object]
_NOTHING: Final[_Object] = MappingProxyType({})
_MAX_DIGITS: Final = 20
_ERROR: Final = (2, "2", "STATUS_CODE_ERROR")
_KINDS_OF_METRIC: Final = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")


def walk_traces(body: bytes, intake: Intake) -> None:
    """Take every span of an `ExportTraceServiceRequest`.

    Raises:
        BadTelemetry: The bytes are no such message.
    """
    _walk(body, intake, ("resourceSpans", "scopeSpans", "spans"), _span)


def walk_logs(body: bytes, intake: Intake) -> None:
    """Take every record of an `ExportLogsServiceRequest`.

    Raises:
        BadTelemetry: The bytes are no such message.
    """
    _walk(body, intake, ("resourceLogs", "scopeLogs", "logRecords"), _log)


def count_metrics(body: bytes, intake: Intake) -> None:
    """Count the data points of an `ExportMetricsServiceRequest` and keep those of tokens.

    Raises:
        BadTelemetry: The bytes are no such message.
    """
    try:
        for of_resource in _objects(_parsed(body), "resourceMetrics"):
            resource = _object(of_resource, "resource")
            for of_scope in _objects(of_resource, "scopeMetrics"):
                scope = _text(_object(of_scope, "scope"), "name")
                for metric in _objects(of_scope, "metrics"):
                    for kind in _KINDS_OF_METRIC:
                        points = _objects(_object(metric, kind), "dataPoints")
                        intake.received += len(points)
                    intake.points += points_in_json(metric, resource, scope)
    except Malformed as problem:
        raise BadTelemetry(f"the body is no OTLP/JSON: {problem}") from None


_Builder = Callable[[_Object, Attributes, tuple[str, str], Intake], Span]


def _walk(body: bytes, intake: Intake, names: tuple[str, str, str], build: _Builder) -> None:
    resources, scopes, items = names
    try:
        for of_resource in _objects(_parsed(body), resources):
            resource = _attributes(_object(of_resource, "resource"), intake)
            for of_scope in _objects(of_resource, scopes):
                named = _object(of_scope, "scope")
                scope = (_text(named, "name"), _text(named, "version"))
                for wire in _list(of_scope, items):
                    intake.received += 1
                    _take(wire, resource, scope, intake, build)
    except Malformed as problem:
        raise BadTelemetry(f"the body is no OTLP/JSON: {problem}") from None


def _take(
    wire: object, resource: Attributes, scope: tuple[str, str], intake: Intake, build: _Builder
) -> None:
    try:
        intake.add(build(_as_object(wire), resource, scope, intake))
    except Malformed as problem:
        intake.reject(problem)


def _parsed(body: bytes) -> _Object:
    try:
        return _as_object(json.loads(body))
    except (ValueError, RecursionError) as error:
        raise BadTelemetry(f"the body is no JSON: {error}") from error


def _span(wire: _Object, resource: Attributes, scope: tuple[str, str], intake: Intake) -> Span:
    start_ns, end_ns, moved = intake.times(
        _integer(wire, "startTimeUnixNano"), _integer(wire, "endTimeUnixNano")
    )
    return Span(
        trace_id=checked_trace_id(_hex(wire, "traceId")),
        span_id=checked_span_id(_hex(wire, "spanId")),
        parent_span_id=checked_span_id(_hex(wire, "parentSpanId"), optional=True),
        name=_text(wire, "name"),
        start_ns=start_ns,
        end_ns=end_ns,
        attributes=flagged(_attributes(wire, intake), moved),
        events=_events(wire, intake),
        scope_name=scope[0],
        scope_version=scope[1],
        resource=resource,
        failed=_object(wire, "status").get("code") in _ERROR,
    )


def _events(wire: _Object, intake: Intake) -> tuple[Event, ...]:
    return kept_events(
        [
            Event(
                name=_text(event, "name"),
                time_ns=_integer(event, "timeUnixNano"),
                attributes=_attributes(event, intake),
            )
            for event in _objects(wire, "events")
        ]
    )


def _log(wire: _Object, resource: Attributes, scope: tuple[str, str], intake: Intake) -> Span:
    at_ns = _integer(wire, "timeUnixNano") or _integer(wire, "observedTimeUnixNano")
    at_ns, _, moved = intake.times(at_ns, at_ns)
    attributes = _attributes(wire, intake)
    return Span(
        trace_id=checked_trace_id(_hex(wire, "traceId"), optional=True),
        span_id=checked_span_id(_hex(wire, "spanId"), optional=True),
        name=_text(wire, "eventName") or str(attributes.get("event.name") or ""),
        start_ns=at_ns,
        end_ns=at_ns,
        attributes=flagged(attributes, moved),
        scope_name=scope[0],
        scope_version=scope[1],
        resource=resource,
        signal="log",
    )


# --- values ---------------------------------------------------------------------------------


def _attributes(owner: _Object, intake: Intake) -> dict[str, AttributeValue]:
    reducer = intake.reducer
    found: dict[str, AttributeValue] = {}
    for pair in _objects(owner, "attributes"):
        key = _text(pair, "key")
        reduce = reducer(key)
        if reduce is not None:
            found[key] = reduce(_value(_object(pair, "value"), intake, 1))
    return intake.fewer(found)


def _value(value: _Object, intake: Intake, depth: int) -> AttributeValue:
    for name, content in value.items():
        read = _READERS.get(name)
        if read is not None and content is not None:
            return read(content, intake, depth)
    return None


def _string_value(content: object, intake: Intake, _depth: int) -> AttributeValue:
    if type(content) is not str:
        raise Malformed("bad_value", f"a stringValue is {content!r:.60}")
    return intake.text(_clean(content))


def _bool_value(content: object, _intake: Intake, _depth: int) -> AttributeValue:
    if type(content) is not bool:
        raise Malformed("bad_value", f"a boolValue is {content!r:.60}")
    return content


def _int_value(content: object, _intake: Intake, _depth: int) -> AttributeValue:
    return _whole(content, "intValue")


def _double_value(content: object, _intake: Intake, _depth: int) -> AttributeValue:
    if type(content) in {int, float, str}:
        try:
            return float(content)  # type: ignore[arg-type]
        except (ValueError, OverflowError):
            pass
    raise Malformed("bad_value", f"a doubleValue is {content!r:.60}")


def _bytes_value(content: object, intake: Intake, _depth: int) -> AttributeValue:
    if type(content) is str:
        try:
            return intake.octets(base64.b64decode(content, validate=True))
        except (ValueError, binascii.Error):
            pass
    raise Malformed("bad_value", "a bytesValue is no base64")


def _array_value(content: object, intake: Intake, depth: int) -> AttributeValue:
    if not intake.deeper(depth):
        return None
    items = _objects(_as_object(content), "values")
    return tuple(_value(item, intake, depth + 1) for item in items)


def _mapping_value(content: object, intake: Intake, depth: int) -> AttributeValue:
    if not intake.deeper(depth):
        return None
    return {
        _text(pair, "key"): _value(_object(pair, "value"), intake, depth + 1)
        for pair in _objects(_as_object(content), "values")
    }


_Reader = Callable[[object, Intake, int], AttributeValue]
_READERS: Final[Mapping[str, _Reader]] = MappingProxyType(
    {
        "stringValue": _string_value,
        "boolValue": _bool_value,
        "intValue": _int_value,
        "doubleValue": _double_value,
        "bytesValue": _bytes_value,
        "arrayValue": _array_value,
        "kvlistValue": _mapping_value,
    }
)


# --- shapes ---------------------------------------------------------------------------------


def _as_object(value: object) -> _Object:
    if isinstance(value, dict):
        return value
    raise Malformed("bad_shape", f"an object was expected, not {value!r:.60}")


def _object(owner: _Object, key: str) -> _Object:
    value = owner.get(key)
    return _NOTHING if value is None else _as_object(value)


def _list(owner: _Object, key: str) -> list[object]:
    value = owner.get(key)
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise Malformed("bad_shape", f"{key} is no list but {value!r:.60}")


def _objects(owner: _Object, key: str) -> list[_Object]:
    return [_as_object(item) for item in _list(owner, key)]


def _text(owner: _Object, key: str) -> str:
    value = owner.get(key)
    if value is None:
        return ""
    if isinstance(value, str):
        return _clean(value)
    raise Malformed("bad_shape", f"{key} is no text but {value!r:.60}")


def _clean(text: str) -> str:
    """Return text that UTF-8 can carry; half a surrogate pair is valid JSON and no character."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Malformed("bad_text", "a text holds half a surrogate pair") from None
    return text


def _hex(owner: _Object, key: str) -> str:
    text = _text(owner, key)
    try:
        return bytes.fromhex(text).hex()
    except ValueError:
        raise Malformed(
            "bad_hex", f"{key} {text[:40]!r} is not in hex, as OTLP/JSON has it"
        ) from None


def _integer(owner: _Object, key: str) -> int:
    value = owner.get(key)
    return 0 if value is None else _whole(value, key)


def _whole(value: object, key: str) -> int:
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is str and len(value) <= _MAX_DIGITS:
        try:
            return int(value)
        except ValueError:
            pass
    raise Malformed("bad_number", f"{key} is {value!r:.60}: a whole number was expected")
