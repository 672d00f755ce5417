"""Generates usages of every model that the peers may know, the same ones each time."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tariff import ns

from otel_costattr.model import ModelCall, Price, Usage
from otel_costattr.pricing import PriceBook, price
from otel_costattr.pricing.entries import Entry

AT: Final = "2026-11-20T12:00:00"
"""A Friday, outside of anybody's peak hours."""

PROVIDERS: Final = (
    "openai", "anthropic", "google", "aws", "azure", "x-ai", "mistral", "deepseek", "groq",
    "perplexity", "together", "fireworks", "moonshotai", "cerebras",
)  # fmt: skip
"""Providers that both peers can be asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One usage of one model.

    Attributes:
        id: `provider/model/kind`.
        kind: What is special about it.
        provider: The book's name of the provider.
        model: A spelling that the peers know.
        usage: Leaf unit to count.
        service_tier: `batch`, or `''`.
    """

    id: str
    kind: str
    provider: str
    model: str
    usage: Mapping[str, int]
    service_tier: str = ""

    def wire(self) -> dict[str, Any]:
        """Return what the peers are asked."""
        return {
            "id": self.id,
            "provider": self.provider,
            "model": self.model,
            "at": f"{AT}+00:00",
            "usage": dict(self.usage),
            "service_tier": self.service_tier,
        }

    def ours(self, book: PriceBook) -> Price:
        """Return our price."""
        call = ModelCall(
            provider=self.provider,
            response_model=self.model,
            service_tier=self.service_tier,
            usage=Usage(counts=dict(self.usage)),  # type: ignore[arg-type]
        )
        return price(call, at_ns=ns(AT), book=book)[0]


def cases(book: PriceBook) -> Iterator[Case]:
    """Yield several usages of each model that is billed by tokens in and out."""
    chance = random.Random(20261120)  # noqa: S311 - the same cases each time
    for provider, model in book.models():
        entries = [entry for entry in book.entries(provider, model) if entry.valid(ns(AT))]
        if provider in PROVIDERS and entries and {"input", "output"} <= entries[0].rates.keys():
            name = _spelling(book, provider, model)
            for kind, usage in _usages(entries[0], chance):
                yield Case(
                    id=f"{provider}/{model}/{kind}",
                    kind=kind,
                    provider=provider,
                    model=name,
                    usage=usage,
                    service_tier="batch" if kind.startswith("batch") else "",
                )


def _spelling(book: PriceBook, provider: str, model: str) -> str:
    names = book.names(provider, model)
    paths = [name for name in names if name.startswith("accounts/")]
    name = paths[0] if paths else model if model in names else names[0]
    return name.replace("regional.", "us.", 1)


def _usages(entry: Entry, chance: random.Random) -> Iterator[tuple[str, dict[str, int]]]:
    def some(*units: str) -> dict[str, int]:
        return {unit: chance.randint(1, 9_000) for unit in units}

    writes = [unit for unit in ("cache_write_5m", "cache_write_1h") if unit in entry.rates]
    yield "plain", some("input", "output")
    yield "plain-2", some("input", "output")
    yield "answer", some("output")
    yield "reasoning", some("input", "output", "reasoning")
    if "cache_read" in entry.rates:
        yield "cache", some("input", "output", "cache_read")
        yield "cache-2", some("input", "output", "cache_read", "reasoning")
    else:
        yield "cache-unpriced", some("input", "output", "cache_read")
    if writes:
        yield "write", some("input", "output", "cache_read", *writes)
    for tier in entry.rates["input"].tiers[:1]:
        for step in (-1, 0, 1, 12_345):
            yield f"long{step:+}", {**some("output"), "input": tier.threshold + step}
        half = tier.threshold // 2
        yield "long-cache", {**some("output"), "input": half + 7, "cache_read": half}
    if "input_audio" in entry.rates:
        yield "audio", some("input", "output", "input_audio")
    if any(variant.when == "batch" for variant in entry.variants):
        yield "batch", some("input", "output")
        yield "batch-reasoning", some("input", "output", "reasoning")
        if "cache_read" in entry.rates:
            yield "batch-cache", some("input", "output", "cache_read")
