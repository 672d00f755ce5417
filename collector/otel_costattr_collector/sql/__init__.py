"""SQL from users: checked by an allow-list over its syntax tree, run where nothing can change."""

from __future__ import annotations

from .engine import Engine
from .errors import SqlError
from .guard import Admitted, Guard
from .limits import SqlLimits
from .tables import READABLE

__all__ = ["READABLE", "Admitted", "Engine", "Guard", "SqlError", "SqlLimits"]
