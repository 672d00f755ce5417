"""`costattr serve`: take telemetry, keep the ledger, answer questions."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
from pathlib import Path

from ..logs import configure_logging
from ..serve import serve
from ..settings import Settings, fields, read_settings


def configure(parser: argparse.ArgumentParser) -> None:
    """Add one option a setting, and `--config`."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML file of settings (or COSTATTR_CONFIG)"
    )
    for name, field in fields().items():
        unset = "" if field.default in {None, ()} else f" (default: {field.default})"
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            dest=name,
            default=argparse.SUPPRESS,
            metavar="VALUE",
            help=f"{field.description}{unset}".replace("%", "%%"),
        )


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT.

    Raises:
        BadSettings: A setting is unknown or makes no sense.
        StoreError: The tables cannot be brought up to date.
    """
    given = {name: value for name, value in vars(arguments).items() if name in fields()}
    settings = read_settings(command_line=given, environment=os.environ, file=arguments.config)
    configure_logging(settings)
    tune_collection()
    asyncio.run(_serve(settings))
    return 0


def tune_collection() -> None:
    """Let the garbage collector look less often: spans form no cycles, and there are many."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(settings, stop=stop, announce=_announce)


def _announce(line: str) -> None:
    print(line, flush=True)
