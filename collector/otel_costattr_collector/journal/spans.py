"""Spans as JSON values: short lists, with resources and scopes that repeat told once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from otel_costattr.model import Attributes, AttributeValue, Event, Span

_MAPPING: Final = "{}"
_BYTES: Final = "b"


def spans_to_json(spans: Sequence[Span]) -> dict[str, object]:
    """Return JSON values from which `spans_from_json` makes equal spans."""
    sources: list[list[object]] = []
    places: dict[tuple[int, str, str], int] = {}
    rows = []
    for span in spans:
        about = (id(span.resource), span.scope_name, span.scope_version)
        place = places.get(about)
        if place is None:
            place = places[about] = len(sources)
            sources.append([_attributes(span.resource), span.scope_name, span.scope_version])
        rows.append(
            [
                place,
                span.trace_id,
                span.span_id,
                span.parent_span_id,
                span.name,
                span.start_ns,
                span.end_ns,
                _attributes(span.attributes),
                [[e.name, e.time_ns, _attributes(e.attributes)] for e in span.events]
                if span.events
                else (),
                span.failed,
                span.signal,
            ]
        )
    return {"sources": sources, "rows": rows}


def spans_from_json(value: Mapping[str, Any]) -> tuple[Span, ...]:
    """Return the spans that `spans_to_json` was given."""
    sources = [
        (_from_attributes(resource), name, version) for resource, name, version in value["sources"]
    ]
    return tuple(_span(sources, row) for row in value["rows"])


def _span(sources: Sequence[tuple[Attributes, str, str]], row: Sequence[Any]) -> Span:
    place, trace_id, span_id, parent, name, start_ns, end_ns, attributes, events, failed, kind = row
    resource, scope_name, scope_version = sources[place]
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent,
        name=name,
        start_ns=start_ns,
        end_ns=end_ns,
        attributes=_from_attributes(attributes),
        events=tuple(
            Event(name=name, time_ns=time_ns, attributes=_from_attributes(of_event))
            for name, time_ns, of_event in events
        ),
        scope_name=scope_name,
        scope_version=scope_version,
        resource=resource,
        failed=failed,
        signal=kind,
    )


def _attributes(attributes: Attributes) -> Mapping[str, object]:
    if type(attributes) is dict:
        kinds = set(map(type, attributes.values()))
        if kinds <= _PLAIN or (kinds <= _FLAT and _tuples_are_plain(attributes)):
            return attributes
    return {
        key: value if type(value) in _PLAIN else _value(value) for key, value in attributes.items()
    }


def _tuples_are_plain(attributes: Attributes) -> bool:
    for value in attributes.values():
        if type(value) is tuple and not _PLAIN.issuperset(map(type, value)):
            return False
    return True


def _value(value: AttributeValue) -> object:
    """JSON knows neither tuples nor bytes; a mapping is marked, since a list is a tuple."""
    if isinstance(value, bytes):
        return {_BYTES: value.hex()}
    if isinstance(value, Mapping):
        return {_MAPPING: _attributes(value)}
    if isinstance(value, tuple):
        return [_value(item) for item in value]
    return value


def _from_attributes(attributes: Mapping[str, Any]) -> dict[str, AttributeValue]:
    return {
        key: value if type(value) in _PLAIN else _from_value(value)
        for key, value in attributes.items()
    }


def _from_value(value: Any) -> AttributeValue:
    if isinstance(value, list):
        return tuple(_from_value(item) for item in value)
    if isinstance(value, dict):
        if _BYTES in value:
            return bytes.fromhex(value[_BYTES])
        return _from_attributes(value[_MAPPING])
    plain: AttributeValue = value
    return plain


_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_FLAT: Final = _PLAIN | {tuple}
