"""`costattr`: the offline commands of the library and those of the service, one table."""

from __future__ import annotations

from typing import Final

from otel_costattr import cli

COMMANDS: Final[tuple[cli.Command, ...]] = (
    *(command for command in cli.COMMANDS if command.name not in {"doctor", "attribution"}),
    cli.Command(
        name="attribution",
        summary="check the schema of dimensions and tags, and telemetry or a ledger against it",
        module="otel_costattr_collector.commands.attribution",
    ),
    cli.Command(
        name="doctor",
        summary="say what telemetry lacks, what that costs in certainty, and what mends it",
        module="otel_costattr_collector.commands.doctor",
    ),
    cli.Command(
        name="serve",
        summary="take telemetry, keep the ledger, answer questions",
        module="otel_costattr_collector.commands.serve",
        extra="collector",
    ),
    cli.Command(
        name="status",
        summary="say what runs, and how far the spans have come",
        module="otel_costattr_collector.commands.status",
        extra="collector",
    ),
    cli.Command(
        name="report",
        summary="print what each tenant, feature, prompt version, ... cost",
        module="otel_costattr_collector.commands.report",
        extra="collector",
    ),
    cli.Command(
        name="compare",
        summary="test whether a call of one prompt version is dearer than one of another; a gate for CI",
        module="otel_costattr_collector.commands.compare",
        extra="collector",
    ),
    cli.Command(
        name="triage",
        summary="find what drove spend up around an instant, and write the triage note",
        module="otel_costattr_collector.commands.triage",
        extra="collector",
    ),
    cli.Command(
        name="review",
        summary="write the ownership review of a week",
        module="otel_costattr_collector.commands.review",
        extra="collector",
    ),
    cli.Command(
        name="retain",
        summary="let whole old months leave the ledger; rollups keep their sums",
        module="otel_costattr_collector.commands.retain",
        extra="collector",
    ),
    cli.Command(
        name="quality",
        summary="hold coverage, unpriced and estimated shares and rollups against thresholds",
        module="otel_costattr_collector.commands.quality",
        extra="collector",
    ),
    cli.Command(
        name="export",
        summary="write any answer as CSV, JSON lines or Parquet, the cost in FOCUS columns too",
        module="otel_costattr_collector.commands.export",
        extra="collector",
    ),
    cli.Command(
        name="completion",
        summary="print the completion script of a shell",
        module="otel_costattr_collector.commands.completion",
        extra="collector",
    ),
    cli.Command(
        name="explain",
        summary="say why a span in a file, or a ledger line, costs what it costs",
        module="otel_costattr_collector.commands.explain",
    ),
    cli.Command(
        name="migrate",
        summary="bring the tables up to date, or show the SQL that would",
        module="otel_costattr_collector.commands.migrate",
        extra="collector",
    ),
    cli.Command(
        name="parked",
        summary="show what the ledger refused for good, and try it again",
        module="otel_costattr_collector.commands.parked",
        extra="collector",
    ),
    cli.Command(
        name="audit",
        summary="compare ledger, call keys and rollups, and mend what differs",
        module="otel_costattr_collector.commands.audit",
        extra="collector",
    ),
    cli.Command(
        name="budgets",
        summary="set budgets, and print how they stand and where they are heading",
        module="otel_costattr_collector.commands.budgets",
        extra="collector",
    ),
    cli.Command(
        name="margins",
        summary="print what is left of revenue after cost, and propose prices",
        module="otel_costattr_collector.commands.margins",
        extra="collector",
    ),
    cli.Command(
        name="revenue",
        summary="post what customers pay, from a CSV export, and what currencies are worth",
        module="otel_costattr_collector.commands.revenue",
        extra="collector",
    ),
    cli.Command(
        name="reprice",
        summary="price what is in the ledger again, and book what differs",
        module="otel_costattr_collector.commands.reprice",
        extra="collector",
    ),
    cli.Command(
        name="reattribute",
        summary="give lines the owners that were learned later",
        module="otel_costattr_collector.commands.reattribute",
        extra="collector",
    ),
    cli.Command(
        name="close",
        summary="close a month: what is learned of it later is booked in an open one",
        module="otel_costattr_collector.commands.close",
        extra="collector",
    ),
    cli.Command(
        name="reopen",
        summary="open a closed month again",
        module="otel_costattr_collector.commands.reopen",
        extra="collector",
    ),
    cli.Command(
        name="closed",
        summary="list closed months with their sums then and now, and who closed them",
        module="otel_costattr_collector.commands.closed",
        extra="collector",
    ),
    cli.Command(
        name="what-if",
        summary="say what the same usage would have cost on another model, tier or contract",
        module="otel_costattr_collector.commands.what_if",
        extra="collector",
    ),
    cli.Command(
        name="allocate",
        summary="move shared costs to who uses them, by rules; show it first, take it back",
        module="otel_costattr_collector.commands.allocate",
        extra="collector",
    ),
    cli.Command(
        name="invoice",
        summary="bill a customer for a month by its plan, as JSON, CSV or a page",
        module="otel_costattr_collector.commands.invoice",
        extra="collector",
    ),
    cli.Command(
        name="reconcile",
        summary="hold a provider's bill against the ledger, and split the gap into causes",
        module="otel_costattr_collector.commands.reconcile",
        extra="collector",
    ),
    cli.Command(
        name="verify",
        summary="check the chain of statements that customers were billed by",
        module="otel_costattr_collector.commands.verify",
        extra="collector",
    ),
    cli.Command(
        name="erase",
        summary="forget a person, keep every total",
        module="otel_costattr_collector.commands.erase",
        extra="collector",
    ),
    cli.Command(
        name="vault",
        summary="say what a hash of a person stands for, and forget it, on this machine only",
        module="otel_costattr_collector.commands.vault",
        extra="collector",
    ),
    cli.Command(
        name="keys",
        summary="make, list and revoke the keys of senders and readers",
        module="otel_costattr_collector.commands.keys",
        extra="collector",
    ),
)


def main() -> int:
    """Run the command that the process was started with and return its exit code."""
    return cli.main(COMMANDS)
