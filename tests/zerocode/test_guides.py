"""The guides for applications say what is true: every snippet in them runs."""

from pathlib import Path

import pytest
from sybil import Document
from sybil.parsers.markdown import PythonCodeBlockParser

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("guide", ["attribution.md", "processor.md"])
def test_snippets_run(guide: str) -> None:
    """Every Python snippet of the guide runs, top to bottom, and its assertions hold."""
    document = Document.parse(str(DOCS / guide), PythonCodeBlockParser())
    examples = list(document.examples())
    for example in examples:
        example.evaluate()

    assert len(examples) >= 4
