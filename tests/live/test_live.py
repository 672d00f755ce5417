"""Real instrumentations, live: one cost per call, in the processor and in the collector."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from collector.served import Served, repeatedly, serving
from live.anthropic_stand_in import create_app as create_anthropic
from live.stand_ins import standing_in
from openai_stand_in import create_app as create_openai

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".envs" / "live" / "bin" / "python"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

CALLS = 2

# gpt-4o-mini: 1,200 tokens in at 0.15 USD and 300 out at 0.60 USD per million.
OPENAI = (1200 * Decimal("0.15") + 300 * Decimal("0.60")) / 1_000_000
# claude-sonnet-4-5: 100 in at 3, 400 read at 0.30, 300 written for 5 minutes at 3.75 and 200 for
# 1 hour at 6, 200 out at 15 USD per million.
CLAUDE = (
    100 * Decimal(3)
    + 400 * Decimal("0.30")
    + 300 * Decimal("3.75")
    + 200 * Decimal(6)
    + 200 * Decimal(15)
) / 1_000_000

PRICES = {
    "traceloop": OPENAI,
    "official": OPENAI,
    "openinference": OPENAI,
    "logfire": OPENAI,
    "langchain_and_openai": OPENAI,
    "langchain_and_traceloop": OPENAI,
    "pydantic_ai": OPENAI,
    "anthropic_twice": CLAUDE,
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A collector that settles quickly."""
    quick = ("--settle-seconds", "0.5", "--wrapper-settle-seconds", "1")
    with serving(tmp_path_factory.mktemp("live") / "data", *quick) as running:
        yield running


@pytest.fixture(scope="module")
def providers() -> Iterator[dict[str, str]]:
    """Stand-ins for both providers, as the settings of their clients."""
    with standing_in(create_openai()) as openai, standing_in(create_anthropic()) as anthropic:
        yield {
            "OPENAI_BASE_URL": f"{openai}/v1",
            "OPENAI_API_KEY": "stand-in",
            "ANTHROPIC_BASE_URL": anthropic,
            "ANTHROPIC_API_KEY": "stand-in",
        }


@pytest.mark.parametrize("scenario", PRICES)
def test_each_call_costs_once_whoever_tells_of_it(
    scenario: str, served: Served, providers: dict[str, str]
) -> None:
    """Processor and collector agree: two calls, each at the published rates, no call twice."""
    spans = run(scenario, served, providers)
    expected = PRICES[scenario]

    priced = [
        Decimal(span["costattr.cost.exact_usd"])
        for span in spans
        if "costattr.cost.exact_usd" in span and span["costattr.cost.status"] != "aggregate"
    ]
    assert priced == [expected] * CALLS, spans

    assert settled(served, scenario) == (CALLS, CALLS * expected)


def run(scenario: str, served: Served, providers: dict[str, str]) -> list[dict[str, str]]:
    """Run one application in its environment and return what the processor wrote."""
    environment = {
        **os.environ,
        **providers,
        "OTEL_EXPORTER_OTLP_ENDPOINT": served.urls["http"],
        "PYTHONPATH": str(ROOT),
    }
    application = Path(__file__).with_name("applications.py")
    done = subprocess.run(
        [PYTHON, str(application), scenario],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    spans: list[dict[str, str]] = json.loads(done.stdout.splitlines()[-1])
    return spans


def settled(served: Served, tenant: str) -> tuple[int, Decimal]:
    """Wait until the collector has booked a tenant's calls; return their number and USD."""
    deadline = time.monotonic() + 60
    for answer in repeatedly(lambda: served.costs(group_by="tenant")):
        for row in answer["data"]:
            if row["dimensions"]["tenant"] == tenant and row["calls"] >= CALLS:
                return row["calls"], Decimal(row["total_cost"])
        assert time.monotonic() < deadline, f"the calls of {tenant} never came: {answer}"
    raise AssertionError
