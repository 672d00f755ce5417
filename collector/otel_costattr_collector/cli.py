"""`costattr`: the offline commands of the library and those of the service, one table."""

from __future__ import annotations

from typing import Final

from otel_costattr import cli

COMMANDS: Final[tuple[cli.Command, ...]] = (*cli.COMMANDS,)


def main() -> int:
    """Run the command that the process was started with and return its exit code."""
    return cli.main(COMMANDS)
