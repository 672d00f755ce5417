"""Where our price differs from that of genai-prices 0.2.3 or LiteLLM 1.106.2, and who is right.

Each row is a line of the table in docs/pricing.md. A pattern is over `provider/model/kind`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal

Peer = Literal["genai-prices", "LiteLLM"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One class of disagreements.

    Attributes:
        peer: Whose price differs from ours.
        cases: Patterns over the ids of cases.
        what: What differs.
        right: Who is right, and why.
    """

    peer: Peer
    cases: tuple[str, ...]
    what: str
    right: str

    def explains(self, peer: Peer, case_id: str) -> bool:
        """Tell whether a case belongs here."""
        return peer == self.peer and any(fnmatchcase(case_id, cases) for cases in self.cases)

    def row(self) -> str:
        """Return the row of the table in docs/pricing.md."""
        shown = ", ".join(f"`{cases}`" for cases in self.cases)
        return f"| {self.peer} | {shown} | {self.what} | {self.right} |"


DIFFERENCES: Final = (
    Difference(
        peer="genai-prices",
        cases=(
            "anthropic/claude-3*/batch*", "anthropic/claude-opus-4-[01]/batch*",
            "anthropic/claude-sonnet-4-0/batch*",
        ),
        what="It has no batch price for Claude models before 4.5 and bills the standard one.",
        right="Ours: Message Batches cost half since October 2024, for every model.",
    ),
    Difference(
        peer="genai-prices",
        cases=("openai/gpt-4o*audio-preview/audio",),
        what="It has no audio rates for the audio previews and bills spoken tokens as text.",
        right="Ours and LiteLLM: 40 and 80 USD (mini: 10 and 20) for a million, as published.",
    ),
    Difference(
        peer="LiteLLM",
        cases=("anthropic/claude-sonnet-4-5/long*",),
        what="It has dropped the higher rate above 200,000 tokens of claude-sonnet-4-5.",
        right="Disputed: the surcharge is published for the 1M context beta; LiteLLM lists 200,000 "
        "tokens as the limit, so that no such call can exist. An overlay settles it.",
    ),
    Difference(
        peer="LiteLLM",
        cases=("*/cache-unpriced",),
        what="It bills cached tokens at 0, or at a rate of its own, where none is published.",
        right="Ours: the input rate, and the call is `estimated(cache_rate_assumed)`.",
    ),
    Difference(
        peer="LiteLLM",
        cases=(
            "deepseek/deepseek-chat/*", "deepseek/deepseek-reasoner/*",
            "deepseek/deepseek-v3.2/[!c]*",
        ),
        what="It has the rates of the last version behind these names, without a date.",
        right="Disputed: the names were retired in 2026; ours keep the rates that genai-prices "
        "recorded, hours of the day included.",
    ),
    Difference(
        peer="LiteLLM",
        cases=(
            "fireworks/deepseek-v4-pro/*", "fireworks/gemma-3-27b-it/[!c]*",
            "fireworks/llama-v3p1-8b-instruct/[!c]*",
        ),
        what="It has other rates for these hosted models.",
        right="Disputed: genai-prices follows the page of each model, LiteLLM the list by size.",
    ),
    Difference(
        peer="LiteLLM",
        cases=(
            "together/meta-llama/llama-3.3-70b-instruct-turbo/[!c]*",
            "together/mistralai/mixtral-8x7b-instruct-v0.1/[!c]*",
            "together/nousresearch/nous-hermes-2-mixtral-8x7b-dpo/[!c]*",
            "together/qwen/qwen3.7-max/*", "together/qwen/qwen3.8-2.4t-a95b/*",
        ),
        what="It has other rates for these hosted models.",
        right="Disputed: the two lists were read from Together at different times.",
    ),
    Difference(
        peer="LiteLLM",
        cases=("groq/openai/gpt-oss-safeguard-20b/cache*",),
        what="It has 0.037 USD for a million cached tokens.",
        right="Ours: 0.0375, half of the input rate, as Groq's caching is defined.",
    ),
    Difference(
        peer="LiteLLM",
        cases=("groq/openai/gpt-oss-*b/batch-cache",),
        what="It halves the cached rate once more in a batch.",
        right="Ours: Groq's batch and cache discounts do not stack.",
    ),
    Difference(
        peer="LiteLLM",
        cases=(
            "openai/gpt-4.1*/batch-cache", "openai/o3/batch-cache", "openai/o4-mini/batch-cache",
        ),
        what="It bills cached tokens of a batch at the batch's input rate.",
        right="Ours: the published cached rate is lower than that, and a batch never costs more.",
    ),
    Difference(
        peer="LiteLLM",
        cases=("openai/gpt-image-*/batch*",),
        what="It bills nothing for output, or the full cached rate, in a batch of images.",
        right="Ours: output costs half in a batch, as published.",
    ),
    Difference(
        peer="LiteLLM",
        cases=("openai/gpt-4o*-transcribe/audio",),
        what="It has the text rate for spoken tokens.",
        right="Ours: spoken tokens cost 6 USD (mini: 3) for a million, as published.",
    ),
    Difference(
        peer="LiteLLM",
        cases=("openai/gpt-4o-mini-tts/[!c]*",),
        what="It has a text rate of 10 USD for what is spoken.",
        right="Ours: the model speaks, and spoken tokens cost 12 USD for a million.",
    ),
    Difference(
        peer="LiteLLM",
        cases=("mistral/mistral-embed/[!c]*",),
        what="It bills nothing for output tokens.",
        right="Nobody: an embedding has no output tokens; the case cannot occur.",
    ),
    Difference(
        peer="LiteLLM",
        cases=("mistral/mistral-large-4/*",),
        what="It has the rates of before 20 October 2026.",
        right="Ours: the price changed, and LiteLLM keeps no dates.",
    ),
    Difference(
        peer="LiteLLM",
        cases=("moonshotai/kimi-k3/write",),
        what="It has no rate for cache writes and bills them as input.",
        right="Ours: writes have a published rate.",
    ),
    Difference(
        peer="LiteLLM",
        cases=("perplexity/perplexity/[!s]*",),
        what="It bills cached tokens at the input rate, though its own list has a cached one.",
        right="Ours: Perplexity publishes a cached rate for these models.",
    ),
    Difference(
        peer="LiteLLM",
        cases=("perplexity/perplexity/sonar/*",),
        what="It has the rates of `sonar`.",
        right="Ours: the model of the agent API has its own rates.",
    ),
    Difference(
        peer="LiteLLM",
        cases=("perplexity/sonar*/[!c]*",),
        what="It leaves out the fee for a request.",
        right="Ours: each request costs a fee beside its tokens, as published.",
    ),
    Difference(
        peer="LiteLLM",
        cases=("x-ai/grok-*/batch-reasoning",),
        what="It forgets reasoning tokens in xAI's batches.",
        right="Ours: xAI counts reasoning beside the answer, and bills it.",
    ),
    Difference(
        peer="LiteLLM",
        cases=("x-ai/grok-code-fast-1/*",),
        what="It has the rates of the model that replaced this name.",
        right="Disputed: the name was an alias after its model was retired.",
    ),
)  # fmt: skip
