"""Prices cases with genai-prices and LiteLLM; runs in their own environment.

Reads one JSON case a line and writes one JSON object a line, in the same order:
`{"genai": "0.000123" or null, "litellm": "0.000123" or null}`. A library that has no price, or
that answers 0 for tokens that were used, says null.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
warnings.simplefilter("ignore")

import genai_prices  # noqa: E402 - the setting above is read at import
import litellm  # noqa: E402
from litellm._internal_context import pinned_billing_time  # noqa: E402
from litellm.cost_calculator import batch_cost_calculator, cost_per_token  # noqa: E402
from litellm.types.utils import Usage as LiteLLMUsage  # noqa: E402

litellm.suppress_debug_info = True

INPUT = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "cache_write", "input_audio")
OUTPUT = ("output", "reasoning", "output_audio")
LITELLM_PROVIDERS = {
    "aws": "bedrock",
    "google": "gemini",
    "mistral": "mistral",
    "x-ai": "xai",
    "together": "together_ai",
    "fireworks": "fireworks_ai",
    "moonshotai": "moonshot",
}
"""Our provider to LiteLLM's, where they differ."""


def main() -> None:
    """Answer every case on standard input."""
    for line in sys.stdin:
        case = json.loads(line)
        answers = {name: _guarded(peer, case) for name, peer in PEERS.items()}
        sys.stdout.write(json.dumps(answers) + "\n")
        sys.stdout.flush()


def _guarded(peer: Callable[[Mapping[str, Any]], Decimal], case: Mapping[str, Any]) -> str | None:
    try:
        answer = peer(case)
    except Exception:  # noqa: BLE001 - whatever a peer raises, it has no price
        return None
    return str(answer) if answer else None


def _genai(case: Mapping[str, Any]) -> Decimal:
    counts = case["usage"]
    usage = genai_prices.Usage(
        input_tokens=sum(counts.get(unit, 0) for unit in INPUT),
        output_tokens=sum(counts.get(unit, 0) for unit in OUTPUT),
        cache_read_tokens=counts.get("cache_read", 0),
        cache_write_tokens=sum(
            counts.get(unit, 0) for unit in ("cache_write", "cache_write_5m", "cache_write_1h")
        ),
        cache_write_1h_tokens=counts.get("cache_write_1h", 0),
        input_audio_tokens=counts.get("input_audio", 0),
        output_audio_tokens=counts.get("output_audio", 0),
        output_reasoning_tokens=counts.get("reasoning", 0),
        web_searches=counts.get("web_search", 0),
    )
    answer = genai_prices.calc_price(
        usage,
        case["model"],
        provider_id=case["provider"],
        genai_request_timestamp=datetime.fromisoformat(case["at"]),
        price_context=_context(case),
    )
    return Decimal(answer.total_price)


def _context(case: Mapping[str, Any]) -> dict[str, str]:
    tier = case.get("service_tier", "")
    if tier == "batch":
        return {"processing": "batch"}
    return {"service_tier": tier} if tier else {}


def _litellm(case: Mapping[str, Any]) -> Decimal:
    with pinned_billing_time(datetime.fromisoformat(case["at"])):
        return _litellm_now(case)


def _litellm_now(case: Mapping[str, Any]) -> Decimal:
    counts = case["usage"]
    writes = {unit: counts.get(unit, 0) for unit in ("cache_write_5m", "cache_write_1h")}
    written = sum(writes.values()) + counts.get("cache_write", 0)
    usage = LiteLLMUsage(
        prompt_tokens=sum(counts.get(unit, 0) for unit in INPUT),
        completion_tokens=sum(counts.get(unit, 0) for unit in OUTPUT)
        - (counts.get("reasoning", 0) if case["provider"] == "x-ai" else 0),
        prompt_tokens_details={
            "cached_tokens": counts.get("cache_read", 0),
            "cache_creation_tokens": written,
            "audio_tokens": counts.get("input_audio", 0),
            "cache_creation_token_details": {
                "ephemeral_5m_input_tokens": writes["cache_write_5m"],
                "ephemeral_1h_input_tokens": writes["cache_write_1h"],
            }
            if any(writes.values())
            else None,
        },
        completion_tokens_details={
            "reasoning_tokens": counts.get("reasoning", 0),
            "audio_tokens": counts.get("output_audio", 0),
        },
        cache_read_input_tokens=counts.get("cache_read", 0),
        cache_creation_input_tokens=written,
    )
    provider = LITELLM_PROVIDERS.get(case["provider"], case["provider"])
    if case.get("service_tier") == "batch":
        prices = batch_cost_calculator(usage, model=case["model"], custom_llm_provider=provider)
    else:
        prices = cost_per_token(
            model=case["model"],
            custom_llm_provider=provider,
            usage_object=usage,
            service_tier=case.get("service_tier") or None,
        )
    return sum((Decimal(repr(part)) for part in prices), Decimal(0))


PEERS: Mapping[str, Callable[[Mapping[str, Any]], Decimal]] = {
    "genai": _genai,
    "litellm": _litellm,
}

if __name__ == "__main__":
    main()
