"""What the tree promises to whoever reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = sorted(
    path
    for folder in ("otel_costattr", "collector", "examples", "scripts")
    for path in (ROOT / folder).rglob("*.py")
)


@pytest.mark.parametrize("path", SOURCE, ids=lambda path: str(path.relative_to(ROOT)))
def test_source_files_stay_readable_in_one_sitting(path: Path) -> None:
    """No source file is longer than 400 lines."""
    assert len(path.read_text().splitlines()) <= 400
