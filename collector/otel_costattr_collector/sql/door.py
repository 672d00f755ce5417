"""The SQL door of a running service: engine, guard and application, opened and closed together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..access import Gate
from .endpoint import create_sql_app
from .engine import Engine
from .guard import Guard
from .limits import SqlLimits
from .tables import READABLE


class SqlDoor:
    """ClickHouse's HTTP interface over the engine in one folder; the schema must be there.

    Args:
        folder: The engine's folder, as the store of this process has opened it.
        database: Our database.
        gate: Tells who asks.
        limits: The caps of one query.
        count: Told `answered`, `refused` or `failed` for each query.

    Raises:
        SqlError: The engine cannot be opened there.
    """

    def __init__(
        self,
        folder: Path,
        *,
        database: str,
        gate: Gate,
        limits: SqlLimits | None = None,
        count: Callable[[str], None] = lambda _outcome: None,
    ) -> None:
        chosen = limits or SqlLimits()
        self._engine: Final = Engine(folder.resolve(), database=database, tables=READABLE)
        guard = Guard(self._engine, database=database, tables=READABLE, limits=chosen)
        self.app: Final = create_sql_app(self._engine, guard, gate, limits=chosen, count=count)

    def close(self) -> None:
        """Close the engine's handle; open requests must be answered before."""
        self._engine.close()
