"""The metric of tokens: read from both formats, whatever kind it is; all others are counted only."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from otel_costattr_collector.codec import Decoder, Format
from otel_costattr_collector.codec.token_points import TokenPoint
from wire import NOW_NS, otlp_json, pairs

DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
ATTRIBUTES = {
    "gen_ai.token.type": "input",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
}


def request(metric: Metric) -> ExportMetricsServiceRequest:
    """Build one export request."""
    scope = ScopeMetrics(scope=InstrumentationScope(name="tests"), metrics=[metric])
    resource = Resource(attributes=pairs({"service.name": "api"}))
    return ExportMetricsServiceRequest(
        resource_metrics=[ResourceMetrics(resource=resource, scope_metrics=[scope])]
    )


def point(kind: type[Any], attributes: dict[str, str] | None = None, **fields: Any) -> Any:
    """Build one data point."""
    return kind(
        attributes=pairs(ATTRIBUTES if attributes is None else attributes),
        start_time_unix_nano=NOW_NS - 10**9,
        time_unix_nano=NOW_NS,
        **fields,
    )


def token_usage(**data: Any) -> Metric:
    """Build the metric of tokens."""
    return Metric(name="gen_ai.client.token.usage", unit="{token}", **data)


def read(metric: Metric, format_: Format) -> tuple[int, tuple[TokenPoint, ...]]:
    """Decode a metric; the number of points and those of tokens."""
    message = request(metric)
    body = message.SerializeToString() if format_ == "protobuf" else otlp_json(message)
    found = Decoder(wanted=lambda _: True).decode("metrics", body, format_, now_ns=NOW_NS)
    return found.received, found.points


HISTOGRAM = token_usage(
    histogram=Histogram(
        aggregation_temporality=DELTA,
        data_points=[point(HistogramDataPoint, count=2, sum=1200.0)],
    )
)
KINDS = [
    pytest.param(HISTOGRAM, id="histogram"),
    pytest.param(
        token_usage(
            exponential_histogram=ExponentialHistogram(
                aggregation_temporality=DELTA,
                data_points=[point(ExponentialHistogramDataPoint, count=2, sum=1200.0)],
            )
        ),
        id="exponential-histogram",
    ),
    pytest.param(
        token_usage(
            sum=Sum(
                aggregation_temporality=DELTA, data_points=[point(NumberDataPoint, as_int=1200)]
            )
        ),
        id="sum",
    ),
    pytest.param(
        token_usage(
            sum=Sum(
                aggregation_temporality=DELTA,
                data_points=[point(NumberDataPoint, as_double=1200.0)],
            )
        ),
        id="sum-of-doubles",
    ),
]


@pytest.mark.parametrize("metric", KINDS)
def test_every_kind_is_read_alike_in_both_formats(metric: Metric) -> None:
    """Histogram, exponential histogram and counter say the same in protobuf and JSON."""
    count, (found,) = read(metric, "protobuf")

    assert count == 1
    assert read(metric, "json") == (1, (found,))
    assert found == TokenPoint(
        service_name="api",
        provider="openai",
        model="gpt-4o-mini",
        token_type="input",
        series=found.series,
        start_ns=NOW_NS - 10**9,
        time_ns=NOW_NS,
        tokens=1200,
        cumulative=False,
    )


@pytest.mark.parametrize("format_", ["protobuf", "json"])
@pytest.mark.parametrize(
    "metric",
    [
        pytest.param(
            Metric(name="gen_ai.client.operation.duration", histogram=HISTOGRAM.histogram),
            id="another-metric",
        ),
        pytest.param(
            token_usage(gauge=Gauge(data_points=[point(NumberDataPoint, as_int=5)])), id="gauge"
        ),
        pytest.param(
            token_usage(sum=Sum(data_points=[point(NumberDataPoint, as_int=5)])),
            id="no-temporality",
        ),
        pytest.param(
            token_usage(
                sum=Sum(
                    aggregation_temporality=DELTA,
                    data_points=[point(NumberDataPoint, {}, as_int=5)],
                )
            ),
            id="no-token-type",
        ),
        pytest.param(
            token_usage(
                sum=Sum(
                    aggregation_temporality=DELTA, data_points=[point(NumberDataPoint, as_int=-5)]
                )
            ),
            id="negative",
        ),
        pytest.param(
            token_usage(
                histogram=Histogram(
                    aggregation_temporality=CUMULATIVE, data_points=[point(HistogramDataPoint)]
                )
            ),
            id="no-sum",
        ),
    ],
)
def test_what_says_nothing_of_tokens_is_counted_only(metric: Metric, format_: Format) -> None:
    """Other metrics, gauges, unknown temporality or type, impossible sums."""
    assert read(metric, format_) == (1, ())


@pytest.mark.parametrize("value", [True, "many", None, [], "1e400", {"a": 1}])
def test_a_broken_number_in_json_harms_nobody(value: object) -> None:
    """The request is accepted, the point says nothing."""
    message = json.loads(otlp_json(request(HISTOGRAM)))
    metric = message["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]
    metric["histogram"]["dataPoints"][0]["sum"] = value
    metric["histogram"]["dataPoints"][0]["attributes"].append({"key": "x"})

    found = Decoder(wanted=lambda _: True).decode(
        "metrics", json.dumps(message).encode(), "json", now_ns=NOW_NS
    )

    assert (found.received, found.points) == (1, ())
