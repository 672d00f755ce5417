"""Spans from a file of OTLP/JSON, as the OpenTelemetry Collector's file exporter writes it.

Offline commands read files with the standard library alone; the service has its own, stricter
reading of what strangers send.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

from otel_costattr.errors import BadTelemetry
from otel_costattr.model import Attributes, AttributeValue, Event, Span

Raw = Mapping[str, Any]

_ERROR: Final = (2, "STATUS_CODE_ERROR")


def spans_of(path: Path) -> tuple[Span, ...]:
    """Read all spans of a file: one export request, or one a line.

    A recording that keeps its request under `traces` is read too.

    Raises:
        BadTelemetry: The file cannot be read or is no OTLP/JSON.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadTelemetry(f"{path}: {error}") from None
    try:
        return tuple(span for request in _requests(text) for span in _spans(request))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadTelemetry(f"{path}: this is no OTLP/JSON: {error}") from None


def _requests(text: str) -> Iterator[Raw]:
    try:
        whole = json.loads(text)
    except ValueError:
        yield from (json.loads(line) for line in text.splitlines() if line.strip())
        return
    yield whole.get("traces") or whole


def _spans(request: Raw) -> Iterator[Span]:
    for of_resource in request["resourceSpans"]:
        resource = _attributes(of_resource.get("resource", {}).get("attributes", ()))
        for of_scope in of_resource.get("scopeSpans", ()):
            scope = of_scope.get("scope", {})
            for raw in of_scope.get("spans", ()):
                yield _span(raw, scope, resource)


def _span(raw: Raw, scope: Raw, resource: Attributes) -> Span:
    return Span(
        trace_id=str(raw.get("traceId", "")).lower(),
        span_id=str(raw.get("spanId", "")).lower(),
        parent_span_id=str(raw.get("parentSpanId", "")).lower(),
        name=str(raw.get("name", "")),
        start_ns=int(raw.get("startTimeUnixNano", 0)),
        end_ns=int(raw.get("endTimeUnixNano", 0)),
        attributes=_attributes(raw.get("attributes", ())),
        events=tuple(_event(event) for event in raw.get("events", ())),
        scope_name=str(scope.get("name", "")),
        scope_version=str(scope.get("version", "")),
        resource=resource,
        failed=raw.get("status", {}).get("code") in _ERROR,
    )


def _event(raw: Raw) -> Event:
    return Event(
        name=str(raw.get("name", "")),
        time_ns=int(raw.get("timeUnixNano", 0)),
        attributes=_attributes(raw.get("attributes", ())),
    )


def _attributes(pairs: Any) -> Attributes:
    return {pair["key"]: _value(pair.get("value", {})) for pair in pairs}


def _value(raw: Raw) -> AttributeValue:
    for kind, read in _KINDS.items():
        if kind in raw:
            return read(raw[kind])
    return None


_KINDS: Final[Mapping[str, Callable[[Any], AttributeValue]]] = {
    "stringValue": lambda value: cast("str", value),
    "boolValue": lambda value: cast("bool", value),
    "intValue": int,
    "doubleValue": float,
    "bytesValue": base64.b64decode,
    "arrayValue": lambda value: tuple(_value(item) for item in value.get("values", ())),
    "kvlistValue": lambda value: _attributes(value.get("values", ())),
}
"""Kind of a value on the wire to how it is read."""
