"""`make bench`: measure, and print each figure beside what it is held against."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import cast

from bench.table import BenchRow
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

PARTS = tuple(
    sorted(
        path.stem
        for path in Path(__file__).parent.glob("*.py")
        if path.stem not in {"__main__", "load", "table"}
    )
)


def main() -> None:
    """Run the chosen parts, or all of them, and print one table."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="parts to run; default: all")
    chosen = cast("list[str]", parser.parse_args().parts) or list(PARTS)
    console = Console(width=max(120, Console().width))
    table = Table("what", "measured", "unit", "hold", "beside it", title=_title())
    with Progress(console=console, transient=True) as progress:
        for part in progress.track(chosen, description="measuring"):
            for row in _rows(part):
                table.add_row(row.what, f"{row.value:,.4g}", row.unit, row.hold, row.peer)
            table.add_section()
    console.print(table)


def _rows(part: str) -> Iterable[BenchRow]:
    rows = cast("Callable[[], Iterable[BenchRow]]", importlib.import_module(f"bench.{part}").rows)
    return rows()


def _title() -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return f"{commit or 'no commit'} · Python {platform.python_version()} · {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
