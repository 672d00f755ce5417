"""The page of dialects is what the code and the recordings say."""

from __future__ import annotations

import runpy
from pathlib import Path

from otel_costattr.usage.dialects import DIALECTS

ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    """`python scripts/write_dialects_page.py` would change nothing."""
    script = runpy.run_path(str(ROOT / "scripts" / "write_dialects_page.py"))

    assert (ROOT / "docs" / "dialects.md").read_text(encoding="utf-8") == script["page"]()


def test_each_dialect_says_what_it_is() -> None:
    """Names are unique, and each row has its line for the page."""
    assert len({dialect.name for dialect in DIALECTS}) == len(DIALECTS)
    assert all(dialect.page for dialect in DIALECTS)
