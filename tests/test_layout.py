"""What the tree promises to whoever reads it."""

from __future__ import annotations

import ast
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


def test_only_the_adapters_import_the_opentelemetry_sdk() -> None:
    """The SDK's name stands in two files of the library, so a new SDK concerns those alone."""
    importers = {
        path.name
        for path in (ROOT / "otel_costattr").rglob("*.py")
        for module in _imported(path)
        if module.startswith("opentelemetry.sdk")
    }

    assert importers <= {"processor.py", "sampler.py"}


def _imported(path: Path) -> list[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = [name.name for node in nodes if isinstance(node, ast.Import) for name in node.names]
    return plain + [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
