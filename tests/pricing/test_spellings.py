"""Which names are priced, and by what."""

from __future__ import annotations

from decimal import Decimal

import pytest

from otel_costattr.model import ModelCall, Price, Usage
from otel_costattr.pricing import price, shipped_book

AT_NS = 1_790_000_000_000_000_000
"""2026-09-21T14:13:20Z."""


def priced(provider: str, model: str, host: str = "") -> Price:
    """Price 1,000,000 input tokens of a model."""
    call = ModelCall(
        provider=provider,
        server_address=host,
        request_model=model,
        usage=Usage(counts={"input": 1_000_000}),
    )
    return price(call, at_ns=AT_NS, book=shipped_book())[0]


@pytest.mark.parametrize(
    ("provider", "model", "entry", "usd"),
    [
        ("openai", "gpt-4o-mini", "openai/gpt-4o-mini", "0.15"),
        ("openai", "gpt-4o-mini-2024-07-18", "openai/gpt-4o-mini", "0.15"),
        ("openai", " GPT-4o-Mini ", "openai/gpt-4o-mini", "0.15"),
        ("openai", "openai/gpt-4o-mini", "openai/gpt-4o-mini", "0.15"),
        ("openai.chat", "gpt-4o", "openai/gpt-4o", "2.5"),
        ("openai", "gpt-4o-2024-05-13", "openai/gpt-4o-2024-05-13", "5"),
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme::x1", "openai/ft:gpt-4o-mini", "0.3"),
        ("azure.ai.openai", "gpt-4o-2024-08-06", "openai/gpt-4o", "2.5"),
        ("az.ai.openai", "gpt-35-turbo", "openai/gpt-3.5-turbo", "0.5"),
        ("anthropic", "claude-sonnet-4-20250514", "anthropic/claude-sonnet-4-0", "3"),
        ("anthropic", "claude-opus-4.5", "anthropic/claude-opus-4-5", "5"),
        ("anthropic", "claude-4-5-sonnet", "anthropic/claude-sonnet-4-5", "6"),
        ("anthropic", "claude-sonnet-4-5[1m]", "anthropic/claude-sonnet-4-5", "6"),
        ("gcp.vertex_ai", "claude-sonnet-4@20250514", "google/claude-4-sonnet", "3"),
        ("gcp.gemini", "models/gemini-2.5-flash", "google/gemini-2.5-flash", "0.3"),
        ("litellm", "anthropic/claude-opus-4-5", "anthropic/claude-opus-4-5", "5"),
        ("langchain", "claude-opus-4-5-20251101", "anthropic/claude-opus-4-5", "5"),
        ("", "gpt-4o-mini", "openai/gpt-4o-mini", "0.15"),
        ("x_ai", "grok-4", "x-ai/grok-4-0709", "3"),
        ("deepseek", "deepseek-v3.2", "deepseek/deepseek-v3.2", "0.2288"),
    ],
)
def test_a_known_spelling_finds_its_entry(provider: str, model: str, entry: str, usd: str) -> None:
    """Each way in which telemetry spells a model leads to the price of that model."""
    found = priced(provider, model)

    assert found.entry.partition("@")[0] == entry
    assert found.total_usd == Decimal(usd)


@pytest.mark.parametrize(
    ("model", "usd"),
    [
        ("us.anthropic.claude-opus-4-5-20251101-v1:0", "5.5"),
        ("eu.anthropic.claude-opus-4-5-20251101-v1:0", "5.5"),
        ("anthropic.claude-opus-4-5-20251101-v1:0", "5.5"),
        ("claude-opus-4-5-20251101-v1:0", "5.5"),
        ("global.anthropic.claude-opus-4-5-20251101-v1:0", "5"),
        ("bedrock/us.anthropic.claude-opus-4-5-20251101-v1:0", "5.5"),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-5", "5.5"),
        ("us.amazon.nova-lite-v1:0", "0.06"),
        ("amazon.titan-embed-text-v1", "0.1"),
        ("amazon.titan-embed-text-v2:0", "0.02"),
    ],
)
def test_bedrock_names_keep_the_price_of_their_region(model: str, usd: str) -> None:
    """A regional profile costs its own price, a global one the global price."""
    assert priced("aws.bedrock", model).total_usd == Decimal(usd)


@pytest.mark.parametrize(
    ("provider", "model", "reason"),
    [
        ("openai", "gpt-4o-minimal", "unknown_model"),
        ("openai", "gpt-4o-", "unknown_model"),
        ("openai", "gpt-4", "") ,
        ("openai", "my-gpt-4o", "unknown_model"),
        ("openai", "gpt-4o-mini-2024-13-45", "unknown_model"),
        ("anthropic", "claude-sonnet-4-2025", "unknown_model"),
        ("aws.bedrock", "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", "unknown_model"),
        ("ollama", "gpt-oss-20b", "unknown_provider"),
        ("", "my-model", "unknown_provider"),
        ("openai", "", "no_model"),
    ],
)  # fmt: skip
def test_a_name_that_only_resembles_a_known_one_has_no_price(
    provider: str, model: str, reason: str
) -> None:
    """A look-alike is unpriced with its reason, never priced by what it resembles."""
    found = priced(provider, model)

    assert found.reasons == ((reason,) if reason else ())
    assert (found.total_usd is None) == bool(reason)


@pytest.mark.parametrize(
    ("provider", "host", "model", "billed"),
    [
        ("openai", "api.groq.com", "llama-3.3-70b-versatile", "groq"),
        ("openai", "acme.openai.azure.com", "gpt-4o", "azure"),
        ("openai", "localhost", "gpt-4o", "openai"),
        ("langchain", "api.anthropic.com", "claude-opus-4-5", "anthropic"),
        ("openai", "my-alb.us-east-1.elb.amazonaws.com", "gpt-4o", "openai"),
        ("anthropic", "bedrock-runtime.us-east-1.amazonaws.com", "claude-opus-4-5", "aws"),
    ],
)
def test_the_host_of_the_api_corrects_the_provider(
    provider: str, host: str, model: str, billed: str
) -> None:
    """Who answers is who bills, whatever client library names itself."""
    assert priced(provider, model, host).provider == billed
