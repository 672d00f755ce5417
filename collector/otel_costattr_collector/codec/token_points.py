"""The one metric that is read: `gen_ai.client.token.usage`, for a check against the ledger."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

TOKEN_USAGE: Final = "gen_ai.client.token.usage"  # noqa: S105 - tokens of a model
MAX_TOKENS: Final = 10**15
_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {"input": "input", "prompt": "input", "output": "output", "completion": "output"}
)
_CUMULATIVE: Final = (2, "2", "AGGREGATION_TEMPORALITY_CUMULATIVE")
_DELTA: Final = (1, "1", "AGGREGATION_TEMPORALITY_DELTA")
_MAX_NAME: Final = 256

Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPoint:
    """Tokens that one data point reports.

    Attributes:
        service_name: The service, or `''`.
        provider: The provider as the metric names it, or `''`.
        model: The model that was asked for, else the one that answered, or `''`.
        token_type: `input` or `output`.
        series: 16 hex digits that name the time series.
        start_ns: Where the sum begins, nanoseconds UTC; 0 where nobody knows.
        time_ns: Where it ends.
        tokens: The sum.
        cumulative: Whether it is a running total; else it is a difference.
    """

    service_name: str
    provider: str
    model: str
    token_type: str
    series: str
    start_ns: int
    time_ns: int
    tokens: int
    cumulative: bool


def points_of(metric: Metric, resource: Iterable[KeyValue], scope: str) -> list[TokenPoint]:
    """Return the points of a metric in protobuf; none of any other metric."""
    kind = metric.WhichOneof("data") if metric.name == TOKEN_USAGE else None
    if kind is None or kind not in _VALUES:
        return []
    data = getattr(metric, kind)
    about = _texts(resource)
    return [
        point
        for one in data.data_points
        for point in _point(
            about,
            scope,
            _texts(one.attributes),
            data.aggregation_temporality,
            (one.start_time_unix_nano, one.time_unix_nano),
            _VALUES[kind](one),
        )
    ]


def points_in_json(
    metric: Mapping[str, Any], resource: Mapping[str, Any], scope: str
) -> list[TokenPoint]:
    """Return the points of a metric in OTLP/JSON; none of any other metric, none that is broken."""
    if metric.get("name") != TOKEN_USAGE:
        return []
    found: list[TokenPoint] = []
    about = _json_texts(resource.get("attributes"))
    for kind in ("sum", "histogram", "exponentialHistogram"):
        data = metric.get(kind) or {}
        for one in data.get("dataPoints") or ():
            raw = one.get("asInt", one.get("asDouble")) if kind == "sum" else one.get("sum")
            times = (one.get("startTimeUnixNano", 0), one.get("timeUnixNano", 0))
            found += _point(
                about,
                scope,
                _json_texts(one.get("attributes")),
                data.get("aggregationTemporality"),
                (_number(times[0]), _number(times[1])),
                _number(raw, none=math.nan),
            )
    return found


def _point(
    resource: Texts,
    scope: str,
    attributes: Texts,
    temporality: object,
    times: tuple[float, float],
    value: float,
) -> list[TokenPoint]:
    token_type = _TYPES.get(attributes.get("gen_ai.token.type", ""))
    known = temporality in _CUMULATIVE or temporality in _DELTA
    if token_type is None or not known or not 0 <= value <= MAX_TOKENS:
        return []
    names = ("gen_ai.request.model", "gen_ai.response.model")
    providers = ("gen_ai.provider.name", "gen_ai.system")
    return [
        TokenPoint(
            service_name=resource.get("service.name", ""),
            provider=next((attributes[name] for name in providers if name in attributes), ""),
            model=next((attributes[name] for name in names if name in attributes), ""),
            token_type=token_type,
            series=_series(resource, scope, attributes),
            start_ns=int(times[0]),
            time_ns=int(times[1]),
            tokens=round(value),
            cumulative=temporality in _CUMULATIVE,
        )
    ]


def _series(resource: Texts, scope: str, attributes: Texts) -> str:
    name = repr((sorted(resource.items()), scope, sorted(attributes.items())))
    return blake2b(name.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _texts(pairs: Iterable[KeyValue]) -> Texts:
    return {
        pair.key: (pair.value.string_value or str(pair.value).strip())[:_MAX_NAME] for pair in pairs
    }


def _json_texts(pairs: object) -> Texts:
    found: dict[str, str] = {}
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, Mapping) and isinstance(pair.get("value"), Mapping):
            text = next(iter(pair["value"].values()), "")
            found[str(pair.get("key"))] = str(text)[:_MAX_NAME]
    return found


def _number(value: object, *, none: float = 0) -> float:
    """Read a JSON number, perhaps as text; whole ones stay exact."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return none
    try:
        return int(value) if isinstance(value, str) and value.isdecimal() else float(value)
    except (ValueError, OverflowError):
        return none


_VALUES: Final[Mapping[str, Callable[[Any], float]]] = MappingProxyType(
    {
        "sum": lambda point: point.as_double if point.HasField("as_double") else point.as_int,
        "histogram": lambda point: point.sum if point.HasField("sum") else math.nan,
        "exponential_histogram": lambda point: point.sum if point.HasField("sum") else math.nan,
    }
)
"""Kind of metric to what reads the tokens of a point."""
