"""Signs of life on long work: on a terminal only, on standard error only."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

T = TypeVar("T")


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show what is being waited for."""
    if not sys.stderr.isatty():
        yield
        return
    with Console(stderr=True).status(what):
        yield


def tracked(steps: Iterable[T], *, total: int, what: str) -> Iterator[T]:
    """Pass steps on and show a bar of how many are done.

    Args:
        steps: The work.
        total: How many there are.
        what: Shown before the bar.
    """
    if not sys.stderr.isatty():
        yield from steps
        return
    with Progress(console=Console(stderr=True), transient=True) as progress:
        yield from progress.track(steps, total=total, description=what)
