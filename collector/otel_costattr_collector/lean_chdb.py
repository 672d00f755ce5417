"""chDB, imported without pyarrow.

chDB imports pyarrow if it is there, and numpy with it, for answers as Arrow tables, which nobody
asks for here: a third of the time that the import takes, and 38 MB of every collector.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Final

_UNWANTED: Final = "pyarrow"


def chdb() -> ModuleType:
    """Import chDB and return it.

    Raises:
        ImportError: It is not installed.
    """
    with _absent(_UNWANTED):
        return importlib.import_module("chdb")


@contextmanager
def _absent(name: str) -> Iterator[None]:
    """Let imports of a module fail, unless it is imported already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # documented: such an import fails
    try:
        yield
    finally:
        del sys.modules[name]
