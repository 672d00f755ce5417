"""Repricing: what a call costs is worked out again from the ledger alone."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from golden.recordings import all_recordings
from otel_costattr_collector.amendments.heads import heads_between, period_of
from otel_costattr_collector.amendments.recompute import repriced
from otel_costattr_collector.amendments.reprice import (
    COUNTED,
    Overlay,
    Repricing,
    Supposed,
    reprice,
    what_if,
)
from otel_costattr_collector.bookings import Bookings
from otel_costattr_collector.ledger import Line, as_mapping, encode, lines_of_all, split
from otel_costattr_collector.spend import Question
from otel_costattr_collector.store import Store

from otel_costattr.assess import assess_all
from otel_costattr.errors import BadInput
from otel_costattr.model import Span
from otel_costattr.pricing import shipped_book
from otel_costattr.testing import START_NS, chat_span

# gpt-4o-mini: 1,000 tokens in at 0.15 USD and 200 out at 0.60 USD per million.
CALL = Decimal("0.00027")
TENTH_OFF = Overlay(text='[[discount]]\nprovider = "openai"\npercent = 10\n')
# The spans of the builder start on 2026-09-21.
SEPTEMBER: dict[str, Any] = {"start_date": "2026-09-01", "end_date": "2026-09-30"}


def span(number: int, *, tenant: str = "acme", model: str = "gpt-4o-mini") -> Span:
    """Make a call of 1,000 tokens in and 200 out."""
    return chat_span(
        number=number,
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": model,
            "gen_ai.response.model": model,
            "gen_ai.response.id": f"chatcmpl-{number:08d}",
            "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.output_tokens": 200,
            "costattr.tenant": tenant,
        },
    )


def fill(store: Store, spans: Sequence[Span]) -> Sequence[Line]:
    """Book spans that were assessed together."""
    lines = lines_of_all(assess_all(spans, book=shipped_book()))
    for number, group in enumerate(split(lines), start=1):
        store.insert(encode(group, batch_id=number, recorded_ns=START_NS + 10**9))
    return lines


def sums(store: Store, what: str = "tenant") -> dict[object, tuple[object, ...]]:
    """Add the ledger up by one column."""
    rows = store.query(
        f"SELECT {what}, sum(calls), sum(amount_usd), sum(lines) FROM ledger GROUP BY {what}"
    ).rows
    return {row[0]: row[1:] for row in rows}


def test_the_same_book_changes_nothing_over_all_recordings(store: Store) -> None:
    """Every call of 48 emitters is read back from its line as it was priced."""
    spans = [one for found in all_recordings() for one in found.spans]
    fill(store, spans)

    question = Question(group_by=("tenant",))
    heads = list(heads_between(store, period_of(store, question, COUNTED)))
    changed = [
        (as_mapping(line), as_mapping(new))
        for line in heads
        if (new := repriced(line, shipped_book())) is not line
    ]

    assert len(heads) > 250
    assert [
        {name: (old[name], new[name]) for name in old if old[name] != new[name]}
        for old, new in changed
    ] == []


def test_a_dry_run_says_what_would_change_and_books_nothing(store: Store) -> None:
    """A tenth off: 0.00027 becomes 0.000243, by tenant, month and model."""
    fill(store, [span(1), span(2), span(3, tenant="globex")])
    before = sums(store)

    found = reprice(
        store, Bookings(store), Repricing(**SEPTEMBER, overlays=[TENTH_OFF], dry_run=True)
    )

    assert [(r.tenant, r.month, r.model, r.before_usd, r.after_usd) for r in found.data] == [
        ("acme", "2026-09", "gpt-4o-mini", "0.00054", "0.000486"),
        ("globex", "2026-09", "gpt-4o-mini", "0.00027", "0.000243"),
    ]
    assert found.total.difference_usd == "-0.000081"
    assert (found.looked_at, found.changed, found.booked) == (3, 3, 0)
    assert sums(store) == before


def test_a_reprice_books_pairs_once(store: Store) -> None:
    """Twice changes nothing; another book amends the last rebook; back again gives the old sum."""
    fill(store, [span(1), span(2), span(3, tenant="globex")])
    books = Bookings(store)
    cheaper = Repricing(**SEPTEMBER, overlays=[TENTH_OFF])

    first = reprice(store, books, cheaper)
    again = reprice(store, books, cheaper)

    assert (first.changed, first.booked) == (3, 6)
    assert (again.changed, again.booked) == (0, 0)
    assert sums(store) == {"acme": (2, 2 * CALL * 9 / 10, 2), "globex": (1, CALL * 9 / 10, 1)}
    assert reprice(store, books, Repricing(**SEPTEMBER)).booked == 6
    assert sums(store) == {"acme": (2, 2 * CALL, 2), "globex": (1, CALL, 1)}
    assert sums(store, "entry") == {
        "call": (3, 3 * CALL, 3),
        "reversal": (-6, -3 * CALL - 3 * CALL * 9 / 10, -6),
        "rebook": (6, 3 * CALL + 3 * CALL * 9 / 10, 6),
    }


def test_a_call_without_a_price_gets_one(store: Store) -> None:
    """An own model that the contract names later is priced then: 1000 x 1 + 200 x 2 per million."""
    fill(store, [span(1, model="acme-7b")])
    own = Overlay(
        text='[[model]]\nprovider = "openai"\nmodel = "acme-7b"\nrates = {input = 1, output = 2}\n'
    )

    found = reprice(store, Bookings(store), Repricing(**SEPTEMBER, overlays=[own]))

    assert (found.total.newly_priced, found.total.before_usd) == (1, None)
    assert sums(store, "status") == {
        "unpriced": (0, None, 0),
        "priced": (1, Decimal("0.0014"), 1),
    }


def test_only_what_is_asked_for_is_priced_again(store: Store) -> None:
    """Filters and a key's tenant bound the run."""
    fill(store, [span(1), span(2, tenant="globex"), span(3, tenant="initech")])
    wanted = Repricing(**SEPTEMBER, overlays=[TENTH_OFF], where=["tenant!=initech"])

    assert reprice(store, Bookings(store), wanted, tenant="globex").changed == 1
    assert sums(store)["globex"] == (1, CALL * 9 / 10, 1)
    assert reprice(store, Bookings(store), wanted).changed == 1
    assert sums(store)["initech"] == (1, CALL, 1)


def test_what_if_books_nothing(store: Store) -> None:
    """The same usage on gpt-4o: 1000 x 2.50 + 200 x 10 per million; in a batch half of it."""
    fill(store, [span(1)])
    before = sums(store)

    other = what_if(store, Supposed(**SEPTEMBER, model="gpt-4o"))
    batch = what_if(store, Supposed(**SEPTEMBER, service_tier="batch"))

    assert other.total.after_usd == "0.0045"
    assert [(row.model, row.after_usd) for row in other.data] == [
        ("gpt-4o", "0.0045"),
        ("gpt-4o-mini", None),
    ]
    assert batch.total.after_usd == "0.000135"
    assert sums(store) == before
    with pytest.raises(BadInput, match="nothing changes"):
        what_if(store, Supposed(**SEPTEMBER))
