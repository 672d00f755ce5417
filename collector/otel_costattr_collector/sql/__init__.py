"""ClickHouse's HTTP interface on the embedded engine, guarded.

    request -> endpoint (key, compression, parameters)
            -> guard (canonical text, allow-list over its syntax tree, settings)
            -> engine (a fresh handle: our limits first, then readonly=1, then the query)

`readonly=1` alone is no sandbox, and neither is the guard alone: what the guard lets pass runs with
our limits on a handle that can change nothing.
"""

from __future__ import annotations

from .door import SqlDoor
from .endpoint import create_sql_app
from .engine import Engine
from .errors import SqlError
from .guard import Admitted, Guard
from .limits import SqlLimits
from .tables import READABLE

__all__ = [
    "READABLE",
    "Admitted",
    "Engine",
    "Guard",
    "SqlDoor",
    "SqlError",
    "SqlLimits",
    "create_sql_app",
]
