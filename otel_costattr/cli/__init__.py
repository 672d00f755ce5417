"""The offline commands, and the frame that every `costattr` command lives in.

A command is a module with `configure(parser)` and `run(arguments)`. Only the module of the command
that was asked for is imported, so `costattr --help` stays fast however many there are.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final, NoReturn, Protocol, cast

from otel_costattr.errors import CostattrError


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One subcommand.

    Attributes:
        name: What the user types.
        summary: One line for `costattr --help`.
        module: Where `configure` and `run` are.
        extra: The extra of the distribution that it needs, or `''`.
    """

    name: str
    summary: str
    module: str
    extra: str = ""


class CommandModule(Protocol):
    """What a command's module offers."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's arguments to `parser`."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it and return the exit code.

        Raises:
            CostattrError: Printed as one line; the exit code is then 2.
        """


COMMANDS: Final[tuple[Command, ...]] = (
    Command(
        name="price",
        summary="price a call, or many from standard input",
        module="otel_costattr.cli.price",
    ),
    Command(
        name="prices",
        summary="list, show, compare, check and renew the price book",
        module="otel_costattr.cli.prices",
    ),
    Command(
        name="assess",
        summary="print what the model calls in OTLP/JSON files cost",
        module="otel_costattr.cli.assess",
    ),
    Command(
        name="doctor",
        summary="say what telemetry lacks, what that costs in certainty and what mends it",
        module="otel_costattr.cli.doctor",
    ),
    Command(
        name="attribution",
        summary="check the schema of dimensions and tags, and telemetry against it",
        module="otel_costattr.cli.attribution",
    ),
)


def main(commands: Sequence[Command] = COMMANDS, argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 found something, 2 refused.

    Args:
        commands: The commands on offer.
        argv: Words after `costattr`; None for the process's own.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(commands)
    chosen = next((command for command in commands if words and command.name == words[0]), None)
    if chosen is None:
        parser.parse_args(words)
        parser.print_help()
        return 2
    module = _load(chosen)
    own = argparse.ArgumentParser(prog=f"costattr {chosen.name}", description=chosen.summary)
    module.configure(own)
    try:
        return module.run(own.parse_args(words[1:]))
    except CostattrError as error:
        print(f"costattr {chosen.name}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        sys.stderr.close()
        return 1


def _parser(commands: Sequence[Command]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="costattr",
        description="What each tenant, feature and prompt version of an AI product costs.",
    )
    parser.add_argument("--version", action="version", version=f"costattr {_version()}")
    choices = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in commands:
        choices.add_parser(command.name, help=command.summary, add_help=False)
    return parser


def _load(command: Command) -> CommandModule:
    try:
        return cast("CommandModule", importlib.import_module(command.module))
    except ModuleNotFoundError as missing:
        if not command.extra:
            raise
        _refuse(
            f"costattr {command.name}: needs {missing.name}, which is not installed; "
            f"run: pip install 'otel-costattr[{command.extra}]'"
        )


def _refuse(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    raise SystemExit(2)


def _version() -> str:
    return version("otel-costattr")
