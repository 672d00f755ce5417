"""The guides of pricing say what the code does."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from otel_costattr.model import UNITS
from otel_costattr.pricing import read_overlay, shipped_book
from otel_costattr.pricing.entries import PER
from otel_costattr.pricing.overlay import _KEYS
from otel_costattr.reasons import REASONS

ROOT = Path(__file__).parents[2]
PRICING = (ROOT / "docs" / "pricing.md").read_text(encoding="utf-8")
OVERLAYS = (ROOT / "docs" / "overlays.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / "examples" / "overlay.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("unit", UNITS)
def test_every_unit_stands_in_the_guide(unit: str) -> None:
    """With how many of it a rate is for."""
    assert f"| `{unit}` | {PER[unit]:,} |" in PRICING  # type: ignore[index]


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_stands_in_the_guide(reason: str) -> None:
    """With the sentence that explains it."""
    assert f"| `{reason}` | {REASONS[reason]} |" in PRICING


@pytest.mark.parametrize("kind", _KEYS)
def test_every_table_of_a_contract_stands_in_the_guide(kind: str) -> None:
    """With all of its keys, and in the example."""
    row = next(line for line in OVERLAYS.splitlines() if line.startswith(f"| `[[{kind}]]`"))

    assert [key for key in _KEYS[kind][0] if f"`{key}`" not in row] == []
    assert kind in tomllib.loads(EXAMPLE, parse_float=Decimal)


def test_the_example_is_a_contract() -> None:
    """It can be laid over the shipped book."""
    book = shipped_book().with_overlay(read_overlay(EXAMPLE, source="overlay.toml"))

    assert book.contract.sources == ("Example Ltd, 2026",)


def test_the_code_of_the_guide_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the guide asserts is so."""
    monkeypatch.chdir(ROOT)
    (code,) = re.findall(r"```python\n(.*?)```", OVERLAYS, re.DOTALL)

    exec(compile(code, "docs/overlays.md", "exec"), {})  # noqa: S102 - our own documentation
