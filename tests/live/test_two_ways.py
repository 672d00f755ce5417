"""Without our library, stock OpenTelemetry alone is attributed and priced the same."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from collector.served import Served, repeatedly, serving
from live.stand_ins import standing_in
from openai_stand_in import create_app
from plain_http import HTTP

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ROWS = """
    SELECT tenant, feature, prompt_version, emitter, operation, provider, model, request_model,
           response_model, status, reasons, calls, input_tokens, cache_read_tokens, output_tokens,
           reasoning_tokens, toString(amount_usd), toString(list_usd), price_entry, price_book,
           price_rule, rates, provenance
    FROM ledger ORDER BY tenant, model
    FORMAT TSV
"""

# 1,200 in and 300 out of gpt-4o-mini; 900 in and 1,400 out of o4-mini; 512 tokens embedded.
TOTAL = (
    1200 * Decimal("0.15")
    + 300 * Decimal("0.60")
    + 900 * Decimal("1.10")
    + 1400 * Decimal("4.40")
    + 512 * Decimal("0.02")
) / 1_000_000


@pytest.fixture(scope="module")
def openai_url() -> Iterator[str]:
    """The stand-in for OpenAI's API."""
    with standing_in(create_app()) as address:
        yield f"{address}/v1"


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_stock_baggage_gives_the_same_rows_as_our_processor(
    protocol: str, openai_url: str, tmp_path: Path
) -> None:
    """Owner, counts, price and provenance are equal in every column but ids and times."""
    ours = rows_of("processor", protocol, openai_url, tmp_path)
    stock = rows_of("baggage", protocol, openai_url, tmp_path)

    assert ours == stock
    assert len(ours) == 3
    assert sum(Decimal(row[16]) for row in ours) == TOTAL


def rows_of(way: str, protocol: str, openai_url: str, folder: Path) -> list[list[str]]:
    """Run the application against a fresh collector and return its ledger."""
    quick = ("--settle-seconds", "0", "--wrapper-settle-seconds", "0")
    with serving(folder / way, *quick) as served:
        environment = {
            **os.environ,
            "OPENAI_BASE_URL": openai_url,
            "OPENAI_API_KEY": "stand-in",
            "OTEL_EXPORTER_OTLP_ENDPOINT": served.urls[protocol],
        }
        application = Path(__file__).with_name("two_ways.py")
        command = [sys.executable, str(application), way, protocol]
        subprocess.run(command, env=environment, check=True)
        return settled(served)


def settled(served: Served) -> list[list[str]]:
    """Wait until the three calls are booked and return their rows."""
    deadline = time.monotonic() + 60
    for answer in repeatedly(lambda: HTTP.post(served.urls["sql"], content=ROWS, timeout=30)):
        assert answer.status_code == 200, answer.text
        rows = [line.split("\t") for line in answer.text.splitlines()]
        if len(rows) >= 3:
            return rows
        assert time.monotonic() < deadline, f"three rows never came: {rows}"
    raise AssertionError
