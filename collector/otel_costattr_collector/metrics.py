"""What the service counts about itself, for Prometheus: one table of names, units and labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The counters of one running service, in a registry of their own.

    Attributes:
        requests: Requests by door (`grpc`, `http`), signal and outcome.
        received: Spans and log records that were decoded, by signal.
        skipped: Those that tell of no GenAI call, by signal.
        rejected: Malformed ones, by reason; their neighbours went on.
        trimmed: Parts of good spans that limits removed, by limit.
        data_points: Metric data points that were accepted.
        points_left_out: Token points that the check of coverage had no room or no day for.
        resent: Spans that had been taken before.
        assessed: Spans that were assessed, by status.
        costs: Costs in spans and log records, by outcome (booked, duplicate, conflict).
        folded: Values beyond the limit of a day, by dimension.
        late: Spans that change a call that was counted before, by kind.
        lines: Ledger lines that were inserted.
        inserts: Inserts by outcome.
        insert_seconds: How long an insert took.
        waiting: Requests between decoding and acknowledgement.
        sql_queries: Queries at the SQL door by outcome (`answered`, `refused`, `failed`).
        acknowledge_seconds: From decoded to acknowledged, by signal.
        audits: Audits by outcome.
        audit_left: Differences that the last audit left, by check.
        audit_mended: Differences that were mended, by check.
        audit_seconds: How long an audit took.
        audited_timestamp: When the last audit ended, seconds since 1970.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "costattr_requests",
            "Requests by door, signal and outcome.",
            ["door", "signal", "outcome"],
            registry=self.registry,
        )
        self.sql_queries = Counter(
            "costattr_sql_queries",
            "Queries at the SQL door by outcome.",
            ["outcome"],
            registry=self.registry,
        )
        self.received = Counter(
            "costattr_received",
            "Spans and log records that were decoded.",
            ["signal"],
            registry=self.registry,
        )
        self.skipped = Counter(
            "costattr_skipped",
            "Spans and log records that tell of no GenAI call.",
            ["signal"],
            registry=self.registry,
        )
        self.rejected = Counter(
            "costattr_rejected",
            "Malformed spans and log records.",
            ["reason"],
            registry=self.registry,
        )
        self.trimmed = Counter(
            "costattr_trimmed",
            "Parts of good spans that a limit removed.",
            ["limit"],
            registry=self.registry,
        )
        self.data_points = Counter(
            "costattr_metric_data_points",
            "Metric data points that were accepted.",
            registry=self.registry,
        )
        self.points_left_out = Counter(
            "costattr_metric_data_points_left_out",
            "Token points that the check of coverage left out.",
            registry=self.registry,
        )
        self.lines = Counter(
            "costattr_ledger_lines",
            "Ledger lines that were inserted.",
            registry=self.registry,
        )
        self.resent = Counter(
            "costattr_resent_spans",
            "Spans that had been taken before.",
            registry=self.registry,
        )
        self.assessed = Counter(
            "costattr_assessed",
            "Spans that were assessed, by status.",
            ["status"],
            registry=self.registry,
        )
        self.costs = Counter(
            "costattr_costs",
            "Costs that are no model call, in spans and log records, by outcome.",
            ["outcome"],
            registry=self.registry,
        )
        self.folded = Counter(
            "costattr_folded_values",
            "Values beyond the limit of a day, by dimension.",
            ["dimension"],
            registry=self.registry,
        )
        self.late = Counter(
            "costattr_late_spans",
            "Spans that change a call that was counted before, by kind.",
            ["kind"],
            registry=self.registry,
        )
        self.dated = Counter(
            "costattr_later_dated_lines",
            "Lines of closed months that were booked with a later date.",
            registry=self.registry,
        )
        self.inserts = Counter(
            "costattr_inserts", "Inserts by outcome.", ["outcome"], registry=self.registry
        )
        self.insert_seconds = Histogram(
            "costattr_insert_seconds",
            "How long an insert took.",
            registry=self.registry,
            buckets=_SECONDS,
        )
        self.waiting = Gauge(
            "costattr_waiting_requests",
            "Requests between decoding and acknowledgement.",
            registry=self.registry,
        )
        self.acknowledge_seconds = Histogram(
            "costattr_acknowledge_seconds",
            "From decoded to acknowledged.",
            ["signal"],
            registry=self.registry,
            buckets=_SECONDS,
        )
        self.audits = Counter(
            "costattr_audits",
            "Audits by outcome: clean, mended, differences, left_to_another, failed.",
            ["outcome"],
            registry=self.registry,
        )
        self.audit_left = Gauge(
            "costattr_audit_differences",
            "Differences that the last audit left, by check.",
            ["check"],
            registry=self.registry,
        )
        self.audit_mended = Counter(
            "costattr_audit_mended",
            "Differences that audits mended, by check.",
            ["check"],
            registry=self.registry,
        )
        self.audit_seconds = Histogram(
            "costattr_audit_seconds",
            "How long an audit took.",
            registry=self.registry,
            buckets=(0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0),
        )
        self.audited_timestamp = Gauge(
            "costattr_audit_timestamp_seconds",
            "When the last audit ended, seconds since 1970; 0 if none did.",
            registry=self.registry,
        )
        self.budget_spent = Gauge(
            "costattr_budget_spent_ratio",
            "Spent part of each budget in its current period, 1 for all of it.",
            ["budget"],
            registry=self.registry,
        )
        self.budget_forecast = Gauge(
            "costattr_budget_forecast_ratio",
            "Part of each budget that will be spent at the end of its period, as forecast.",
            ["budget"],
            registry=self.registry,
        )
        self.notifications = Counter(
            "costattr_notifications",
            "Notices to webhooks by outcome: sent, failed.",
            ["outcome"],
            registry=self.registry,
        )

    def watch(self, name: str, description: str, read: Callable[[], float]) -> None:
        """Show a figure that is read whenever somebody looks.

        Args:
            name: Without the prefix `costattr_`.
            description: One sentence.
            read: Gives the figure.
        """
        Gauge(f"costattr_{name}", description, registry=self.registry).set_function(read)

    def page(self) -> bytes:
        """Return everything in Prometheus' text format, for content type `CONTENT_TYPE`."""
        return generate_latest(self.registry)
