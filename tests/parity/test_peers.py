"""Our prices beside those of genai-prices and LiteLLM, over thousands of generated usages."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from parity.cases import Case, cases
from parity.differences import DIFFERENCES, Difference, Peer

from otel_costattr.pricing import shipped_book

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".envs" / "peers" / "bin" / "python"
STEP = Decimal("1e-12")
KEYS: Mapping[Peer, str] = {"genai-prices": "genai", "LiteLLM": "litellm"}

pytestmark = [
    pytest.mark.no_cover,  # the same lines as other tests, many times over
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not PYTHON.exists(), reason="make .envs/peers/.ready installs the peers"),
]


class Row:
    """One case with all three prices, USD; None where somebody has none."""

    def __init__(self, case: Case, answer: Mapping[str, str | None], ours: Decimal | None) -> None:
        self.case = case
        self.ours = ours
        self.peers: dict[Peer, Decimal | None] = {
            peer: None if (said := answer[key]) is None else Decimal(said)
            for peer, key in KEYS.items()
        }

    def both(self) -> bool:
        """Tell whether both peers have a price."""
        return None not in self.peers.values()

    def agreed(self) -> Decimal | None:
        """Return the price on which both peers agree, or None."""
        one, two = self.peers.values()
        return one if one is not None and two is not None and abs(one - two) <= STEP else None


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Ask all three for the price of every case."""
    book = shipped_book()
    asked = list(cases(book))
    answers = subprocess.run(
        [str(PYTHON), str(Path(__file__).with_name("peers.py"))],
        input="".join(json.dumps(case.wire()) + "\n" for case in asked),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [
        Row(case, json.loads(answer), case.ours(book).total_usd)
        for case, answer in zip(asked, answers, strict=True)
    ]


def _different(rows: list[Row]) -> Iterator[tuple[Peer, Row]]:
    for row in rows:
        for peer, theirs in row.peers.items():
            if theirs is not None and (row.ours is None or abs(row.ours - theirs) > STEP):
                yield peer, row


def test_we_agree_wherever_the_two_agree(rows: list[Row]) -> None:
    """Where genai-prices and LiteLLM say the same to 1e-12 USD, so do we."""
    wrong = [
        f"{row.case.id}: we say {row.ours}, they say {agreed}"
        for row in rows
        if (agreed := row.agreed()) is not None
        and (row.ours is None or abs(row.ours - agreed) > STEP)
    ]

    assert wrong == []


def test_enough_is_compared(rows: list[Row]) -> None:
    """At least 2,000 usages of at least 150 models have a price from both."""
    both = [row for row in rows if row.both()]

    assert len(both) >= 2_000
    assert len({(row.case.provider, row.case.model) for row in both}) >= 150


def test_every_other_difference_is_explained(rows: list[Row]) -> None:
    """Each disagreement belongs to exactly one listed class."""
    unexplained = [
        f"{peer} {row.case.id}: we say {row.ours}, it says {row.peers[peer]}"
        for peer, row in _different(rows)
        if sum(known.explains(peer, row.case.id) for known in DIFFERENCES) != 1
    ]

    assert unexplained == []


def test_no_explanation_is_left_over(rows: list[Row]) -> None:
    """A class without a disagreement has been settled and is struck from the list."""
    met = [(peer, row.case.id) for peer, row in _different(rows)]
    unused = [
        known.row()
        for known in DIFFERENCES
        if not any(known.explains(peer, case_id) for peer, case_id in met)
    ]

    assert unused == []


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda known: known.cases[0])
def test_each_difference_stands_in_the_guide(difference: Difference) -> None:
    """docs/pricing.md lists every class with who is right."""
    text = (ROOT / "docs" / "pricing.md").read_text(encoding="utf-8")

    assert difference.row() in text
