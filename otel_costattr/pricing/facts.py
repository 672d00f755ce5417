"""Our own price facts, laid over what genai-prices publishes when the shipped book is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from otel_costattr.errors import BadPriceBook

Raw = dict[str, Any]


def apply_facts(book: dict[str, Raw], facts: Mapping[str, Any]) -> None:
    """Add our own facts to a book in place.

    Raises:
        BadPriceBook: A fact names a model that does not exist, has an unknown key or no source.
    """
    for kind in facts:
        if kind not in _APPLY:
            raise BadPriceBook(f"facts: unknown table {kind!r}; known are {', '.join(_APPLY)}")
    for kind, apply in _APPLY.items():
        for fact in facts.get(kind, ()):
            if not fact.get("source") or not fact.get("checked"):
                raise BadPriceBook(f"facts: {kind} {dict(fact)!r} needs source and checked")
            apply(book, fact)


def overlap(variant: Mapping[str, Any], price: Mapping[str, Any]) -> bool:
    """Tell whether two periods of `from` and `to`, ISO 8601 days, share a day."""
    first, last = price.get("from", ""), price.get("to", "9999")
    return bool(variant.get("from", "") < last and first < variant.get("to", "9999"))


def _model(book: dict[str, Raw], fact: Mapping[str, Any]) -> None:
    models = book.setdefault(fact["provider"], {"models": {}})["models"]
    models[fact["model"]] = {
        "names": [fact["model"], *fact.get("names", ())],
        "prices": [
            {**price, "source": fact["source"], "checked": str(fact["checked"])}
            for price in fact["prices"]
        ],
    }


def _not_a_name(book: dict[str, Raw], fact: Mapping[str, Any]) -> None:
    for raw in _chosen(book, fact):
        raw["names"] = [name for name in raw["names"] if name not in fact["names"]]


def _names(book: dict[str, Raw], fact: Mapping[str, Any]) -> None:
    for raw in _chosen(book, fact):
        raw["names"] += [name for name in fact["names"] if name not in raw["names"]]


def _rates(book: dict[str, Raw], fact: Mapping[str, Any]) -> None:
    for raw in _chosen(book, fact):
        for price in raw["prices"]:
            if overlap(fact, price):
                price["rates"] = dict(sorted({**price["rates"], **fact["rates"]}.items()))
                price.setdefault("sources", {}).update(dict.fromkeys(fact["rates"], _note(fact)))


def _minimum(book: dict[str, Raw], fact: Mapping[str, Any]) -> None:
    for raw in _chosen(book, fact):
        for price in raw["prices"]:
            price["minimums"] = {**price.get("minimums", {}), **fact["units"]}


def _variant(book: dict[str, Raw], fact: Mapping[str, Any]) -> None:
    for raw in _chosen(book, fact):
        for price in raw["prices"]:
            if not overlap(dict(fact), price):
                continue
            known = [item for item in price.get("variants", ()) if item["when"] == fact["when"]]
            start, end = fact.get("from"), fact.get("to")
            if known:
                opening = min(item.get("from", "") for item in known)
                if not opening or (start is not None and start >= opening):
                    continue
                end = opening
            variant = {
                "when": fact["when"],
                **({"from": start} if start else {}),
                **({"to": end} if end else {}),
                **({"factor": fact["factor"]} if "factor" in fact else {}),
                **({"rates": fact["rates"]} if "rates" in fact else {}),
                "source": _note(fact),
            }
            if overlap(variant, price):
                price.setdefault("variants", []).append(variant)


def _variant_since(book: dict[str, Raw], fact: Mapping[str, Any]) -> None:
    for raw in _chosen(book, fact):
        for price in raw["prices"]:
            same = [item for item in price.get("variants", ()) if item["when"] == fact["when"]]
            first = min(same, key=lambda item: item.get("from", ""), default=None)
            if first is None or first.get("from", "") <= max(fact["from"], price.get("from", "")):
                continue
            if overlap({"from": fact["recorded"]}, price):
                del first["from"]
                if price.get("from", "") < fact["from"]:
                    first["from"] = fact["from"]
                first["source"] = _note(fact)


def _window_days(book: dict[str, Raw], fact: Mapping[str, Any]) -> None:
    for raw in _chosen(book, fact):
        for price in raw["prices"]:
            for window in price.get("windows", ()):
                window["days"] = list(fact["days"])
                price["note"] = _note(fact)


def _since(book: dict[str, Raw], fact: Mapping[str, Any]) -> None:
    for name, day in fact.get("days", {}).items():
        raw = book.get(fact["provider"], {"models": {}})["models"].get(name)
        if raw is None:
            raise BadPriceBook(f"facts: since: no model {fact['provider']}/{name}")
        first = raw["prices"][0]
        if "from" not in first and day < first.get("to", "9999"):
            raw["prices"][0] = {"from": day, **first}
    if "provider_since" in fact:
        book[fact["provider"]]["since"] = fact["provider_since"]


def _chosen(book: dict[str, Raw], fact: Mapping[str, Any]) -> list[Raw]:
    models = book.get(fact["provider"], {"models": {}})["models"]
    wanted = fact.get("models", [fact["model"]] if "model" in fact else list(models))
    missing = [name for name in wanted if name not in models]
    if missing or not wanted:
        raise BadPriceBook(f"facts: no model {fact['provider']}/{', '.join(missing)}")
    return [models[name] for name in wanted]


def _note(fact: Mapping[str, Any]) -> str:
    return f"{fact['source']} ({fact['checked']})"


_APPLY: Final[Mapping[str, Callable[[dict[str, Raw], Mapping[str, Any]], None]]] = {
    "model": _model,
    "not_a_name": _not_a_name,
    "names": _names,
    "since": _since,
    "rates": _rates,
    "variant_since": _variant_since,
    "variant": _variant,
    "window_days": _window_days,
    "minimum": _minimum,
}
"""Kind of fact to what it does, in the order in which the kinds are applied."""
