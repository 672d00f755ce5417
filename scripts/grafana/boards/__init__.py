"""The dashboards, one file each."""

from __future__ import annotations

from typing import Final

from ..panels import Board
from . import features, margins, models, overview, prompts, quality, sessions, tenants, triage

BOARDS: Final[tuple[Board, ...]] = (
    overview.BOARD,
    features.BOARD,
    tenants.BOARD,
    margins.BOARD,
    prompts.BOARD,
    models.BOARD,
    sessions.BOARD,
    quality.BOARD,
    triage.BOARD,
)
"""In the order of their menu."""
