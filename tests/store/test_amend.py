"""Amendments: taking a line back undoes it in every table, and a line survives the round trip."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from assessed import assessed, duplicate, unpriced
from hypothesis import given
from hypothesis import strategies as st
from otel_costattr_collector.ledger import (
    Line,
    amendment_of,
    as_mapping,
    encode,
    from_row,
    lines_of,
    reversal_of,
    select_list,
)
from otel_costattr_collector.ledger.columns import LINE_COLUMNS
from otel_costattr_collector.store import Store

from otel_costattr.errors import BadInput
from otel_costattr.model import Assessment
from otel_costattr.testing import START_NS

TABLES = ("ledger", "spend_by_tenant_day", "spend_by_feature_15m", "spend_by_session")
MEASURES = [
    "lines",
    "calls",
    "usage_calls",
    "failed_calls",
    "input_total_tokens",
    "output_total_tokens",
    "amount_usd",
    "list_usd",
    "reported_cost_usd",
]
KINDS: dict[str, Assessment] = {
    "priced": assessed(1, error_type="timeout", reported_cost_usd=Decimal("0.5")),
    "unpriced": unpriced(2),
    "duplicate": duplicate(3, of=assessed(1)),
    "tagged": replace(assessed(4), provenance={"input": "gen_ai.usage.input_tokens"}),
}


def _insert(store: Store, *lines: Line, batch_id: int = 1) -> None:
    store.insert(encode(lines, batch_id=batch_id, recorded_ns=START_NS))


def _sums(store: Store, table: str, where: str = "true") -> tuple[object, ...]:
    measures = ", ".join(f"sum(t.{name})" for name in MEASURES)
    return store.query(f"SELECT {measures} FROM {table} AS t WHERE {where}").rows[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_is_read_back_as_it_was_written(store: Store, kind: str) -> None:
    """Row to engine to row: every column is the same."""
    (line,) = lines_of(KINDS[kind])
    _insert(store, line)
    (row,) = store.query(f"SELECT {select_list()} FROM ledger").rows

    assert as_mapping(from_row(row)) == as_mapping(line)


@pytest.mark.parametrize("kind", KINDS)
def test_a_reversal_undoes_a_line_in_every_table(store: Store, kind: str) -> None:
    """Line and reversal sum to nothing, by status as in total; unknown amounts stay unknown."""
    (line,) = lines_of(KINDS[kind])
    _insert(store, line)
    before = _sums(store, "ledger")
    _insert(store, reversal_of(line, cause="test"), batch_id=2)

    for table in TABLES:
        for where in ("true", f"status = '{KINDS[kind].status}'"):
            sums = _sums(store, table, where)
            assert [bool(value) for value in sums] == [False] * len(MEASURES), table
            assert [one is None for one in sums] == [one is None for one in before], table


def test_a_pair_moves_what_changed_and_nothing_else(store: Store) -> None:
    """A late tenant: the call leaves nobody and arrives at acme, once, however often it is done."""
    (line,) = lines_of(assessed(1, owner={}))
    (corrected,) = lines_of(assessed(1, owner={"tenant": "acme"}))
    pair = amendment_of(line, corrected, cause="late_owner")
    _insert(store, line)
    for _ in range(2):
        _insert(store, *pair, batch_id=2)

    for table in TABLES[:2]:
        found = store.query(
            f"SELECT tenant, sum(calls), sum(amount_usd) FROM {table} GROUP BY tenant ORDER BY tenant"
        ).rows
        assert found == (("", 0, Decimal(0)), ("acme", 1, Decimal("0.00027"))), table
    reversal, rebook = map(as_mapping, pair)
    assert reversal["amends"] == rebook["amends"] == as_mapping(line)["line_id"]
    assert rebook["entry"] == "rebook"
    assert amendment_of(line, corrected, cause="late_owner") == pair
    assert amendment_of(line, corrected, cause="another")[1] != pair[1]


def test_only_the_head_of_a_chain_is_amended() -> None:
    """A reversal cannot be reversed; a rebook can."""
    (line,) = lines_of(assessed(1))
    reversal, rebook = amendment_of(line, line, cause="first")

    assert as_mapping(reversal_of(rebook, cause="second"))["entry"] == "reversal"
    with pytest.raises(BadInput, match="is a reversal"):
        reversal_of(reversal, cause="second")


@pytest.mark.parametrize("cause", ["", "x" * 201])
def test_an_amendment_has_a_cause(cause: str) -> None:
    """Nobody takes a line back without saying why."""
    with pytest.raises(BadInput, match="a cause has 1 to 200 characters"):
        reversal_of(lines_of(assessed(1))[0], cause=cause)


def test_a_row_of_another_shape_is_refused() -> None:
    """A row with too few columns is no line."""
    with pytest.raises(BadInput, match="columns, not 1"):
        from_row((1,))


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_reversal_negates_every_quantity(sent: int, received: int) -> None:
    """Each quantity and its reversal sum to 0, and no other column but four differs."""
    (line,) = lines_of(assessed(counts={"input": sent, "output": received}))
    reversal = reversal_of(line, cause="test")
    differ = {
        column.name
        for column, one, other in zip(LINE_COLUMNS, line, reversal, strict=True)
        if not column.quantity and one != other
    }

    for column, one, other in zip(LINE_COLUMNS, line, reversal, strict=True):
        if column.quantity and isinstance(one, int | Decimal) and isinstance(other, int | Decimal):
            assert one + other == 0, column.name
    assert differ == {"line_id", "entry", "amends", "cause"}
