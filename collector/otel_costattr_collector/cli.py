"""`costattr`: the offline commands of the library and those of the service, one table."""

from __future__ import annotations

from typing import Final

from otel_costattr import cli

COMMANDS: Final[tuple[cli.Command, ...]] = (
    *cli.COMMANDS,
    cli.Command(
        name="serve",
        summary="take telemetry, keep the ledger, answer questions",
        module="otel_costattr_collector.commands.serve",
        extra="collector",
    ),
    cli.Command(
        name="report",
        summary="print what each tenant, feature, prompt version, ... cost",
        module="otel_costattr_collector.commands.report",
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
        name="keys",
        summary="make, list and revoke the keys of senders and readers",
        module="otel_costattr_collector.commands.keys",
        extra="collector",
    ),
)


def main() -> int:
    """Run the command that the process was started with and return its exit code."""
    return cli.main(COMMANDS)
