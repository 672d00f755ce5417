"""`POST /v1/events`: calls told in plain JSON, each taken once."""

from __future__ import annotations

from .door import EventDoor
from .ids import EventIds
from .posted import Event

__all__ = ["Event", "EventDoor", "EventIds"]
