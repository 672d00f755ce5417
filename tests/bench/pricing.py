"""Microseconds for one priced call, beside the two libraries, in the same run."""

from __future__ import annotations

import subprocess
import sys
import time
import timeit
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.table import BenchRow

from otel_costattr.model import ModelCall, Usage
from otel_costattr.pricing import price, shipped_book

ROOT = Path(__file__).parents[2]
PEERS = ROOT / ".envs" / "peers" / "bin" / "python"
AT_NS = 1_790_000_000_000_000_000
"""2026-09-21T14:13:20Z."""

GENAI = """
import genai_prices, timeit
from datetime import datetime, timezone
usage = genai_prices.Usage(input_tokens=1000, cache_read_tokens=400, output_tokens=200)
at = datetime(2026, 9, 21, tzinfo=timezone.utc)
call = lambda: genai_prices.calc_price(usage, "gpt-4o-mini", provider_id="openai", genai_request_timestamp=at)
call()
print(min(timeit.repeat(call, number=500, repeat=3)) / 500 * 1e6)
"""
LITELLM = """
import os, timeit
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm
call = lambda: litellm.cost_per_token(
    model="gpt-4o-mini", custom_llm_provider="openai", prompt_tokens=1000, completion_tokens=200,
    cache_read_input_tokens=400,
)
call()
print(min(timeit.repeat(call, number=500, repeat=3)) / 500 * 1e6)
"""


def rows() -> Iterator[BenchRow]:
    """Measure the price engine."""
    yield BenchRow(
        what="price one known model's call, 3 units",
        value=_us(_call({"input": 600, "cache_read": 400, "output": 200})),
        unit="us",
        hold="<= 5",
        peer=f"genai-prices {_peer(GENAI)}, LiteLLM {_peer(LITELLM)}",
    )
    yield BenchRow(
        what="price one known model's call, 2 units",
        value=_us(_call({"input": 600, "output": 200})),
        unit="us",
        hold="<= 5",
    )
    yield BenchRow(
        what="price an unknown model's call, with bounds",
        value=_us(_call({"input": 600, "output": 200}, model="gpt-unheard-of")),
        unit="us",
    )
    yield BenchRow(what="load the shipped book", value=_load_ms(), unit="ms", hold="<= 60")


def _call(counts: dict[str, int], model: str = "gpt-4o-mini-2024-07-18") -> Callable[[], object]:
    call = ModelCall(
        provider="openai",
        request_model="gpt-4o-mini",
        response_model=model,
        usage=Usage(counts=counts),  # type: ignore[arg-type]
    )
    if model == "gpt-unheard-of":
        call = ModelCall(provider="openai", response_model=model, usage=call.usage)
    book = shipped_book()
    return lambda: price(call, at_ns=AT_NS, book=book)


def _us(call: Callable[[], object]) -> float:
    """Microseconds of this process's own time, the best of many short rounds."""
    call()
    return min(timeit.repeat(call, number=200, repeat=300, timer=time.process_time)) / 200 * 1e6


def _load_ms() -> float:
    code = (
        "import time; from otel_costattr.pricing import shipped_book;"
        "t = time.perf_counter(); shipped_book(); print((time.perf_counter() - t) * 1e3)"
    )
    return min(float(_run(sys.executable, code)) for _ in range(3))


def _peer(code: str) -> str:
    if not PEERS.exists():
        return "not installed (make .envs/peers/.ready)"
    return f"{float(_run(str(PEERS), code)):,.0f} us"


def _run(python: str, code: str) -> str:
    return subprocess.run(
        [python, "-W", "ignore", "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()
