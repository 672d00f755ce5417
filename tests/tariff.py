"""A small price book with round numbers, and calls to price with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from otel_costattr.model import ModelCall, ModelUsage, Price, Usage
from otel_costattr.pricing import PriceBook, price, read_book

MILLION = 1_000_000

MODELS: Mapping[str, Any] = {
    "plain": [{"rates": {"input": 2, "output": 10}}],
    "full": [
        {
            "rates": {
                "input": {"base": 2, "over": [[1000, 4]]},
                "cache_read": {"base": 0.2, "over": [[1000, 0.4]]},
                "cache_write_5m": {"base": 2.5, "over": [[1000, 5]]},
                "cache_write_1h": {"base": 4, "over": [[1000, 8]]},
                "output": {"base": 10, "over": [[1000, 15]]},
                "web_search": 10,
            },
            "variants": [
                {
                    "when": "batch",
                    "rates": {
                        "input": {"base": 1, "over": [[1000, 2]]},
                        "cache_read": {"base": 0.1, "over": [[1000, 0.2]]},
                        "cache_write_5m": {"base": 1.25, "over": [[1000, 2.5]]},
                        "cache_write_1h": {"base": 2, "over": [[1000, 4]]},
                        "output": {"base": 5, "over": [[1000, 7.5]]},
                    },
                },
                {"when": "eu", "factor": 1.1},
            ],
        }
    ],
    "inclusive": [{"rates": {"input": {"base": 2, "from": [[1000, 4]]}, "output": 10}}],
    "changing": [
        {"from": "2026-01-01", "to": "2026-08-21", "rates": {"input": 5, "output": 30}},
        {"from": "2026-08-21", "rates": {"input": 4, "output": 20}},
    ],
    "gap": [
        {"to": "2026-01-01", "rates": {"input": 1, "output": 1}},
        {"from": "2026-02-01", "rates": {"input": 2, "output": 2}},
    ],
    "nightly": [
        {
            "rates": {"input": 2, "output": 10},
            "windows": [
                {"from": "22:00", "to": "06:00", "rates": {"input": 1, "output": 5}},
                {"from": "12:00", "to": "13:00", "days": [1, 2], "rates": {"input": 4}},
            ],
        }
    ],
    "asking": [{"rates": {"input": 1, "output": 1, "requests": 5}}],
    "speaking": [{"rates": {"characters": 15}}],
    "hearing": [{"rates": {"seconds_input_audio": 0.36}, "minimums": {"seconds_input_audio": 10}}],
    "drawing": [{"rates": {"images": 40}}],
    "reading": [{"rates": {"pages": 2}}],
    "embedding": [{"rates": {"input": 0.02}}],
    "free": [{"rates": {"input": 0, "output": 0}}],
    "sounding": [{"rates": {"input": 1, "output": 2, "input_audio": 10, "output_audio": 20}}],
}


def tariff(**models: Any) -> PriceBook:
    """Build a book of provider `acme` with `MODELS`, and `models` added or replacing them."""
    table = {name: {"names": [name], "prices": prices} for name, prices in MODELS.items()}
    table |= {name: {"names": [name], "prices": prices} for name, prices in models.items()}
    return read_book(
        json.dumps({"header": {"source": "tests"}, "providers": {"acme": {"models": table}}})
    )


BOOK = tariff()


def ns(moment: str) -> int:
    """Return an ISO 8601 moment in UTC as nanoseconds."""
    return int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()) * 10**9


NOON_NS = ns("2026-09-21T15:00:00")
"""A Monday afternoon, outside of every window."""


def called(model: str, counts: Mapping[Any, int], **fields: Any) -> ModelCall:
    """Build a call of a model of provider `acme`."""
    base: dict[str, Any] = {
        "provider": "acme",
        "response_model": model,
        "usage": Usage(counts=counts),
    }
    return ModelCall(**(base | fields))


def priced(
    model: str,
    counts: Mapping[Any, int],
    *,
    at_ns: int = NOON_NS,
    book: PriceBook = BOOK,
    **fields: Any,
) -> Price:
    """Price a call of a model of provider `acme`."""
    return price(called(model, counts, **fields), at_ns=at_ns, book=book)[0]


def usd(*products: str) -> Decimal:
    """Return the USD of products such as `600 * 0.15 / 1000000`, exact."""
    total = Decimal(0)
    for product in products:
        quantity, _, rest = product.partition(" * ")
        rate, _, per = rest.partition(" / ")
        total += Decimal(quantity) * Decimal(rate) / Decimal(per)
    return total


def used(model: str, counts: Mapping[Any, int]) -> ModelUsage:
    """Build the usage of one more model inside a response."""
    return ModelUsage(model=model, usage=Usage(counts=counts))
