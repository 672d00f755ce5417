"""A late copy after a reprice: what it tells of the call counts, at the prices that are in force."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any

import pytest
from amendments.test_late_path import copies
from amendments.test_reprice import SEPTEMBER, TENTH_OFF
from otel_costattr_collector.amendments.amender import Amender
from otel_costattr_collector.amendments.contracts import Contracts
from otel_costattr_collector.amendments.heads import heads_of_spans
from otel_costattr_collector.amendments.reprice import Overlay, Repricing, reprice
from otel_costattr_collector.amendments.wishes import Wish
from otel_costattr_collector.bookings import Bookings
from otel_costattr_collector.ingest.assessor import Assessor
from otel_costattr_collector.ingest.memory import Memory
from otel_costattr_collector.ingest.settling import Pending
from otel_costattr_collector.ledger import encode
from otel_costattr_collector.metrics import Metrics
from otel_costattr_collector.store import Store

from otel_costattr.errors import RetryableError
from otel_costattr.model import Span
from otel_costattr.pricing import PriceBook, read_overlay, shipped_book
from otel_costattr.testing import START_NS
from otel_costattr.usage import read

PLAIN = Decimal("0.00027")  # 1,000 in at 0.15 USD and 200 out at 0.60 USD per million
RICH = Decimal("0.00024")  # 400 of the 1,000 read from the cache at 0.075 USD
THIRD_OFF = '[[discount]]\nprovider = "openai"\npercent = 33\n'
_BATCHES = count(1)


class Collector:
    """What decides about telemetry, over a ledger and under some prices."""

    def __init__(self, store: Store, book: PriceBook) -> None:
        self.store = store
        self.book = book
        self._assessor = Assessor(
            book=book,
            metrics=Metrics(),
            memory=Memory(max_calls=100, max_links=100),
            amender=Amender(partial(heads_of_spans, store), books=Contracts(store, book).books),
        )

    def take(self, span: Span) -> None:
        """Book a span."""
        pending = Pending(
            number=1, place=0, segment=1, received_ns=1, key_tenant="", span=span, call=read(span)
        )
        lines = self._assessor.lines([pending])
        assert not self._assessor.waiting()
        self.store.insert(encode(lines, batch_id=next(_BATCHES), recorded_ns=START_NS + 10**9))
        self._assessor.finish(())

    def reprice(self, *overlays: Overlay, dry_run: bool = False) -> None:
        """Price the month again."""
        wanted = Repricing(**SEPTEMBER, overlays=list(overlays), dry_run=dry_run)
        reprice(self.store, Bookings(self.store), wanted, present=self.book)

    def total(self) -> Decimal:
        """Sum the ledger."""
        (row,) = self.store.query("SELECT sum(amount_usd), sum(calls) FROM ledger").rows
        assert row[1] == 1
        return Decimal(row[0])


def version_of(*overlays: str, book: PriceBook | None = None) -> str:
    """Return the version of a book under contracts."""
    book = book or shipped_book()
    for text in overlays:
        book = book.with_overlay(read_overlay(text, source="overlay.toml"))
    return book.version


def test_a_late_copy_leaves_the_prices_of_a_reprice_in_force(store: Store) -> None:
    """0.00027, a tenth off 0.000243; then 400 of the tokens prove cached: 0.9 x 0.00024."""
    first, richer = copies()
    collector = Collector(store, shipped_book())
    collector.take(first)
    assert collector.total() == PLAIN
    collector.reprice(TENTH_OFF)
    assert collector.total() == PLAIN * 9 / 10

    collector.take(richer)

    assert collector.total() == RICH * 9 / 10
    (line,) = store.query(
        "SELECT price_book, startsWith(cause, 'late_copy:'), rates['cache_read'] FROM ledger"
        " WHERE entry = 'rebook' ORDER BY amount_usd LIMIT 1"
    ).rows
    assert line[:2] == (version_of(TENTH_OFF.text), 1)
    assert line[2].startswith("0.0675/")


def test_the_last_reprice_decides(store: Store) -> None:
    """Back to the collector's own prices, or to those of another contract."""
    first, richer = copies()
    collector = Collector(store, shipped_book())
    collector.take(first)
    collector.reprice(TENTH_OFF)
    collector.reprice(Overlay(text=THIRD_OFF))
    collector.reprice()
    collector.take(richer)
    assert collector.total() == RICH


def amended(store: Store, book: PriceBook, richer: Span, first: Span) -> Decimal:
    """Amend a call as a collector that was just started does, and return what it costs then."""
    other = Collector(store, book)
    made = Assessor(book=book, metrics=Metrics(), memory=Memory(max_calls=1, max_links=1))
    pending = Pending(
        number=1, place=0, segment=1, received_ns=1, key_tenant="", span=richer, call=read(richer)
    )
    amender = Amender(partial(heads_of_spans, store), books=Contracts(store, book).books)
    wish = Wish(
        arrived=f"{first.trace_id}:{first.span_id}",
        at_ns=first.start_ns,
        cause="late_copy:x",
        lines=tuple(made.lines([pending])),
    )
    assert amender.prepare([wish]) == "ready"
    pair = amender.grant(wish)
    amender.finish(())
    store.insert(encode(pair, batch_id=next(_BATCHES), recorded_ns=START_NS + 2 * 10**9))
    return other.total()


def test_another_collector_and_one_that_was_restarted_know_the_contract(store: Store) -> None:
    """It is kept in the store; over prices that changed meanwhile it still wins."""
    first, richer = copies()
    collector = Collector(store, shipped_book())
    collector.take(first)
    collector.reprice(TENTH_OFF)
    newer = shipped_book().with_overlay(read_overlay(THIRD_OFF, source="contract.toml"))

    assert amended(store, newer, richer, first) == RICH * 9 / 10


def test_a_call_that_no_reprice_changed_has_the_prices_of_the_collector(store: Store) -> None:
    """Nor does a dry run count."""
    first, richer = copies()
    collector = Collector(store, shipped_book())
    collector.take(first)
    collector.reprice(TENTH_OFF, dry_run=True)
    collector.take(richer)

    assert collector.total() == RICH
    assert store.query("SELECT count() FROM price_contracts").rows == ((0,),)


def test_a_contract_is_kept_once(store: Store) -> None:
    """However often it is ordered."""
    kept = Contracts(store, shipped_book())
    for _ in range(2):
        kept.keep("v1", [("a.toml", THIRD_OFF)])
    kept.keep("v2", [])

    assert store.query("SELECT book, count() FROM price_contracts GROUP BY book").rows == (
        ("v1", 1),
    )


def test_a_contract_that_no_longer_fits_is_told_and_left_out(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Its calls are amended at the collector's own prices, and the log says why."""
    first, richer = copies()
    collector = Collector(store, shipped_book())
    collector.take(first)
    Contracts(store, shipped_book()).keep("gone", [("a.toml", "nonsense = 1\n")])
    with caplog.at_level(logging.WARNING):
        assert Contracts(store, shipped_book()).books({"gone", ""}) == {}
    assert "no longer fits" in caplog.text
    collector.take(richer)
    assert collector.total() == RICH


def test_while_the_store_does_not_tell_the_contract_late_spans_wait(store: Store) -> None:
    """A call is never amended at guessed prices."""
    first, richer = copies()
    collector = Collector(store, shipped_book())
    collector.take(first)
    del richer
    asked: list[Collection[str]] = []

    def down(versions: Collection[str]) -> Mapping[str, PriceBook]:
        asked.append(versions)
        raise RetryableError("down")

    amender = Amender(partial(heads_of_spans, store), books=down)
    name = f"{first.trace_id}:{first.span_id}"
    wish = Wish(arrived=name, at_ns=first.start_ns, cause="late_copy:x")
    assert amender.prepare([wish]) == "later"
    assert asked == [{shipped_book().version}]


def test_a_freeze_asks_once_for_the_prices_of_its_heads(store: Store) -> None:
    """Whatever the number of wishes about them."""
    first, _ = copies()
    Collector(store, shipped_book()).take(first)
    asked: list[Any] = []

    def none(versions: Collection[str]) -> Mapping[str, PriceBook]:
        asked.append(versions)
        return {}

    amender = Amender(partial(heads_of_spans, store), books=none)
    name = f"{first.trace_id}:{first.span_id}"
    wish = Wish(arrived=name, at_ns=first.start_ns, cause="late_copy:x")
    for _ in range(2):
        assert amender.prepare([wish]) == "ready"
    assert len(asked) == 1
    amender.finish(())
    assert amender.prepare([wish]) == "ready"
    amender.finish(())
    assert len(asked) == 2
