"""Which contracts calls were priced again at, so that late copies of them are priced likewise."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from otel_costattr.errors import BadPriceBook
from otel_costattr.pricing import PriceBook, read_overlay

from ..ledger import native
from ..store import Store

Contract: TypeAlias = tuple[str, str]
"""Its name and its text, TOML."""

Books: TypeAlias = Callable[[Collection[str]], Mapping[str, PriceBook]]
"""Finds books by their versions; what it leaves out has the collector's own prices."""

MOST_BOOKS: Final = 16
_TABLE: Final = "price_contracts"
_READ: Final = (
    "SELECT book, any(contracts) FROM price_contracts WHERE book IN {books:Array(String)}"
    " GROUP BY book"
)

_log: Final = logging.getLogger(__name__)


class Contracts:
    """Keeps the contracts of repricing runs and makes their books again.

    Args:
        store: Where they are kept.
        present: The collector's own prices, which they are laid over.
    """

    def __init__(self, store: Store, present: PriceBook) -> None:
        self._store: Final = store
        self._present: Final = present
        self._laid: Final = lru_cache(maxsize=MOST_BOOKS)(self._lay)

    def keep(self, book: str, contracts: Sequence[Contract]) -> None:
        """Keep what makes a book, before anything is priced at it; once, however often.

        Args:
            book: Its version.
            contracts: What is laid over the collector's own prices, in this order.

        Raises:
            StoreError: The store refused or did not answer.
        """
        if not contracts or book in self._texts({book}):
            return
        text = json.dumps(contracts, ensure_ascii=False)
        columns: list[tuple[str, str, Sequence[object]]] = [
            ("book", "String", [book]),
            ("contracts", "String", [text]),
            ("recorded_ns", "DateTime64(9, 'UTC')", [time.time_ns()]),
        ]
        self._store.append(_TABLE, native.block(columns, 1), token=f"{_TABLE}:{book}")

    def books(self, versions: Collection[str]) -> Mapping[str, PriceBook]:
        """Find the books of repricing runs; nobody asks the store about the collector's own.

        Args:
            versions: As lines name them.

        Raises:
            StoreError: The store refused or did not answer.
        """
        others = {version for version in versions if version} - {self._present.version}
        made = {version: self._laid(text) for version, text in self._texts(others).items()}
        return {version: book for version, book in made.items() if book is not None}

    def _texts(self, versions: Collection[str]) -> Mapping[str, str]:
        if not versions:
            return {}
        return dict(self._store.query(_READ, {"books": sorted(versions)}).rows)

    def _lay(self, text: str) -> PriceBook | None:
        book = self._present
        try:
            for name, contract in json.loads(text):
                book = book.with_overlay(read_overlay(contract, source=name))
        except BadPriceBook as error:
            _log.warning("a contract of a former run no longer fits the price book: %s", error)
            return None
        return book
