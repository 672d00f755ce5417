"""The protobuf messages that are parsed: those of OTLP, reduced to the fields that are read.

A field that is not declared is skipped by the parser in C. Attributes are declared as bytes, which
is the same on the wire, so that the ones that nobody reads are never made into objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

_PACKAGE: Final = "otel_costattr.wire"
_KINDS: Final[Mapping[str, FieldDescriptorProto.Type.ValueType]] = MappingProxyType(
    {
        "bytes": FieldDescriptorProto.TYPE_BYTES,
        "string": FieldDescriptorProto.TYPE_STRING,
        "fixed64": FieldDescriptorProto.TYPE_FIXED64,
        "int32": FieldDescriptorProto.TYPE_INT32,
    }
)
_SPAN: Final = (
    (1, "trace_id", "bytes"),
    (2, "span_id", "bytes"),
    (4, "parent_span_id", "bytes"),
    (5, "name", "string"),
    (7, "start_time_unix_nano", "fixed64"),
    (8, "end_time_unix_nano", "fixed64"),
    (9, "attributes", "bytes*"),
    (11, "events", "Event*"),
    (15, "status", "Status"),
)
_LOG_RECORD: Final = (
    (1, "time_unix_nano", "fixed64"),
    (6, "attributes", "bytes*"),
    (9, "trace_id", "bytes"),
    (10, "span_id", "bytes"),
    (11, "observed_time_unix_nano", "fixed64"),
    (12, "event_name", "string"),
)
_MESSAGES: Final[Mapping[str, tuple[tuple[int, str, str], ...]]] = MappingProxyType(
    {
        "Resource": ((1, "attributes", "bytes*"),),
        "Scope": ((1, "name", "string"), (2, "version", "string")),
        "Status": ((3, "code", "int32"),),
        "Event": (
            (1, "time_unix_nano", "fixed64"),
            (2, "name", "string"),
            (3, "attributes", "bytes*"),
        ),
        "Span": _SPAN,
        "ScopeSpans": ((1, "scope", "Scope"), (2, "items", "Span*")),
        "ResourceSpans": ((1, "resource", "Resource"), (2, "scopes", "ScopeSpans*")),
        "Traces": ((1, "resources", "ResourceSpans*"),),
        "LogRecord": _LOG_RECORD,
        "ScopeLogs": ((1, "scope", "Scope"), (2, "items", "LogRecord*")),
        "ResourceLogs": ((1, "resource", "Resource"), (2, "scopes", "ScopeLogs*")),
        "Logs": ((1, "resources", "ResourceLogs*"),),
    }
)
"""Message to its fields: number, name and type, with `*` where it is repeated."""


def _declared() -> DescriptorPool:
    file = FileDescriptorProto(name="otel_costattr/wire.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, field, kind in fields:
            plain = kind.removesuffix("*")
            declared = message.field.add(name=field, number=number)
            declared.label = (
                FieldDescriptorProto.LABEL_REPEATED
                if kind.endswith("*")
                else FieldDescriptorProto.LABEL_OPTIONAL
            )
            if plain in _KINDS:
                declared.type = _KINDS[plain]
            else:
                declared.type = FieldDescriptorProto.TYPE_MESSAGE
                declared.type_name = f".{_PACKAGE}.{plain}"
    pool = DescriptorPool()
    pool.Add(file)
    return pool


_POOL: Final = _declared()


def message_class(name: str) -> Any:
    """Return the class of a message of the table, such as `Traces`."""
    return GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
