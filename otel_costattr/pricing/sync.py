"""Turning the data of genai-prices, with our own facts on top, into the shipped price book.

Only `costattr prices sync` and tests come here. What is passed in are the objects of the installed
package, read by attribute; this module neither imports it nor writes a file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, cast

from otel_costattr.errors import BadPriceBook
from otel_costattr.pricing.facts import apply_facts, overlap
from otel_costattr.pricing.spelling import canonical, strip_bedrock, strip_date, strip_region

RATE_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "input_mtok": ("input",),
    "output_mtok": ("output",),
    "cache_read_mtok": ("cache_read",),
    "cache_write_mtok": ("cache_write_5m",),
    "cache_write_5m_mtok": ("cache_write_5m",),
    "cache_write_1h_mtok": ("cache_write_1h",),
    "input_audio_mtok": ("input_audio",),
    "input_image_mtok": ("input_image",),
    "input_video_mtok": ("input_video",),
    "cache_audio_read_mtok": ("cache_read_audio",),
    "cache_image_read_mtok": ("cache_read_image",),
    "output_audio_mtok": ("output_audio",),
    "output_image_mtok": ("output_image",),
    "output_reasoning_mtok": ("reasoning",),
    "web_searches_kcount": ("web_search",),
    "storage_searches_kcount": ("file_search",),
    "code_executions_kcount": ("code_execution",),
    "rerank_searches_kcount": ("rerank_units",),
    "requests_kcount": ("requests",),
    "input_document_kpages": ("pages",),
    "input_mchars": ("characters",),
    "audio_hours": ("seconds_input_audio", "seconds_output_audio"),
    "input_audio_hours": ("seconds_input_audio",),
    "output_audio_hours": ("seconds_output_audio",),
}
"""Price key of genai-prices to our leaf units; the counts behind a rate are the same."""

NOT_COUNTED: Final = frozenset(
    {
        "output_video_mtok",
        "output_citation_mtok",
        "input_annotated_document_kpages",
        "input_text_messages_kcount",
        "social_searches_kcount",
        "input_gpixels",
    }
)
"""Price keys for things that no telemetry counts yet."""

_TIER_WORDS: Final = ("service_tier", "processing", "speed", "route", "search_type")

Raw = dict[str, Any]


def generate(
    providers: Iterable[Any],
    facts: Mapping[str, Any],
    previous: Mapping[str, Any],
    *,
    package: str,
    day: str,
) -> str:
    """Return the text of the shipped book.

    Args:
        providers: `genai_prices.data.providers`.
        facts: Our own facts, as read from `facts.toml`.
        previous: The book so far: what it has and the package lost is kept, marked `retired`.
        package: Name and version of the package, such as `genai-prices 0.2.3`.
        day: The UTC day of the sync, ISO 8601; kept from `previous` when nothing changed.

    Raises:
        BadPriceBook: A fact names a model that does not exist, or has an unknown key.
    """
    book: dict[str, Raw] = {}
    for provider in sorted(providers, key=lambda item: cast("str", item.id)):
        models = {canonical(model.id): _model(model) for model in provider.models}
        _settle_names(models)
        book[provider.id] = {"models": models}
        if provider.fallback_model_providers:
            book[provider.id]["fallback"] = list(provider.fallback_model_providers)
    apply_facts(book, facts)
    _keep_retired(book, previous.get("providers", {}))
    header = {
        "what": "Published prices of model calls in USD; see docs/pricing.md",
        "source": package,
        "licence": "MIT, LICENSE.genai-prices; facts.toml beside it is our own",
        "checked": day,
        "per": "1,000,000 tokens or characters, 3,600 seconds, 1,000 uses",
    }
    if previous.get("providers") is not None and _same(book, previous["providers"]):
        header["checked"] = previous["header"]["checked"]
    return render(header, book)


def render(header: Mapping[str, Any], book: Mapping[str, Raw]) -> str:
    """Return the JSON text of a book, one model a line, decimals as plain numbers."""
    lines = ["{", f'"header": {_json(header)},', '"providers": {']
    for at, (provider, raw) in enumerate(sorted(book.items())):
        rest = {key: value for key, value in raw.items() if key != "models"}
        head = "".join(f"{_json(key)}: {_json(value)}, " for key, value in sorted(rest.items()))
        lines.append(f'{_json(provider)}: {{{head}"models": {{')
        models = sorted(raw["models"].items())
        lines += [
            f"{_json(name)}: {_json(model)}{',' if last < len(models) - 1 else ''}"
            for last, (name, model) in enumerate(models)
        ]
        lines.append("}}" + ("," if at < len(book) - 1 else ""))
    return "\n".join((*lines, "}", "}", ""))


# --- models ---------------------------------------------------------------------------------


def _model(model: Any) -> Raw:
    raw: Raw = {"names": list(_names(model.match, model.id)), "prices": list(_prices(model))}
    variants = list(_variants(model))
    for price in raw["prices"]:
        inside = [item for item in variants if overlap(item, price)]
        if inside:
            price["variants"] = inside
    return raw


def _prices(model: Any) -> Iterator[Raw]:
    if not isinstance(model.prices, list):
        yield {"rates": _rates(model.prices, model.id)}
        return
    prices: list[Raw] = []
    for item in model.prices:
        constraint = item.constraint
        rates = _rates(item.prices, model.id)
        if constraint is None:
            prices.append({"rates": rates})
        elif hasattr(constraint, "start_date"):
            day = constraint.start_date.isoformat()
            if prices:
                prices[-1] = {**_period(prices[-1]), "to": day, **prices[-1]}
            prices.append({"from": day, "rates": rates})
        else:
            window = {"from": _clock(constraint.start_time), "to": _clock(constraint.end_time)}
            prices[-1].setdefault("windows", []).append({**window, "rates": rates})
    yield from prices


def _period(price: Raw) -> Raw:
    return {"from": price["from"]} if "from" in price else {}


def _variants(model: Any) -> Iterator[Raw]:
    ends: dict[str, str] = {}
    for item in model.price_variants or ():
        (key, value), *more = item.when.items()
        rates = _rates(item.prices, model.id)
        if more or key not in _TIER_WORDS:
            raise BadPriceBook(f"{model.id}: variant {item.when!r} is not understood")
        if not rates:
            continue
        when = value if key != "search_type" else f"{value}-search"
        variant: Raw = {"when": when}
        if item.constraint is not None:
            variant["from"] = item.constraint.start_date.isoformat()
        if when in ends:
            variant["to"] = ends[when]
        ends[when] = variant.get("from", "0001-01-01")
        yield {**variant, "rates": rates}


def _rates(prices: Any, model: str) -> Raw:
    rates: Raw = {}
    directed = {key for key in vars(prices) if key.endswith("_audio_hours")}
    for key, value in vars(prices).items():
        if value is None or key in NOT_COUNTED or (key == "audio_hours" and directed):
            continue
        if key not in RATE_KEYS:
            raise BadPriceBook(f"{model}: price key {key!r} is not understood")
        for unit in RATE_KEYS[key]:
            rates[unit] = _rate(value)
    return dict(sorted(rates.items()))


def _rate(value: Any) -> Any:
    if isinstance(value, Decimal):
        return value
    rate: Raw = {"base": value.base}
    for tier in value.tiers:
        inclusive = tier.start % 10 == 9
        pair = [tier.start + 1 if inclusive else tier.start, tier.price]
        rate.setdefault("from" if inclusive else "over", []).append(pair)
    return rate


def _clock(value: Any) -> str:
    return cast("str", value.strftime("%H:%M"))


# --- names ----------------------------------------------------------------------------------

_STUMP: Final = re.compile(r"(?:[-@.:]|-20\d\d|-v\d)$")
"""A clause that ends so is the beginning of names, not a name."""


def _names(match: Any, model_id: str) -> Iterator[str]:
    seen = set()
    for literal in (model_id, *_literals(match)):
        name = canonical(literal.removeprefix("/"))
        if (literal == model_id or not _STUMP.search(name)) and name not in seen:
            seen.add(name)
            yield name


def _literals(match: Any) -> Iterator[str]:
    for branch in ("or_", "and_"):
        for clause in getattr(match, branch, ()):
            yield from _literals(clause)
    for kind in ("equals", "starts_with", "ends_with", "contains"):
        if hasattr(match, kind):
            yield cast("str", getattr(match, kind))


def _settle_names(models: dict[str, Raw]) -> None:
    """Leave each name to one model: its own id first, then the first model that claims it."""
    owner = {name: name for name in models}
    for name, raw in models.items():
        for alias in raw["names"]:
            owner.setdefault(alias, name)
    for name, raw in models.items():
        raw["names"] = [alias for alias in raw["names"] if owner[alias] == name]
    for shorten in (strip_region, strip_bedrock, strip_date):
        for short, claims in _claims(models, shorten).items():
            if short not in owner and len(claims) == 1:
                (name,) = claims
                owner[short] = name
                models[name]["names"].append(short)


def _claims(
    models: Mapping[str, Raw], shorten: Callable[[str], str]
) -> Mapping[str, Collection[str]]:
    claims: dict[str, dict[str, None]] = {}
    for name, raw in models.items():
        for alias in raw["names"]:
            claims.setdefault(shorten(alias), {})[name] = None
    return claims


# --- keeping and writing --------------------------------------------------------------------


def _keep_retired(book: dict[str, Raw], previous: Mapping[str, Any]) -> None:
    for provider, raw in previous.items():
        kept = book.setdefault(provider, {key: raw[key] for key in raw if key != "models"})
        models = kept.setdefault("models", {})
        taken = {alias for model in models.values() for alias in model["names"]}
        for name, model in raw["models"].items():
            if name not in models:
                names = [alias for alias in model["names"] if alias not in taken]
                models[name] = {**model, "names": names, "retired": True}


def _same(book: Mapping[str, Raw], previous: Mapping[str, Any]) -> bool:
    return render({}, book) == render({}, cast("Mapping[str, Raw]", previous))


def _json(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value.normalize() if value else Decimal(0), "f")
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_json(str(key))}: {_json(item)}" for key, item in value.items())
        return f"{{{inside}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_json(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=False)
