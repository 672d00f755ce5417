"""The store on a real engine: exactly once, exact sums, clear refusals."""

from __future__ import annotations

from decimal import Decimal

import pytest
from assessed import assessed, unpriced
from otel_costattr_collector.ledger import Block, encode, lines_of
from otel_costattr_collector.store import Store

from otel_costattr.errors import PermanentError

ROLLUPS = ("spend_by_tenant_day", "spend_by_feature_15m", "spend_by_session")


def _block_of(numbers: range, batch_id: int = 1) -> Block:
    lines = [line for number in numbers for line in lines_of(assessed(number))]
    return encode(lines, batch_id=batch_id, recorded_ns=1_790_000_010_000_000_000)


def _sums(store: Store, table: str) -> tuple[object, ...]:
    sql = (
        "SELECT sum(lines), sum(calls), sum(amount_usd), sum(input_total_tokens),"
        f" sum(output_total_tokens) FROM {table}"
    )
    return store.query(sql).rows[0]


def test_the_same_token_twice_changes_nothing_anywhere(store: Store) -> None:
    """A resent batch is recognised by the ledger and by each rollup."""
    block = _block_of(range(1, 101))
    for _ in range(3):
        store.insert(block)

    expected = (100, 100, 100 * Decimal("0.00027"), 100_000, 20_000)
    for table in ("ledger", *ROLLUPS):
        assert _sums(store, table) == expected, table


def test_another_token_is_another_batch(store: Store) -> None:
    """Only the token decides: the same bytes under a new one are added."""
    block = _block_of(range(1, 3))
    store.insert(block, token="one")
    store.insert(block, token="two")

    for table in ("ledger", *ROLLUPS):
        assert _sums(store, table)[0] == 4, table


def test_an_unknown_cost_stays_unknown_in_every_table(store: Store) -> None:
    """A tenant with unpriced calls only has no cost, neither in the ledger nor in a rollup."""
    lines = lines_of(unpriced(1))
    store.insert(encode(lines, batch_id=1, recorded_ns=1))

    for table in ("ledger", *ROLLUPS):
        assert _sums(store, table)[:3] == (1, 1, None), table


def test_garbage_is_refused_for_good(store: Store) -> None:
    """Bytes that are no block are a permanent error, and nothing is written."""
    garbage = Block(batch_id=1, rows=1, data=b"\x02\x02garbage", partitions=(202609,))

    with pytest.raises(PermanentError, match="insert of batch 0000000000000001"):
        store.insert(garbage)
    assert _sums(store, "ledger")[0] == 0


def test_a_closed_store_says_so(own_store: Store) -> None:
    """After `close` each use is a permanent error, and closing again is fine."""
    own_store.close()
    own_store.close()

    with pytest.raises(PermanentError, match="is closed"):
        own_store.ping()
    with pytest.raises(PermanentError, match="is closed"):
        own_store.insert(_block_of(range(1, 2)))
