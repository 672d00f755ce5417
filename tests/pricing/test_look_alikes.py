"""No name that is not a known spelling ever has a price."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tariff import NOON_NS, called

from otel_costattr.pricing import price, shipped_book

BOOK = shipped_book()
PROVIDERS = ("openai", "anthropic", "google", "aws", "azure", "mistral", "x-ai", "deepseek")
KNOWN = {
    provider: frozenset(
        name for seller, model in BOOK.models() for name in BOOK.names(seller, model)
        if seller == provider or seller in BOOK.sellers(provider)
    )
    for provider in PROVIDERS
}  # fmt: skip
NAMES = st.sampled_from(
    sorted((provider, name) for provider in PROVIDERS for name in KNOWN[provider])
)

DATED = re.compile(r"[-@]20[2-9]\d-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])$")
"""The only endings that may be cut, written again so that the rules are not their own judge."""
ENDINGS = (r"\[1m\]$", r"@(default|latest)$", r":\d{1,2}$", r"-v\d{1,2}$", DATED.pattern)
BEGINNINGS = (
    r"^(us|eu|apac|jp|au|in|ca|sa|us-gov|regional)\.",
    r"^arn:aws[a-z-]*:bedrock:[a-z0-9-]*:\d*:(inference-profile|foundation-model)/",
    r"^(projects/[^/]+/)?(locations/[^/]+/)?(publishers/[^/]+/)?models/",
    r"^(openai|anthropic|google|gemini|aws|bedrock|azure|mistral|mistralai|x-ai|xai|deepseek)[/:]",
    r"^ft:(?=ft:)",
)


def spelled(provider: str, name: str) -> bool:
    """Tell whether a name is a known one with a listed beginning or ending around it."""
    seen, todo = set(), [name.strip().lower()]
    while todo:
        current = todo.pop()
        if current in seen:
            continue
        seen.add(current)
        if current in KNOWN[provider]:
            return True
        todo += [re.sub(pattern, "", current) for pattern in (*ENDINGS, *BEGINNINGS)]
        todo += [f"regional.{re.sub(BEGINNINGS[0], '', current)}"]
        todo.append(re.sub(r"(claude-(?:[a-z]+-)?\d)\.(\d)", r"\1-\2", current))
        todo.append(re.sub(r"(claude)-(\d(?:-\d)?)-(opus|sonnet|haiku)$", r"\1-\3-\2", current))
        todo.append(re.sub(r"^(ft:[^:]+):[^:]*:[^:]*:[^:]*$", r"\1", current))
        todo.append(re.sub(r"^gpt-35-", "gpt-3.5-", current))
    return False


def refused(provider: str, name: str) -> bool:
    """Tell whether a call of a model is unpriced for want of a known name."""
    found = price(called(name, {"input": 1}, provider=provider), at_ns=NOON_NS, book=BOOK)[0]
    return found.reasons[:1] == ("unknown_model",)


@settings(max_examples=400)
@given(
    NAMES,
    st.integers(0, 60),
    st.sampled_from(("insert", "delete", "replace", "append", "prepend")),
    st.text(string.ascii_lowercase + string.digits + "-.:@/", min_size=1, max_size=3),
)
@example(("openai", "gpt-4o"), 0, "append", "-mi")
@example(("openai", "gpt-4o-mini"), 0, "append", "-x")
@example(("aws", "amazon.titan-embed-text-v1"), 25, "replace", "9")
@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_a_mutated_name_has_a_price_only_if_it_is_a_known_spelling(
    known: tuple[str, str], at: int, how: str, text: str
) -> None:
    """One to three characters more, less or other than a known name are another name."""
    provider, name = known
    cut = at % (len(name) + 1)
    mutated = {
        "insert": name[:cut] + text + name[cut:],
        "delete": name[:cut] + name[cut + 1 :],
        "replace": name[:cut] + text + name[cut + len(text) :],
        "append": name + text,
        "prepend": text + name,
    }[how]

    if not spelled(provider, mutated):
        assert refused(provider, mutated) or not mutated.strip()


@settings(max_examples=200)
@given(
    st.sampled_from(PROVIDERS),
    st.text(string.ascii_letters + string.digits + "-._:@/[]", max_size=40),
)
def test_a_random_name_has_no_price(provider: str, name: str) -> None:
    """What nobody sells has no price."""
    if name.strip() and not spelled(provider, name):
        assert refused(provider, name)


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("openai", "gpt-4o-minimum"),
        ("openai", "gpt-4o-mini-2024-07-18-evil"),
        ("openai", "gpt-4o-2024-08-06-finetuned"),
        ("openai", "gpt-5-nano-"),
        ("openai", "xmoderationx"),
        ("openai", "gpt-4.5-preview-extra"),
        ("anthropic", "claude-2-ultra"),
        ("anthropic", "claude-sonnet-4-5-turbo"),
        ("anthropic", "my-claude-sonnet-4-5"),
        ("google", "gemini-3.6-flash-ultra"),
        ("google", "gemini-1.5-flash-8b-9000"),
        ("google", "my-claude-opus-4-5-clone"),
        ("aws", "eu.anthropic.claude-opus-4-5-large-v1:0"),
        ("aws", "amazon.titan-embed-text-v9:0"),
        ("mistral", "mixtral-8x7b-nobody"),
        ("deepseek", "deepseek-chat-v99"),
    ],
)
def test_what_a_prefix_or_a_substring_would_price_is_refused(provider: str, name: str) -> None:
    """Names that other tools price by their beginning or their middle are unknown here."""
    assert refused(provider, name)
