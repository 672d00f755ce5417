"""Amounts are read as the driver reads them, digit by digit, only faster."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from clickhouse_connect.datatypes import numeric
from clickhouse_connect.datatypes.base import ClickHouseType, TypeDef
from clickhouse_connect.driver.query import QueryContext
from hypothesis import given
from hypothesis import strategies as st
from otel_costattr_collector import decimals
from otel_costattr_collector.store import Store

NUMBERS = st.one_of(
    st.integers(-(10**38) + 1, 10**38 - 1),
    st.integers(-(2**63) - 2, -(2**63) + 2),
    st.integers(2**63 - 2, 2**64 + 2),
    st.integers(-3, 3),
)


class Source:
    """The bytes of one column, as an answer has them."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read_bytes(self, size: int) -> bytes:
        """Take so many bytes."""
        taken, self._data = self._data[:size], self._data[size:]
        return taken


def read(column: ClickHouseType, numbers: Sequence[int | None]) -> list[str]:
    """Read numbers with a type, and write each as text."""
    wide = column.byte_size
    data = b"".join((one or 0).to_bytes(wide, "little", signed=True) for one in numbers)
    nulls = bytes(one is None for one in numbers) if column.nullable else b""
    source = Source(nulls + data)
    context = QueryContext("SELECT 1")
    found = column.read_column_data(source, len(numbers), context, None)  # type: ignore[arg-type]
    return [repr(one) for one in found]


def types(prec: int, scale: int, *, nullable: bool) -> tuple[ClickHouseType, ClickHouseType]:
    """Make our type of a column, and the driver's."""
    wrappers = ("Nullable",) if nullable else ()
    definition = TypeDef(wrappers=wrappers, keys=(), values=(prec, scale))
    decimals.register()
    ours = decimals._Decimal.build(definition)
    return ours, numeric.Decimal.build(definition)


@given(numbers=st.lists(NUMBERS), scale=st.sampled_from([0, 1, 12, 38]))
def test_amounts_are_equal_digit_by_digit(numbers: list[int], scale: int) -> None:
    """Each number of each scale reads as with the driver's own type."""
    ours, theirs = types(38, scale, nullable=False)

    assert read(ours, numbers) == read(theirs, numbers)


@given(numbers=st.lists(st.one_of(st.none(), NUMBERS)))
def test_null_stays_where_it_was(numbers: list[int | None]) -> None:
    """NULL among amounts, none but NULL and no NULL read as with the driver's own type."""
    ours, theirs = types(38, 12, nullable=True)

    assert read(ours, numbers) == read(theirs, numbers)


@pytest.mark.parametrize("prec", [9, 18, 76], ids="{} digits".format)
def test_other_widths_are_left_to_the_driver(prec: int) -> None:
    """A decimal of another width is read by the driver's own type."""
    ours, theirs = types(prec, 6, nullable=False)

    assert type(ours) is type(theirs)


def test_the_engine_says_the_same(store: Store) -> None:
    """An amount comes out of the engine as it went in, and NULL as None."""
    sql = "SELECT toDecimal128('-12345678901234567890.000000000001', 12), NULL::Nullable(Decimal(38, 12))"

    assert store.query(sql).rows == ((Decimal("-12345678901234567890.000000000001"), None),)
