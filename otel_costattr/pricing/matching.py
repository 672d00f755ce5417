"""From the names in a span to one model of the book, by written rules and whole names only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from otel_costattr.pricing.providers import FRAMEWORKS, MAKERS, SPELLINGS, provider_of_host
from otel_costattr.pricing.spelling import LAST_RULES, RULES, Rule, canonical


class Names(Protocol):
    """What matching needs of a price book."""

    def model_of(self, provider: str, name: str) -> str:
        """Return the book's name of the model that is spelled `name`, or `''`."""

    def knows(self, provider: str) -> bool:
        """Tell whether the book has prices of a provider."""

    def sellers(self, provider: str) -> tuple[str, ...]:
        """Return whose models a provider sells at their own prices."""

    def spelling(self, spelled: str) -> str:
        """Return the provider that a contract says a lower-case spelling means, or `''`."""

    def alias(self, provider: str, name: str) -> tuple[str, str] | None:
        """Return whose model, and which, a contract's alias stands for, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One model of the book, and how a name led to it.

    Attributes:
        provider: The book's provider that is billed.
        model: The book's model, or `''` where there is none.
        seller: Whose price list has the model: `provider` or one whose models it resells.
        rule: The rules that led there, in words.
        reason: A key of `REASONS` where there is no model, or `''`.
        assumed: A key of `REASONS` for what the match takes for granted, or `''`.
        tried: Spellings that were looked up and are unknown, in order.
        refused: `provider/model` of other models with this name that were not chosen.
    """

    provider: str = ""
    model: str = ""
    seller: str = ""
    rule: str = ""
    reason: str = ""
    assumed: str = ""
    tried: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The names that a span gives, trimmed.

    Attributes:
        provider: As the span names it.
        host: Of the API.
        response_model: The model that answered.
        request_model: The model that was asked for.
    """

    provider: str
    host: str
    response_model: str
    request_model: str


GENERIC: Final = frozenset(
    {"claude", "gpt", "gemini", "llama", "mistral", "titan", "nova", "command", "model", "default"}
)
"""Response models that name a family, not a model; the requested model is taken instead."""


def match(asked: Asked, book: Names) -> Match:
    """Find the model whose price a call has.

    The model that answered is looked up before the one that was asked for.
    """
    tried: list[str] = []
    failures: list[Match] = []
    models = [
        (model, "response model" if at == 0 else "request model")
        for at, model in enumerate((asked.response_model, asked.request_model))
        if model
    ]
    seen = set()
    for model, which in models:
        if model in seen:
            continue
        seen.add(model)
        found = _one(asked, model, which, book, tried)
        if found.model:
            return _with_assumption(found, asked, which)
        failures.append(found)
    if not models:
        return Match(provider=_named(asked, book), reason="no_model")
    failure = next((one for one in failures if one.refused), failures[0])
    return Match(
        provider=_named(asked, book),
        reason=failure.reason,
        tried=tuple(dict.fromkeys(tried)),
        refused=failure.refused,
    )


def _with_assumption(found: Match, asked: Asked, which: str) -> Match:
    answered = canonical(asked.response_model)
    if which == "response model" or not answered or answered in GENERIC:
        return found
    return Match(
        provider=found.provider,
        model=found.model,
        seller=found.seller,
        rule=found.rule,
        assumed="model_assumed",
        tried=found.tried,
        refused=found.refused,
    )


def _named(asked: Asked, book: Names) -> str:
    host = provider_of_host(asked.host) if asked.host else ""
    return host or _provider(asked.provider.strip().lower(), book)


def _provider(spelled: str, book: Names) -> str:
    known = book.spelling(spelled) or SPELLINGS.get(spelled, "")
    return known or (spelled if book.knows(spelled) else "")


def _one(asked: Asked, model: str, which: str, book: Names, tried: list[str]) -> Match:
    spelled = asked.provider.strip().lower()
    host = provider_of_host(asked.host) if asked.host else ""
    named = _provider(spelled, book)
    if host and host != named:
        found = _sold(host, model, f"{which}; provider by host", book, tried)
        if found.model or not named or spelled in FRAMEWORKS:
            return found
        return Match(reason="unknown_model")
    if named:
        return _sold(named, model, which, book, tried)
    if spelled not in FRAMEWORKS:
        return Match(reason="unknown_provider")
    return _inferred(model, which, book, tried)


def _inferred(model: str, which: str, book: Names, tried: list[str]) -> Match:
    prefix, separator, rest = _prefix(model)
    provider = SPELLINGS.get(prefix, "")
    if separator and provider:
        found = _sold(provider, rest, f"{which}; provider by model prefix", book, tried)
        if found.model:
            return found
    makers = [
        found
        for maker in MAKERS
        if (found := _sold(maker, model, f"{which}; provider by maker", book, tried)).model
    ]
    resold = {maker for found in makers for maker in book.sellers(found.provider)}
    if resold:
        makers = [found for found in makers if not set(book.sellers(found.provider)) & resold]
    if len(makers) == 1:
        return makers[0]
    if makers:
        return Match(
            reason="ambiguous_model",
            refused=tuple(f"{found.provider}/{found.model}" for found in makers),
        )
    return Match(reason="unknown_provider")


def _sold(provider: str, model: str, rule: str, book: Names, tried: list[str]) -> Match:
    for name, steps in spellings(model, provider):
        aliased = book.alias(provider, name)
        if aliased is not None:
            seller, known = aliased
            return Match(
                provider=provider,
                model=known,
                seller=seller,
                rule=f"{rule}; alias of the contract",
                tried=tuple(dict.fromkeys(tried)),
            )
        for seller in (provider, *book.sellers(provider)):
            known = book.model_of(seller, name)
            if known:
                sold = () if seller == provider else (f"{seller} model sold by {provider}",)
                return Match(
                    provider=provider,
                    model=known,
                    seller=seller,
                    rule="; ".join((rule, *steps, *sold)),
                    tried=tuple(dict.fromkeys(tried)),
                )
        tried.append(f"{provider}/{name}")
    return Match(reason="unknown_model" if book.knows(provider) else "unknown_provider")


def spellings(model: str, provider: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each whole name to look up for a model, with the rules that made it.

    Args:
        model: As a span spells it.
        provider: The book's name of the provider.
    """
    for start, steps in _starts(canonical(model), provider):
        yield from _rewritten(start, steps, provider)


def _rewritten(
    name: str, steps: tuple[str, ...], provider: str
) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield name, steps
    for rule in (*RULES, *LAST_RULES):
        changed = _apply(rule, name, provider)
        if changed != name:
            name, steps = changed, (*steps, rule.name)
            yield name, steps


def _starts(name: str, provider: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield name, ()
    steps: tuple[str, ...] = ()
    for _ in range(_MAX_PREFIXES):
        prefix, separator, rest = _prefix(name)
        if not separator or not (
            SPELLINGS.get(prefix) == provider or prefix == provider or prefix in _VENDORS
        ):
            return
        name, steps = canonical(rest), (*steps, f"prefix {prefix}{separator}")
        yield name, steps


_MAX_PREFIXES: Final = 3
_VENDORS: Final[Mapping[str, str]] = {
    "litellm_proxy": "",
    "litellm": "",
    "converse": "",
    "chat": "",
}
"""Prefixes that routers put before a model and that change no price."""


def _prefix(name: str) -> tuple[str, str, str]:
    slash, colon = name.find("/"), name.find(":")
    at = min((place for place in (slash, colon) if place > 0), default=-1)
    if at < 0:
        return "", "", name
    return name[:at].lower(), name[at], name[at + 1 :]


def _apply(rule: Rule, name: str, provider: str) -> str:
    if rule.providers and provider not in rule.providers:
        return name
    return rule.rewrite(name)
