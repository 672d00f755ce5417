"""Offline files of OTLP/JSON: export requests of traces and logs as spans, stdlib only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias, cast

from otel_costattr.errors import BadTelemetry
from otel_costattr.model import Attributes, AttributeValue, Event, Signal, Span

_Json: TypeAlias = "Mapping[str, object]"

_ERROR: Final = frozenset({2, "2", "STATUS_CODE_ERROR"})
_MAX_DEPTH: Final = 32


def read_files(paths: Iterable[str]) -> tuple[Span, ...]:
    """Read every span and log record of files that hold an export request, or one a line.

    Args:
        paths: File names; `-` is refused, a file is read as a whole.

    Raises:
        BadTelemetry: A file cannot be read, or is no OTLP/JSON.
    """
    return tuple(span for path in paths for span in read_text(_text(path), source=path))


def read_text(text: str, *, source: str) -> Iterator[Span]:
    """Read the spans of one export request, or of one a line.

    Args:
        text: OTLP/JSON, ids in hex.
        source: Named in errors.

    Raises:
        BadTelemetry: The text is no JSON object, or holds neither spans nor logs.
    """
    for place, request in _requests(text, source):
        found = False
        for part in (request, request.get("traces"), request.get("logs")):
            if isinstance(part, Mapping) and _KEYS.intersection(part):
                found = True
                yield from _spans(part)
        if not found:
            raise BadTelemetry(f"{place}: no resourceSpans and no resourceLogs")


_KEYS: Final = frozenset({"resourceSpans", "resourceLogs"})


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadTelemetry(f"{path}: cannot be read: {error}") from error


def _requests(text: str, source: str) -> Iterator[tuple[str, _Json]]:
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        whole = None
    if isinstance(whole, dict):
        yield source, whole
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield f"{source}:{number}", _object(line, f"{source}:{number}")


def _object(line: str, place: str) -> _Json:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadTelemetry(f"{place}: no JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadTelemetry(f"{place}: no export request")
    return cast("_Json", found)


def _spans(request: _Json) -> Iterator[Span]:
    for kind, scopes, items, make in (
        ("resourceSpans", "scopeSpans", "spans", _span),
        ("resourceLogs", "scopeLogs", "logRecords", _log),
    ):
        for group in _list(request, kind):
            resource = _attributes(_map(group, "resource"))
            for part in _list(group, scopes):
                scope = _map(part, "scope")
                for item in _list(part, items):
                    yield make(item, resource, scope)


def _span(item: _Json, resource: Attributes, scope: _Json) -> Span:
    return Span(
        trace_id=_id(item, "traceId", 32),
        span_id=_id(item, "spanId", 16),
        parent_span_id=_id(item, "parentSpanId", 16),
        name=_str(item, "name"),
        start_ns=_ns(item, "startTimeUnixNano"),
        end_ns=_ns(item, "endTimeUnixNano"),
        attributes=_attributes(item),
        events=tuple(
            Event(
                name=_str(event, "name"),
                time_ns=_ns(event, "timeUnixNano"),
                attributes=_attributes(event),
            )
            for event in _list(item, "events")
        ),
        scope_name=_str(scope, "name"),
        scope_version=_str(scope, "version"),
        resource=resource,
        failed=_map(item, "status").get("code") in _ERROR,
    )


_LOG: Final[Signal] = "log"


def _log(item: _Json, resource: Attributes, scope: _Json) -> Span:
    attributes = _attributes(item)
    body = _value(_map(item, "body"), 0)
    at_ns = _ns(item, "timeUnixNano") or _ns(item, "observedTimeUnixNano")
    names = (item.get("eventName"), attributes.get("event.name"), body)
    return Span(
        trace_id=_id(item, "traceId", 32),
        span_id=_id(item, "spanId", 16),
        name=next((name for name in names if isinstance(name, str) and name), ""),
        start_ns=at_ns,
        end_ns=at_ns,
        attributes=attributes,
        scope_name=_str(scope, "name"),
        scope_version=_str(scope, "version"),
        resource=resource,
        signal=_LOG,
    )


def _list(item: _Json, key: str) -> Iterator[_Json]:
    found = item.get(key)
    if isinstance(found, list):
        yield from (cast("_Json", entry) for entry in found if isinstance(entry, dict))


def _map(item: _Json, key: str) -> _Json:
    found = item.get(key)
    return cast("_Json", found) if isinstance(found, dict) else {}


def _str(item: _Json, key: str) -> str:
    found = item.get(key)
    return found if isinstance(found, str) else ""


def _id(item: _Json, key: str, digits: int) -> str:
    """Read an id in hex; all zeros and anything else is no id."""
    found = _str(item, key).lower()
    valid = len(found) == digits and not set(found) - set("0123456789abcdef")
    return found if valid and found.strip("0") else ""


def _ns(item: _Json, key: str) -> int:
    found = item.get(key)
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) <= 20:
        return int(found)
    return found if type(found) is int and found >= 0 else 0


def _attributes(item: _Json) -> Attributes:
    return {
        _str(pair, "key"): _value(_map(pair, "value"), 0)
        for pair in _list(item, "attributes")
        if _str(pair, "key")
    }


def _value(any_value: _Json, depth: int) -> AttributeValue:
    """Read an AnyValue; what nests too deeply or has no known type is None."""
    for kind, value in any_value.items():
        read = _KINDS.get(kind)
        if read is not None and depth <= _MAX_DEPTH:
            return read(value, depth + 1)
    return None


def _scalar(value: object, _depth: int) -> AttributeValue:
    return value if isinstance(value, (str, bool, int, float)) else None


def _array(value: object, depth: int) -> AttributeValue:
    inner = cast("_Json", value) if isinstance(value, dict) else {}
    return tuple(_value(entry, depth) for entry in _list(inner, "values"))


def _kvlist(value: object, depth: int) -> AttributeValue:
    inner = cast("_Json", value) if isinstance(value, dict) else {}
    return {
        _str(pair, "key"): _value(_map(pair, "value"), depth) for pair in _list(inner, "values")
    }


def _bytes(value: object, _depth: int) -> AttributeValue:
    return value.encode() if isinstance(value, str) else None


def _int(value: object, _depth: int) -> AttributeValue:
    if isinstance(value, str):
        try:
            return int(value) if len(value) <= 20 else value
        except ValueError:
            return value
    return value if isinstance(value, (int, float)) else None


_KINDS: Final[Mapping[str, Callable[[object, int], AttributeValue]]] = {
    "stringValue": _scalar,
    "boolValue": _scalar,
    "intValue": _int,
    "doubleValue": _scalar,
    "arrayValue": _array,
    "kvlistValue": _kvlist,
    "bytesValue": _bytes,
}
