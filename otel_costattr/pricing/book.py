"""The price book: every price that is known, immutable and named by the hash of its content."""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, cast

from otel_costattr.errors import BadPriceBook
from otel_costattr.pricing.contract import NO_CONTRACT, Contract
from otel_costattr.pricing.entries import Entry
from otel_costattr.pricing.reading import day_ns, read_entries, refuse_unknown

if TYPE_CHECKING:
    from otel_costattr.pricing.overlay import Overlay

VERSION_DIGITS: Final = 12
"""Hex digits of SHA-256 that name a book; one in 281 million million is the same by chance."""


class PriceBook:
    """Prices of every known model, dated; nothing in it changes after it was made.

    Whatever it remembers between calls is the result of a pure look-up, so the order of calls
    never shows in an answer.

    Attributes:
        version: The first hex digits of the SHA-256 of its content, overlays included.
        contract: What was agreed on top of published prices.
    """

    __slots__ = (
        "_entries",
        "_models",
        "_names",
        "_sellers",
        "_since",
        "_source",
        "contract",
        "memo",
        "version",
    )

    def __init__(
        self,
        providers: Mapping[str, Any],
        *,
        version: str,
        header: Mapping[str, str],
        contract: Contract = NO_CONTRACT,
    ) -> None:
        """Index the names; entries are read when they are first looked up.

        Raises:
            BadPriceBook: A key is unknown, or two models of a provider claim one name.
        """
        self.version = version
        self.contract = contract
        self.memo: dict[object, Any] = {}
        self._models = providers
        self._names: dict[str, dict[str, str]] = {}
        self._sellers = {
            provider: tuple(raw.get("fallback", ())) for provider, raw in providers.items()
        }
        self._since = {
            provider: day_ns(provider, "since", raw["since"])
            for provider, raw in providers.items()
            if "since" in raw
        }
        self._entries: dict[tuple[str, str], tuple[Entry, ...]] = {}
        self._source = (header.get("source", ""), header.get("checked", ""))
        for provider, raw in providers.items():
            self._names[provider] = _names(provider, raw["models"])

    # --- what matching asks -----------------------------------------------------------------

    def model_of(self, provider: str, name: str) -> str:
        """Return the book's name of the model that is spelled `name`, or `''`."""
        own = self.contract.models.get(provider, {}).get(name, "")
        return own or self._names.get(provider, _NO_NAMES).get(name, "")

    def knows(self, provider: str) -> bool:
        """Tell whether the book has prices of a provider."""
        return provider in self._names or provider in self.contract.models

    def sellers(self, provider: str) -> tuple[str, ...]:
        """Return whose models a provider sells at their own prices."""
        return self._sellers.get(provider, ())

    def alias(self, provider: str, name: str) -> tuple[str, str] | None:
        """Return whose model, and which, a contract's alias stands for, or None."""
        return self.contract.aliases.get((provider, name))

    def spelling(self, spelled: str) -> str:
        """Return the provider that a contract says a lower-case spelling means, or `''`."""
        return self.contract.spellings.get(spelled, "")

    # --- what pricing asks ------------------------------------------------------------------

    def entries(self, provider: str, model: str) -> tuple[Entry, ...]:
        """Return the dated prices of a model, oldest first; empty where it is unknown.

        Raises:
            BadPriceBook: The data of this model cannot be true; a shipped book never raises.
        """
        key = (provider, model)
        known = self.contract.entries.get(key) or self._entries.get(key)
        if known is None:
            known = self._read(provider, model)
            self._entries[key] = known
        return known

    def since_ns(self, provider: str) -> int:
        """Return when a provider sold its first call, nanoseconds UTC; 0 where nobody noted it."""
        return self._since.get(provider) or 0

    def models(self) -> Iterator[tuple[str, str]]:
        """Yield provider and model of everything that has a price, sorted."""
        listed = {(p, model) for p, raw in self._models.items() for model in raw["models"]}
        own = {(p, model) for p, names in self.contract.models.items() for model in names.values()}
        yield from sorted(listed | own)

    def names(self, provider: str, model: str) -> tuple[str, ...]:
        """Return every known spelling of a model, sorted."""
        tables = (self._names.get(provider, {}), self.contract.models.get(provider, {}))
        return tuple(sorted({n for table in tables for n, of in table.items() if of == model}))

    def providers(self) -> tuple[str, ...]:
        """Return the book's names of all providers, sorted."""
        return tuple(sorted({*self._names, *self.contract.models}))

    def retired(self, provider: str, model: str) -> bool:
        """Tell whether the source of prices no longer lists a model."""
        raw = self._models.get(provider, _NO_MODELS)["models"].get(model, {})
        return bool(raw.get("retired", False))

    def with_overlay(self, overlay: Overlay) -> PriceBook:
        """Return a book with a contract on top; this one stays as it is.

        Args:
            overlay: From `read_overlay`; where it names a field that an earlier overlay named,
                it wins.

        Raises:
            BadPriceBook: The overlay names a model or provider that neither has.
        """
        book = self.with_contract(overlay.onto(self))
        digest = hashlib.sha256(f"{self.version}\n{overlay.digest}".encode())
        book.version = digest.hexdigest()[:VERSION_DIGITS]
        return book

    def with_contract(self, contract: Contract) -> PriceBook:
        """Return a book with the same published prices and version under another contract."""
        book = PriceBook.__new__(PriceBook)
        for slot in PriceBook.__slots__:
            setattr(book, slot, getattr(self, slot))
        book.memo = {}
        book.contract = contract
        return book

    def _read(self, provider: str, model: str) -> tuple[Entry, ...]:
        raw = self._models.get(provider, _NO_MODELS)["models"].get(model)
        if raw is None:
            return ()
        source, checked = self._source
        return read_entries(provider, model, raw.get("prices"), source=source, checked=checked)


_NO_NAMES: Final[Mapping[str, str]] = {}
_NO_MODELS: Final[Mapping[str, Any]] = {"models": {}}
_BOOK_KEYS: Final = ("header", "providers")
_PROVIDER_KEYS: Final = ("models", "fallback", "since")
_MODEL_KEYS: Final = ("names", "prices", "retired")


def read_book(text: str) -> PriceBook:
    """Read a book from its JSON text and check all of it.

    Raises:
        BadPriceBook: It is no JSON, a key is unknown, a rate cannot be true, two periods overlap
            or two models claim one name.
    """
    book = _open(text)
    check(book)
    return book


@functools.cache
def shipped_book() -> PriceBook:
    """Return the book that this release ships, read once from the package's own data.

    Its entries are checked when the release is built and read when they are first used.
    """
    data = importlib.resources.files("otel_costattr.pricing") / "data" / "prices.json"
    return _open(data.read_text(encoding="utf-8"))


def check(book: PriceBook) -> None:
    """Read every entry of a book.

    Raises:
        BadPriceBook: At the first entry that cannot be true, naming entry, key and value.
    """
    for provider, model in book.models():
        book.entries(provider, model)


def _open(text: str) -> PriceBook:
    try:
        raw = json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise BadPriceBook(f"the price book is no JSON: {error}") from None
    refuse_unknown("price book", raw, _BOOK_KEYS)
    providers = cast("Mapping[str, Any]", raw.get("providers", {}))
    for provider, table in providers.items():
        refuse_unknown(provider, table, _PROVIDER_KEYS)
    digest = hashlib.sha256(text.encode()).hexdigest()[:VERSION_DIGITS]
    return PriceBook(providers, version=digest, header=raw.get("header", {}))


def _names(provider: str, models: Mapping[str, Any]) -> dict[str, str]:
    names: dict[str, str] = {}
    for model, raw in models.items():
        refuse_unknown(f"{provider}/{model}", raw, _MODEL_KEYS)
        for name in raw.get("names", ()):
            if names.setdefault(name, model) != model:
                raise BadPriceBook(
                    f"{provider}: both {names[name]} and {model} claim the name {name!r}"
                )
    return names
