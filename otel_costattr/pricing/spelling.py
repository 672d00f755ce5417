"""Spelling of names: the one table of normalisations that matching may apply.

Each rule turns a whole name into another whole name. Nothing here looks at a part of a name to
decide on a model; after a rule the result must be a known spelling, or there is no match.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_DATE: Final = re.compile(
    r"[-@](?:20[2-9]\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
    r"|20[2-9]\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))$"
)
_PATH: Final = re.compile(
    r"^(?:(?:projects/[^/]+/)?(?:locations/[^/]+/)?publishers/[^/]+/models/|models/"
    r"|projects/[^/]+/locations/[^/]+/models/)"
)
_ARN: Final = re.compile(
    r"^arn:aws[a-z-]*:bedrock:[a-z0-9-]*:\d*:(?:inference-profile|foundation-model)/"
)
_GEO: Final = re.compile(r"^(?:us|eu|apac|jp|au|in|ca|sa|us-gov)\.")
_BEDROCK_VERSION: Final = re.compile(r"-v\d{1,2}(?::\d{1,2})?$")
_BEDROCK_FULL: Final = re.compile(r"-v\d{1,2}:\d{1,2}$")
_BEDROCK_MINOR: Final = re.compile(r":\d{1,2}$")
_CLOUD_VERSION: Final = re.compile(r"@(?:default|latest)$")
_CONTEXT: Final = re.compile(r"\[1m\]$")
_CLAUDE_DOT: Final = re.compile(r"^((?:[a-z]+\.)*claude-(?:[a-z]+-)?\d)\.(\d)")
_CLAUDE_TURN: Final = re.compile(r"^((?:[a-z]+\.)*claude)-(\d(?:-\d)?)-(opus|sonnet|haiku)$")
_FINE_TUNED: Final = re.compile(r"^(ft:[^:]+):[^:]*:[^:]*:[^:]*(?::ckpt-step-\d+)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One normalisation.

    Attributes:
        name: How an explanation calls it.
        rewrite: Whole name to whole name; the same name where it does not apply.
        providers: The only providers that it is for; empty for all.
    """

    name: str
    rewrite: Callable[[str], str]
    providers: frozenset[str] = frozenset()


def _sub(pattern: re.Pattern[str], replacement: str = "") -> Callable[[str], str]:
    return lambda name: pattern.sub(replacement, name, count=1)


def canonical(name: str) -> str:
    """Return a name in the book's spelling: trimmed, lower case, Bedrock's regions as one."""
    return _GEO.sub("regional.", name.strip().lower(), count=1)


_ANTHROPIC_SELLERS: Final = frozenset({"anthropic", "aws", "google", "azure"})

RULES: Final[tuple[Rule, ...]] = (
    Rule(name="resource path", rewrite=_sub(_PATH)),
    Rule(name="Bedrock ARN", rewrite=lambda name: canonical(_ARN.sub("", name, count=1))),
    Rule(name="context window suffix", rewrite=_sub(_CONTEXT), providers=_ANTHROPIC_SELLERS),
    Rule(name="Vertex alias", rewrite=_sub(_CLOUD_VERSION), providers=frozenset({"google"})),
    Rule(
        name="Bedrock minor version",
        rewrite=_sub(_BEDROCK_MINOR),
        providers=frozenset({"aws"}),
    ),
    Rule(
        name="fine-tuned model",
        rewrite=_sub(_FINE_TUNED, r"\1"),
        providers=frozenset({"openai", "azure"}),
    ),
    Rule(
        name="Azure spelling",
        rewrite=lambda name: (
            name.replace("gpt-35-", "gpt-3.5-", 1) if name.startswith("gpt-35-") else name
        ),
        providers=frozenset({"azure"}),
    ),
    Rule(name="dotted version", rewrite=_sub(_CLAUDE_DOT, r"\1-\2"), providers=_ANTHROPIC_SELLERS),
)
"""Applied in this order, each to the result of the one before; every step is looked up."""

LAST_RULES: Final[tuple[Rule, ...]] = (
    Rule(
        name="Bedrock version",
        rewrite=_sub(_BEDROCK_VERSION),
        providers=frozenset({"aws"}),
    ),
    Rule(name="date suffix", rewrite=_sub(_DATE)),
    Rule(
        name="family and version turned",
        rewrite=_sub(_CLAUDE_TURN, r"\1-\3-\2"),
        providers=_ANTHROPIC_SELLERS,
    ),
    Rule(
        name="Bedrock region",
        rewrite=lambda name: name.removeprefix("regional."),
        providers=frozenset({"aws"}),
    ),
)
"""Rules that forget something, so that they come after every other spelling was looked up."""


def strip_date(name: str) -> str:
    """Return a name without the date that ends it."""
    return _DATE.sub("", name)


def strip_bedrock(name: str) -> str:
    """Return a name without the version that ends a Bedrock model id."""
    return _BEDROCK_FULL.sub("", name)


def strip_region(name: str) -> str:
    """Return a canonical Bedrock name without its region."""
    return name.removeprefix("regional.")
